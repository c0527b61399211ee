package import HTTPCore

/// All that a request parser made of an input, comparable.
package struct RequestReading: Equatable {
  package let consumed: Int?
  package let refusal: HTTPError?
  package let bytes: String
  package let fields: [String]
  package let method: Method
  package let methodText: String
  package let versionMinor: Int
  package let target: String
  package let path: String
  package let query: String?
  package let decodedPath: String
  package let isPathAmbiguous: Bool
  package let host: String
  package let hostPort: UInt16?
  package let hostIsName: Bool
  package let authority: String
  package let framing: BodyFraming
  package let keepAlive: Bool
  package let expectsContinue: Bool

  package init(_ head: borrowing RequestHead, consumed: Int?, refusal: HTTPError?) {
    self.consumed = consumed
    self.refusal = refusal
    bytes = text(head.bytes.span)
    var lines: [String] = []
    for field in head.fields {
      lines.append("\(text(head.span(field.name))): \(text(head.span(field.value)))")
    }
    fields = lines
    method = head.method
    methodText = text(head.span(head.methodBytes))
    versionMinor = head.versionMinor
    target = text(head.span(head.target))
    path = text(head.span(head.path))
    if let part = head.query { query = text(head.span(part)) } else { query = nil }
    decodedPath = text(head.decodedPath.span)
    isPathAmbiguous = head.isPathAmbiguous
    host = text(head.host.span)
    hostPort = head.hostPort
    hostIsName = head.hostIsName
    authority = text(head.span(head.authority))
    framing = head.framing
    keepAlive = head.keepAlive
    expectsContinue = head.expectsContinue
  }

  /// Parses growing prefixes, as a connection does.
  package static func read(
    _ input: [UInt8], ends: [Int], limits: HeadLimits = HeadLimits()
  ) -> RequestReading {
    var parser = RequestParser()
    var head = RequestHead()
    var consumed: Int?
    var refusal: HTTPError?
    for end in ends where consumed == nil && refusal == nil {
      do throws(HTTPError) {
        consumed = try parser.parse(
          input.span.extracting(0..<end), into: &head, limits: limits)
      } catch {
        refusal = error
      }
    }
    return RequestReading(head, consumed: consumed, refusal: refusal)
  }
}
