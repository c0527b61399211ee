/// Asks for the token of a user.
package struct AuthenticateRequest: Equatable, Sendable {
  package var name: String
  package var password: String

  package init(name: String, password: String) {
    self.name = name
    self.password = password
  }

  package func encoded() -> [UInt8] {
    var writer = ProtobufWriter()
    writer.write(1, name)
    writer.write(2, password)
    return writer.bytes
  }
}

package struct AuthenticateResponse: Equatable, Sendable {
  package var header = ResponseHeader()
  /// To be sent as the metadata `token` of later calls.
  package var token = ""

  package init(decoding bytes: [UInt8]) throws(ProtobufError) {
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch field {
      case 1: header = try ResponseHeader(decoding: reader.bytes())
      case 2: token = try reader.text()
      default: try reader.skip()
      }
    }
  }
}

// A password must not get into a log by way of string interpolation, nor may a token.
extension AuthenticateRequest: CustomStringConvertible, CustomDebugStringConvertible {
  package var description: String { "AuthenticateRequest(name: \(name))" }
  package var debugDescription: String { description }
}

extension AuthenticateResponse: CustomStringConvertible, CustomDebugStringConvertible {
  package var description: String { "AuthenticateResponse(revision: \(header.revision))" }
  package var debugDescription: String { description }
}
