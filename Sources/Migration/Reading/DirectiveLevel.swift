/// The directives of one block, found by name without looking at the others.
final class DirectiveLevel {
  let statements: [Statement]
  private let places: [String: [Int]]

  init(_ statements: [Statement]) {
    self.statements = statements
    places = Dictionary(grouping: statements.indices) { statements[$0].name }
  }

  func last(_ name: String) -> Statement? { places[name]?.last.map { statements[$0] } }

  /// Those of all the names, in their order.
  func all(_ names: some Sequence<String>) -> [Statement] {
    names.flatMap { places[$0] ?? [] }.sorted().map { statements[$0] }
  }

  func all(_ name: String) -> [Statement] { (places[name] ?? []).map { statements[$0] } }
}

/// The beginnings of a path that end where a segment ends, the shortest first: of `/a/b/` these are `/`, `/a`, `/a/`,
/// `/a/b` and `/a/b/`.
enum PathBeginnings {
  static func of(_ path: String) -> [String] {
    var beginnings = ["/"]
    let bytes = Array(path.utf8)
    for index in bytes.indices.dropFirst() where bytes[index] == UInt8(ascii: "/") {
      beginnings.append(String(decoding: bytes[..<index], as: UTF8.self))
      beginnings.append(String(decoding: bytes[...index], as: UTF8.self))
    }
    if beginnings.last != path { beginnings.append(path) }
    return beginnings
  }
}
