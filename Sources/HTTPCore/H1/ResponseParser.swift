/// Parses the response heads of applications, as strictly as requests.
///
/// A bad one never reaches a client. uWSGI repeats the request's version, so any `HTTP/digit.digit` will do.
package struct ResponseParser {
  private enum Phase { case statusLine, fields }

  private var phase = Phase.statusLine
  private var lines = LineScanner()
  /// The end of the connection is the end of the answer, as in uwsgi.
  ///
  /// An application is then no hop of HTTP/1.1 and may say `chunked` without sending chunks, as
  /// under nginx: its Content-Length counts, and without one its body is looked at.
  private let endsConnection: Bool

  package init(endsConnection: Bool = false) { self.endsConnection = endsConnection }

  /// Ready for another head, which begins at the first byte of the next input.
  package mutating func reset() { self = ResponseParser(endsConnection: endsConnection) }

  package var hasBegun: Bool { phase == .fields || lines.pendingCount > 0 }

  /// Parses what is there; the number of bytes of the complete head, or `nil` for more bytes.
  package mutating func parse(
    _ input: borrowing Span<UInt8>, into head: inout ResponseHead, limits: HeadLimits
  ) throws(HTTPError) -> Int? {
    let visible = input.extracting(0..<min(input.count, limits.responseHeadBytes))
    while let line = try lines.next(visible) {
      switch phase {
      case .statusLine:
        try parseStatusLine(visible, line, &head)
        phase = .fields
      case .fields:
        if line.isEmpty {
          if head.isChunked, head.contentLength != nil {
            guard endsConnection else { throw .lengthAndChunked }
            head.isChunked = false
          }
          head.mayLackChunks = endsConnection
          head.bytes.removeAll(keepingCapacity: true)
          head.bytes.append(copying: visible.extracting(0..<lines.lineStart))
          return lines.lineStart
        }
        guard head.fields.count < FixedLimits.responseFields else {
          throw .tooManyFields(limit: FixedLimits.responseFields)
        }
        let field = try FieldParser.parse(visible, line)
        try interpret(visible, field, &head)
        head.fields.append(field)
      }
    }
    guard input.count < limits.responseHeadBytes else {
      throw .responseHeadTooLarge(limit: limits.responseHeadBytes)
    }
    return nil
  }

  /// `HTTP/1.1 200 OK`; the reason may be missing, with its space or without.
  private func parseStatusLine(
    _ input: borrowing Span<UInt8>, _ range: Range<Int>, _ head: inout ResponseHead
  ) throws(HTTPError) {
    let line = input.extracting(range)
    guard line.count >= 12, ASCII.equalsExactly(line.extracting(0..<5), "HTTP/"),
      ASCII.isDigit(line[5]), line[6] == UInt8(ascii: "."), ASCII.isDigit(line[7]),
      line[8] == ASCII.space, line.count == 12 || line[12] == ASCII.space
    else { throw .statusLineMalformed }
    var status = 0
    for index in 9..<12 {
      guard ASCII.isDigit(line[index]) else { throw .statusLineMalformed }
      status = status * 10 + Int(line[index] - 48)
    }
    guard status >= 100 else { throw .statusLineMalformed }
    let start = min(13, line.count)
    for index in start..<line.count where !ASCII.isFieldContent(line[index]) {
      throw .statusLineMalformed
    }
    head.status = status
    head.reason = ByteRange(start: range.lowerBound + start, count: line.count - start)
  }

  private func interpret(
    _ input: borrowing Span<UInt8>, _ field: HeaderField, _ head: inout ResponseHead
  ) throws(HTTPError) {
    switch field.known {
    case .contentLength:
      guard head.contentLength == nil else { throw .contentLengthRepeated }
      head.contentLength = try FieldParser.contentLength(input, field.value)
    case .transferEncoding:
      guard !head.isChunked, ASCII.equals(input.extracting(field.value.range), "chunked") else {
        throw .transferEncodingUnsupported
      }
      head.isChunked = true
    case .connection:
      var tokens = ListTokens(field.value)
      while let token = tokens.next(input) {
        let word = input.extracting(token.range)
        if !ASCII.equals(word, "close"), !ASCII.equals(word, "keep-alive") {
          try head.nominations.add(token, word)
        }
      }
    default: break
    }
  }
}
