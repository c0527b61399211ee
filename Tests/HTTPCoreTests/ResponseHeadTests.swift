import HTTPCore
import TestSupport
import Testing

@Suite("Response heads, RFC 9112 §4")
struct ResponseHeadTests {
  private func answer(_ fields: String..., line: String = "HTTP/1.1 200 OK") -> ResponseReading {
    response(([line] + fields).map { $0 + "\r\n" }.joined() + "\r\n")
  }

  /// The head of an answer, for what it says about its body.
  private func framing(
    _ line: String, _ fields: String..., to method: Method = .get, endsConnection: Bool = false
  ) throws -> ResponseFraming {
    var parser = ResponseParser(endsConnection: endsConnection)
    var head = ResponseHead()
    let input = octets(([line] + fields).map { $0 + "\r\n" }.joined() + "\r\n")
    let limits = HeadLimits()
    _ = try parser.parse(input.span, into: &head, limits: limits)
    return head.bodyFraming(for: method)
  }

  @Test func `an answer is understood whole`() {
    let input = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhello"
    let reading = response(input)
    #expect(reading.refusal == nil)
    #expect(reading.consumed == input.utf8.count - 5)
    #expect(reading.status == 200)
    #expect(reading.reason == "OK")
    #expect(reading.contentLength == 5)
    #expect(!reading.isChunked)
    #expect(reading.fields == ["Content-Length: 5", "X-A: b"])
  }

  @Test(arguments: [
    ("HTTP/1.1 200 OK", 200, "OK"), ("HTTP/1.0 404 Not Found", 404, "Not Found"),
    ("HTTP/2.0 200 OK", 200, "OK"), ("HTTP/0.0 200 OK", 200, "OK"), ("HTTP/1.1 200", 200, ""),
    ("HTTP/1.1 200 ", 200, ""), ("HTTP/1.1 200  x ", 200, " x "), ("HTTP/1.1 100 C", 100, "C"),
    ("HTTP/1.1 999 \u{e9}\t!", 999, "\u{e9}\t!"),
  ])
  func `a status line has a version, three digits and any reason`(
    line: String, status: Int, reason: String
  ) {
    let reading = answer(line: line)
    #expect(reading.consumed != nil)
    #expect(reading.status == status)
    #expect(reading.reason == reason)
  }

  @Test(arguments: [
    "", " ", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1 200OK",
    "HTTP/1.1  200 OK", "HTTP/1.1 099 X", "HTTP/1.1 000 X", "HTTP/1.1 -20 X", "HTTP/1.1 2x0 X",
    "HTTP/1.1 +20 X", "http/1.1 200 OK", "HTTP/11 200 OK", "HTTP/1.10 200 OK", "HTTP/x.1 200 OK",
    "HTTP/1,1 200 OK", "HTTP/1.1\t200 OK", "HTTP/1.1 200\tOK", " HTTP/1.1 200 OK", "nostart",
    "Status: 200 OK", "HTTP/1.1 200 \u{0}", "HTTP/1.1 200 O\u{1b}K", "HTTP/1.1 200 \u{7f}",
    "ICY 200 OK xxx", "HTTP/1.1 200;OK",
  ])
  func `a malformed status line is 502`(line: String) {
    let reading = answer(line: line)
    #expect(reading.refusal == .statusLineMalformed)
    #expect(reading.refusal?.status == 502)
  }

  @Test(arguments: [
    ("X A: 1", HTTPError.fieldMalformed), ("X-A : 1", .fieldMalformed), (": 1", .fieldMalformed),
    ("X-A", .fieldMalformed), ("X: a\u{0}", .fieldMalformed), ("X\u{0}: a", .fieldMalformed),
    ("X: \u{1b}[m", .fieldMalformed), ("X: \u{7f}", .fieldMalformed), (" folded", .fieldFolded),
    ("\tfolded", .fieldFolded), ("X: a\nY: b", .lineEndMalformed),
    ("X: a\rY: b", .lineEndMalformed), ("X: a\r\r\n", .lineEndMalformed),
    ("Content-Length: ", .contentLengthMalformed), ("Content-Length: +1", .contentLengthMalformed),
    ("Content-Length: 1, 1", .contentLengthMalformed),
    ("Content-Length: 0x1", .contentLengthMalformed),
    ("Content-Length: 9223372036854775808", .contentLengthMalformed),
    ("Transfer-Encoding: gzip", .transferEncodingUnsupported),
    ("Transfer-Encoding: gzip, chunked", .transferEncodingUnsupported),
    ("Transfer-Encoding: chunked, chunked", .transferEncodingUnsupported),
    ("Transfer-Encoding: ", .transferEncodingUnsupported),
    ("Transfer-Encoding: identity", .transferEncodingUnsupported),
  ])
  func `a malformed field is refused`(line: String, error: HTTPError) {
    #expect(answer(line).refusal == error)
    #expect(answer("X-A: 1", line, "X-B: 2").refusal == error)
  }

