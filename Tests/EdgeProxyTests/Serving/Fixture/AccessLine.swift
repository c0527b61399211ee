@testable import EdgeProxy

/// One line of the access log, in JSON.
struct AccessLine: CustomStringConvertible {
  let description: String

  /// The value of a field, as it is written; `nil` where the line does not have it.
  subscript(_ name: String) -> String? { values(of: name).first }

  /// How each try ended, in their order.
  var outcomes: [String] { values(of: "outcome") }

  /// Why there was no whole answer of an application.
  var cause: String? { self["cause"] }

  private func values(of name: String) -> [String] {
    let mark = "\"\(name)\":"
    var found: [String] = []
    var rest = description[...]
    while let place = rest.firstRange(of: mark) {
      rest = rest[place.upperBound...]
      let isText = rest.first == "\""
      if isText { rest = rest.dropFirst() }
      found.append(String(rest.prefix { isText ? $0 != "\"" : $0 != "," && $0 != "}" }))
    }
    return found
  }
}

extension InProcessServer {
  /// The lines of the access log so far; only for a server with `logging`.
  func accessLines() throws -> [AccessLine] {
    worker.tick()
    let text = try logs?.read("access") ?? ""
    return text.split(separator: "\n").map { AccessLine(description: String($0)) }
  }
}
