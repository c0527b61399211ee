/// Parses request heads strictly, RFC 9112 §2–§6: what is ambiguous is refused, nothing is repaired.
///
/// The input always begins at the message's first byte and grows from call to call; the result is
/// the same wherever it was split.
package struct RequestParser {
  private enum Phase { case requestLine, fields }

  private var phase = Phase.requestLine
  private var lines = LineScanner()
  /// Where the request line begins: behind one empty line at most.
  private var begin = 0
  private var length: UInt64?
  private var chunked = false
  private var closes = false

  package init() {}

  /// Ready for another message.
  package mutating func reset() { self = RequestParser() }

  /// A byte of the message itself has been seen.
  package var hasBegun: Bool { phase == .fields || lines.pendingCount > 0 }

  /// Parses what is there; the number of bytes of the complete head, or `nil` for more bytes.
  package mutating func parse(
    _ input: borrowing Span<UInt8>, into head: inout RequestHead, limits: HeadLimits
  ) throws(HTTPError) -> Int? {
    do throws(HTTPError) {
      return try parseLines(input, into: &head, limits)
    } catch {
      // What was understood stays readable, for the log and for the answer.
      keepBytes(input, &head)
      throw error
    }
  }

  private mutating func parseLines(
    _ input: borrowing Span<UInt8>, into head: inout RequestHead, _ limits: HeadLimits
  ) throws(HTTPError) -> Int? {
    while true {
      guard let line = try nextLine(input, limits) else { return nil }
      switch phase {
      case .requestLine:
        if line.isEmpty {
          guard begin == 0 else { throw .requestLineMalformed }
          begin = lines.lineStart
          continue
        }
        guard line.count <= limits.requestLineBytes else {
          throw .requestLineTooLong(limit: limits.requestLineBytes)
        }
        try parseRequestLine(input, line, &head)
        phase = .fields
      case .fields:
        if line.isEmpty {
          try finish(input, &head)
          return lines.lineStart
        }
        guard head.fields.count < limits.fields else { throw .tooManyFields(limit: limits.fields) }
        var field = try FieldParser.parse(input, line)
        try interpret(input, &field, &head)
        head.fields.append(field)
      }
    }
  }

  /// The next line, unless a limit is passed, by a complete line or by one still growing.
  private mutating func nextLine(
    _ input: borrowing Span<UInt8>, _ limits: HeadLimits
  ) throws(HTTPError) -> Range<Int>? {
    if phase == .requestLine { try checkMethod(input) }
    let first = lines.lineStart
    // What lies behind a limit is not looked at, so that the error does not depend on the split.
    let room =
      phase == .requestLine
      ? min(first + limits.requestLineBytes + 2, begin + limits.headBytes)
      : begin + limits.headBytes
    let visible = input.extracting(0..<min(input.count, room))
    if let line = try lines.next(visible) { return line }
    guard input.count >= room else { return nil }
    if phase == .requestLine, limits.requestLineBytes + 2 <= limits.headBytes {
      throw .requestLineTooLong(limit: limits.requestLineBytes)
    }
    throw .headTooLarge(limit: limits.headBytes)
  }

  // MARK: Request line, RFC 9112 §3

  /// Refuses a method that is too long as soon as that is known: RFC 9112 §3 has a server answer 501.
  ///
  /// So is TLS, whose records have no lines that might end.
  private func checkMethod(_ input: borrowing Span<UInt8>) throws(HTTPError) {
    var index = begin
    let (third, fourth) = (begin + 3, begin + 4)
    // GET, PUT, HEAD and POST need no second look.
    if fourth < input.count, input[third] == ASCII.space || input[fourth] == ASCII.space,
      input[begin] != Self.tlsHandshake
    {
      return
    }
    if begin < input.count, input[begin] == Self.tlsHandshake { throw .tlsInsteadOfHTTP }
    while index < input.count, ASCII.isToken(input[index]) {
      index += 1
      guard index - begin <= FixedLimits.methodBytes else {
        throw .methodTooLong(limit: FixedLimits.methodBytes)
      }
    }
  }

  /// The type of a record of TLS that begins a handshake, RFC 8446 §5.1.
  private static let tlsHandshake: UInt8 = 22

  private func parseRequestLine(
    _ input: borrowing Span<UInt8>, _ line: Range<Int>, _ head: inout RequestHead
  ) throws(HTTPError) {
    var index = line.lowerBound
    while index < line.upperBound, ASCII.isToken(input[index]) { index += 1 }
    guard index > line.lowerBound, index < line.upperBound, input[index] == ASCII.space else {
      throw .requestLineMalformed
    }
    head.methodBytes = ByteRange(start: line.lowerBound, count: index - line.lowerBound)
    head.method = Method(input.extracting(head.methodBytes.range))
    let target = index + 1
    index = target
    while index < line.upperBound, ASCII.isTarget(input[index]) { index += 1 }
    guard index > target, index < line.upperBound, input[index] == ASCII.space else {
      throw .requestLineMalformed
    }
    head.target = ByteRange(start: target, count: index - target)
    try parseVersion(input, (index + 1)..<line.upperBound, &head)
    try parseTarget(input, target..<index, &head)
  }

  private func parseVersion(
    _ input: borrowing Span<UInt8>, _ part: Range<Int>, _ head: inout RequestHead
  ) throws(HTTPError) {
    let version = input.extracting(part)
    guard version.count == 8, ASCII.equalsExactly(version.extracting(0..<5), "HTTP/"),
      ASCII.isDigit(version[5]), version[6] == UInt8(ascii: "."), ASCII.isDigit(version[7])
    else { throw .versionMalformed }
    guard version[5] == UInt8(ascii: "1"), version[7] <= UInt8(ascii: "1") else {
      throw .versionUnsupported
    }
    head.versionMinor = Int(version[7] - 48)
    head.keepAlive = head.versionMinor == 1
  }

  /// Origin form, absolute form, or `*` for OPTIONS; authority form belongs to CONNECT.
  private func parseTarget(
    _ input: borrowing Span<UInt8>, _ part: Range<Int>, _ head: inout RequestHead
  ) throws(HTTPError) {
    guard head.method != .connect else { throw .methodUnsupported }
    var start = part.lowerBound
    if input[start] == UInt8(ascii: "*"), part.count == 1 {
      guard head.method == .options else { throw .targetMalformed }
      head.path = ByteRange(start: start, count: 1)
      head.decodedPath = [UInt8(ascii: "*")]
      return
    }
    if input[start] != UInt8(ascii: "/") {
      start = try parseAbsolute(input, part, &head)
    }
    var end = start
    while end < part.upperBound, input[end] != UInt8(ascii: "?") { end += 1 }
    head.path = ByteRange(start: start, count: end - start)
    if end < part.upperBound {
      head.query = ByteRange(start: end + 1, count: part.upperBound - end - 1)
    }
    head.isPathAmbiguous = try RequestTarget.decode(
      input.extracting(start..<end), into: &head.decodedPath)
    if head.decodedPath.isEmpty { head.decodedPath.append(UInt8(ascii: "/")) }
  }

  /// `http://authority`; returns where the path begins.
  private func parseAbsolute(
    _ input: borrowing Span<UInt8>, _ part: Range<Int>, _ head: inout RequestHead
  ) throws(HTTPError) -> Int {
    let target = input.extracting(part)
    let scheme: Int
    if target.count > 7, ASCII.equals(target.extracting(0..<7), "http://") {
      scheme = 7
    } else if target.count > 8, ASCII.equals(target.extracting(0..<8), "https://") {
      scheme = 8
    } else {
      throw .targetMalformed
    }
    let start = part.lowerBound + scheme
    var end = start
    while end < part.upperBound, input[end] != UInt8(ascii: "/"), input[end] != UInt8(ascii: "?") {
      end += 1
    }
    head.authority = ByteRange(start: start, count: end - start)
    guard
      Authority.parse(
        input.extracting(start..<end), host: &head.host, port: &head.hostPort,
        isName: &head.hostIsName)
    else { throw .hostMalformed }
    return end
  }

  // MARK: Fields that decide framing and routing

  private mutating func interpret(
    _ input: borrowing Span<UInt8>, _ field: inout HeaderField, _ head: inout RequestHead
  ) throws(HTTPError) {
    switch field.known {
    case .host:
      try interpretHost(input, field.value, &head)
      field.value = head.authority
    case .contentLength:
      guard length == nil else { throw .contentLengthRepeated }
      length = try FieldParser.contentLength(input, field.value)
    case .transferEncoding:
      guard ASCII.equals(input.extracting(field.value.range), "chunked") else {
        throw Self.fault(ofCodings: field.value, input)
      }
      guard !chunked else { throw .transferEncodingMalformed }
      chunked = true
    case .connection: try interpretConnection(input, field.value, &head)
    case .expect:
      guard ASCII.equals(input.extracting(field.value.range), "100-continue") else {
        throw .expectationUnsupported
      }
      head.expectsContinue = head.versionMinor == 1
    case .traceparent, .tracestate: head.namesTrace = true
    default: break
    }
  }

  private func interpretHost(
    _ input: borrowing Span<UInt8>, _ value: ByteRange, _ head: inout RequestHead
  ) throws(HTTPError) {
    guard !head.hostFieldSeen else { throw .hostRepeated }
    head.hostFieldSeen = true
    guard head.authority.isEmpty else {
      // An absolute target has named the host: it counts, and goes on in place of the field (RFC 9112
      // §3.2.2). The field must be one all the same.
      var host: [UInt8] = []
      var port: UInt16?
      var isName = true
      guard
        Authority.parse(
          input.extracting(value.range), host: &host, port: &port, isName: &isName)
      else { throw .hostMalformed }
      return
    }
    head.authority = value
    guard
      Authority.parse(
        input.extracting(value.range), host: &head.host, port: &head.hostPort,
        isName: &head.hostIsName)
    else { throw .hostMalformed }
  }

  /// The error for a list of codings that is not `chunked` alone, RFC 9112 §6.1 and §6.3: 501 for
  /// codings that we do not know in front of it, 400 where the body's end could not be found.
  private static func fault(
    ofCodings value: ByteRange, _ input: borrowing Span<UInt8>
  ) -> HTTPError {
    var codings = ListTokens(value)
    var count = 0
    var endsChunked = false
    while let coding = codings.next(input) {
      guard !endsChunked else { return .transferEncodingMalformed }
      count += 1
      let word = input.extracting(coding.range)
      endsChunked = ASCII.equals(word, "chunked")
      for index in 0..<word.count where !ASCII.isToken(word[index]) {
        return .transferEncodingMalformed
      }
    }
    return endsChunked && count > 1 ? .transferEncodingUnsupported : .transferEncodingMalformed
  }

  private mutating func interpretConnection(
    _ input: borrowing Span<UInt8>, _ value: ByteRange, _ head: inout RequestHead
  ) throws(HTTPError) {
    var tokens = ListTokens(value)
    while let token = tokens.next(input) {
      let word = input.extracting(token.range)
      if ASCII.equals(word, "close") {
        // Whatever else is said: RFC 9112 §9.3.
        closes = true
        head.keepAlive = false
      } else if ASCII.equals(word, "keep-alive") {
        if !closes { head.keepAlive = true }
      } else {
        try head.nominations.add(token, word)
      }
    }
  }

  private func finish(
    _ input: borrowing Span<UInt8>, _ head: inout RequestHead
  ) throws(HTTPError) {
    if chunked {
      guard length == nil else { throw .lengthAndChunked }
      guard head.versionMinor == 1 else { throw .transferEncodingInOldVersion }
      head.framing = .chunked
    } else if let length {
      head.framing = .length(length)
    }
    keepBytes(input, &head)
  }

  private func keepBytes(_ input: borrowing Span<UInt8>, _ head: inout RequestHead) {
    head.bytes.removeAll(keepingCapacity: true)
    head.bytes.append(copying: input.extracting(0..<lines.lineStart))
  }
}