  @Test func `framing that contradicts itself is refused`() {
    #expect(answer("Content-Length: 1", "Content-Length: 1").refusal == .contentLengthRepeated)
    #expect(
      answer("Content-Length: 1", "Transfer-Encoding: chunked").refusal == .lengthAndChunked)
    #expect(
      answer("Transfer-Encoding: chunked", "Content-Length: 0").refusal == .lengthAndChunked)
    #expect(
      answer("Transfer-Encoding: chunked", "Transfer-Encoding: chunked").refusal
        == .transferEncodingUnsupported)
  }

  @Test func `bare line ends are refused in the status line`() {
    #expect(response("HTTP/1.1 200 OK\nX: y\r\n\r\n").refusal == .lineEndMalformed)
    #expect(response("HTTP/1.1 200 OK\rX: y\r\n\r\n").refusal == .lineEndMalformed)
    #expect(response("HTTP/1.1 200 OK\r\n\n").refusal == .lineEndMalformed)
  }

  @Test func `as many fields as are allowed pass, one more does not`() {
    func head(_ fields: Int) -> String {
      "HTTP/1.1 200 OK\r\n" + String(repeating: "X: y\r\n", count: fields) + "\r\n"
    }
    let limit = FixedLimits.responseFields
    #expect(response(head(limit)).refusal == nil)
    #expect(response(head(limit + 1)).refusal == .tooManyFields(limit: limit))
  }

  @Test func `a head at the limit passes, one byte more does not`() {
    var limits = HeadLimits()
    limits.responseHeadBytes = 64
    let rest = "HTTP/1.1 200 OK\r\nX: \r\n\r\n"
    func head(_ bytes: Int) -> String {
      let value = String(repeating: "a", count: bytes - rest.utf8.count)
      return "HTTP/1.1 200 OK\r\nX: \(value)\r\n\r\n"
    }
    #expect(response(head(64), limits: limits).consumed == 64)
    for bytes in [65, 66, 67, 68, 69, 200] {
      let reading = response(head(bytes), limits: limits)
      #expect(reading.refusal == .responseHeadTooLarge(limit: 64), "\(bytes)")
    }
    #expect(response(start(of: head(80), bytes: 63), limits: limits).refusal == nil)
    #expect(HTTPError.responseHeadTooLarge(limit: 64).status == 502)
  }

  @Test func `where a connection has one answer, chunks need not follow the word`() throws {
    let (line, chunked) = ("HTTP/1.1 200 OK", "Transfer-Encoding: Chunked")
    #expect(try framing(line, chunked, endsConnection: true) == .perhapsChunked)
    #expect(try framing(line, chunked, to: .head, endsConnection: true) == .none)
    #expect(try framing("HTTP/1.1 304 X", chunked, endsConnection: true) == .none)
    #expect(try framing(line, endsConnection: true) == .untilClose)
    for fields in [(chunked, "Content-Length: 5"), ("Content-Length: 5", chunked)] {
      #expect(try framing(line, fields.0, fields.1, endsConnection: true) == .length(5))
      #expect(throws: HTTPError.lengthAndChunked) { try framing(line, fields.0, fields.1) }
    }
    #expect(throws: HTTPError.transferEncodingUnsupported) {
      try framing(line, "Transfer-Encoding: gzip, chunked", endsConnection: true)
    }
  }

  @Test func `a parser that is used again keeps to its protocol`() throws {
    var parser = ResponseParser(endsConnection: true)
    parser.reset()
    var head = ResponseHead()
    let input = octets("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    #expect(try parser.parse(input.span, into: &head, limits: HeadLimits()) == input.count)
    #expect(head.bodyFraming(for: .get) == .perhapsChunked)
    head.reset()
    var other = ResponseParser()
    #expect(try other.parse(input.span, into: &head, limits: HeadLimits()) == input.count)
    #expect(head.bodyFraming(for: .get) == .chunked)
  }

  @Test func `the status and the request decide whether there is a body`() throws {
    #expect(try framing("HTTP/1.1 200 OK", "Content-Length: 5") == .length(5))
    #expect(try framing("HTTP/1.1 200 OK", "Content-Length: 0") == .none)
    #expect(try framing("HTTP/1.1 200 OK", "Transfer-Encoding: Chunked") == .chunked)
    #expect(try framing("HTTP/1.1 200 OK") == .untilClose)
    #expect(try framing("HTTP/1.1 200 OK", "Content-Length: 5", to: .head) == .none)
    #expect(try framing("HTTP/1.1 200 OK", to: .head) == .none)
    #expect(try framing("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", to: .head) == .none)
    for status in [100, 101, 103, 199, 204, 304] {
      #expect(try framing("HTTP/1.1 \(status) X", "Content-Length: 5") == .none, "\(status)")
    }
    let largest = UInt64(Int64.max)
    #expect(try framing("HTTP/1.1 200 OK", "Content-Length: \(largest)") == .length(largest))
  }

  @Test func `a parser is ready again after reset`() throws {
    var parser = ResponseParser()
    var head = ResponseHead()
    let limits = HeadLimits()
    for status in [100, 103, 200] {
      let input = octets("HTTP/1.1 \(status) X\r\nX-N: \(status)\r\n\r\n")
      #expect(!parser.hasBegun)
      let first = try parser.parse(input.span.extracting(0..<20), into: &head, limits: limits)
      #expect(first == nil)
      #expect(parser.hasBegun)
      let end = try parser.parse(input.span, into: &head, limits: limits)
      #expect(end == input.count)
      #expect(head.status == status)
      #expect(head.fields.count == 1)
      parser.reset()
      head.reset()
    }
  }
}
