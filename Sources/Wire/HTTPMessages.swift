internal import HTTPCore

/// A request of ours to another server.
package struct HTTPRequest: Sendable {
  package enum Method: String, Sendable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
  }

  package var method: Method
  package var url: HTTPURL
  /// Besides those that every request has: Host, User-Agent, Connection and Content-Length.
  package var fields: [(name: String, value: String)]
  package var body: [UInt8]

  package init(
    method: Method, url: HTTPURL, fields: [(name: String, value: String)] = [],
    body: [UInt8] = []
  ) {
    self.method = method
    self.url = url
    self.fields = fields
    self.body = body
  }

  /// The request as HTTP/1.1 has it, RFC 9112; `nil` where a field cannot be sent.
  func bytes(userAgent: String) -> [UInt8]? {
    var all = [("Host", url.authority), ("User-Agent", userAgent), ("Connection", "close")]
    all += fields
    if method == .post || !body.isEmpty { all.append(("Content-Length", "\(body.count)")) }
    var text = "\(method.rawValue) \(url.target) HTTP/1.1\r\n"
    for (name, value) in all {
      guard !name.isEmpty, name.utf8.allSatisfy(ASCII.isToken),
        value.utf8.allSatisfy(ASCII.isFieldContent)
      else { return nil }
      text += "\(name): \(value)\r\n"
    }
    return Array(text.utf8) + Array("\r\n".utf8) + body
  }
}

/// The whole answer to it.
package struct HTTPResponse: Sendable {
  package let status: Int
  package let fields: [(name: String, value: String)]
  package let body: [UInt8]

  package init(status: Int, fields: [(name: String, value: String)], body: [UInt8]) {
    self.status = status
    self.fields = fields
    self.body = body
  }

  /// The value of the first field of a name, which is compared without regard to case.
  package func first(_ name: String) -> String? { all(name).first }

  /// The values of all fields of a name, in their order.
  package func all(_ name: String) -> [String] {
    let wanted = name.utf8.map(ASCII.lower)
    return fields.lazy.filter { $0.name.utf8.map(ASCII.lower) == wanted }.map(\.value)
  }
}

/// Why a request has no answer.
package enum HTTPCallError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The name of the server was not resolved.
  case noAddress(String)
  /// No connection came about, or it ended before the answer was whole.
  case connection(String)
  case timedOut
  /// The answer breaks the rules of HTTP.
  case malformed(String)
  /// The answer is larger than what is taken.
  case tooLarge

  package var description: String {
    switch self {
    case .noAddress(let reason): "no address: \(reason)"
    case .connection(let reason): reason
    case .timedOut: "no answer in time"
    case .malformed(let reason): "the answer is malformed: \(reason)"
    case .tooLarge: "the answer is too large"
    }
  }
}
