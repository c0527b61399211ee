package import HTTPCore

/// All that a response parser made of an input, comparable.
package struct ResponseReading: Equatable {
  package let consumed: Int?
  package let refusal: HTTPError?
  package let status: Int
  package let reason: String
  package let fields: [String]
  package let contentLength: UInt64?
  package let isChunked: Bool

  package init(_ head: borrowing ResponseHead, consumed: Int?, refusal: HTTPError?) {
    self.consumed = consumed
    self.refusal = refusal
    status = head.status
    contentLength = head.contentLength
    isChunked = head.isChunked
    var lines: [String] = []
    // The ranges of a head that never became complete refer to nothing.
    if consumed != nil {
      for field in head.fields {
        lines.append("\(text(head.span(field.name))): \(text(head.span(field.value)))")
      }
    }
    fields = lines
    reason = consumed == nil ? "" : text(head.span(head.reason))
  }

  /// Parses growing prefixes, as a connection does.
  package static func read(
    _ input: [UInt8], ends: [Int], limits: HeadLimits = HeadLimits()
  ) -> ResponseReading {
    var parser = ResponseParser()
    var head = ResponseHead()
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
    return ResponseReading(head, consumed: consumed, refusal: refusal)
  }
}
