import TestSupport
import Testing

@testable import Wire

@Suite("Answers to our requests")
struct AnswerReadingTests {
  /// What came of an answer, comparable.
  private struct Outcome: Equatable {
    var answer: String?
    var refusal: HTTPCallError?
  }

  /// Reads the pieces; then the connection ends.
  private func read(
    _ input: [UInt8], ends: [Int], to method: HTTPRequest.Method, bodyMax: Int, inOrder: Bool
  ) -> Outcome {
    var reading = AnswerReading(to: method, bodyMax: bodyMax)
    var start = 0
    do throws(HTTPCallError) {
      for end in ends {
        if let whole = try reading.take(input.span.extracting(start..<end)) {
          return Outcome(answer: describe(whole))
        }
        start = end
      }
      return Outcome(answer: describe(try reading.end(isInOrder: inOrder, "it closed")))
    } catch {
      return Outcome(refusal: error)
    }
  }

  private func describe(_ response: HTTPResponse) -> String {
    let fields = response.fields.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
    return "\(response.status) [\(fields)] \(text(response.body.span))"
  }

  private func read(
    _ answer: String, to method: HTTPRequest.Method = .get, bodyMax: Int = 100,
    inOrder: Bool = true, _ location: SourceLocation = #_sourceLocation
  ) -> Outcome {
    let result = EverySplit.feed(octets(answer)) { input, ends in
      read(input, ends: ends, to: method, bodyMax: bodyMax, inOrder: inOrder)
    }
    #expect(result.differing.isEmpty, sourceLocation: location)
    return result.whole
  }

  // MARK: What is taken

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello and more that nobody wants",
  ])
  func `with a length end with it`(answer: String) {
    #expect(read(answer) == Outcome(answer: "200 [Content-Length=5,X=y] hello"))
  }

  @Test func `in chunks end with the last one, whose trailers are dropped`() {
    let head = "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
    let body = "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: 1\r\n\r\nHTTP/1.1 200 OK"
    #expect(read(head + body) == Outcome(answer: "201 [Transfer-Encoding=chunked] hello"))
  }

  @Test func `without either end with the connection`() {
    #expect(read("HTTP/1.0 200 OK\r\n\r\nhello") == Outcome(answer: "200 [] hello"))
    #expect(read("HTTP/1.1 200\r\n\r\n") == Outcome(answer: "200 [] "))
  }

  @Test func `come after interim answers, which are passed over`() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    #expect(
      read(interim + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        == Outcome(answer: "200 [Content-Length=2] hi"))
  }

  @Test(arguments: [
    (204, "Content-Length: 5\r\n"), (304, "Content-Length: 5\r\n"), (204, ""),
    (304, "Transfer-Encoding: chunked\r\n"),
  ])
  func `have no body behind 204 and 304, whatever the head says`(status: Int, field: String) {
    let outcome = read("HTTP/1.1 \(status) No\r\n\(field)\r\nhello")
    #expect(outcome.answer?.hasPrefix("\(status) [") == true)
    #expect(outcome.answer?.hasSuffix("] ") == true)
  }

  @Test func `have no body for a request that asks for the head`() {
    #expect(
      read("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", to: .head, inOrder: false)
        == Outcome(answer: "200 [Content-Length=500] "))
    #expect(read("HTTP/1.1 200 OK\r\n\r\n", to: .head) == Outcome(answer: "200 [] "))
  }

  // MARK: What is refused

  @Test(arguments: [
    ("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", "switching-protocols"),
    ("SSH-2.0-OpenSSH_9.2\r\n", "status-line-malformed"),
    ("HTTP/1.1 99 Low\r\n\r\n", "status-line-malformed"),
    ("HTTP/1.1 200 OK\r\nno field\r\n\r\n", "field-malformed"),
    (
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
      "content-length-repeated"
    ),
    ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx", "content-length-malformed"),
    (
      "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\nx",
      "content-length-malformed"
    ),
    (
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "length-and-chunked"
    ),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx", "transfer-encoding-unsupported"),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "chunk-malformed"),
    (
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
      "chunk-malformed"
    ),
  ])
  func `that break the rules are refused with the reason`(answer: String, reason: String) {
    #expect(read(answer) == Outcome(refusal: .malformed(reason)))
  }

  @Test func `that never come to the point are refused`() {
    let interim = String(repeating: "HTTP/1.1 103 x\r\n\r\n", count: AnswerReading.interimMax)
    let last = "HTTP/1.1 204 x\r\n\r\n"
    #expect(read(interim + last) == Outcome(answer: "204 [] "))
    #expect(
      read(interim + "HTTP/1.1 100 x\r\n\r\n" + last)
        == Outcome(refusal: .malformed("too-many-interim-answers")))
  }

  @Test func `that are cut off are no answers`() {
    let cut = Outcome(refusal: .connection("it closed before the answer was whole"))
    for answer in [
      "", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    ] {
      #expect(read(answer) == cut)
    }
    #expect(read("HTTP/1.1 200 OK\r\n\r\nhello", inOrder: false) == cut)
  }

  @Test(arguments: [
    "Content-Length: 11\r\n\r\nhello world", "\r\nhello world",
    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    "Content-Length: 9223372036854775807\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\nhello world",
  ])
  func `with a larger body than is taken are refused, and with the largest are not`(rest: String) {
    let answer = "HTTP/1.1 200 OK\r\n" + rest
    #expect(read(answer, bodyMax: 10) == Outcome(refusal: .tooLarge))
    if rest.contains("world"), !rest.contains("ffff") {
      #expect(read(answer, bodyMax: 11).answer?.hasSuffix("] hello world") == true)
    }
  }

  @Test func `with a head without end are refused at 64 KiB`() {
    for (piece, refusal) in [
      ("X: y\r\n", HTTPCallError.malformed("too-many-fields")), ("X-Long", .tooLarge),
    ] {
      let head = octets("HTTP/1.1 200 OK\r\n" + String(repeating: piece, count: 30_000))
      let outcome = read(
        head, ends: Array(stride(from: 1000, to: head.count, by: 1000)), to: .get, bodyMax: 1,
        inOrder: true)
      #expect(outcome.refusal == refusal)
    }
    let interim = octets(String(repeating: "HTTP/1.1 100 x\r\n\r\n", count: 30_000))
    #expect(
      read(interim, ends: [interim.count], to: .get, bodyMax: 1, inOrder: true).refusal
        == .malformed("too-many-interim-answers"))
  }

  @Test func `name their fields without regard to case`() {
    let response = HTTPResponse(
      status: 200, fields: [("Link", "a"), ("retry-after", "5"), ("LINK", "b")], body: [])
    #expect(response.first("Retry-After") == "5" && response.all("link") == ["a", "b"])
    #expect(response.first("Date") == nil && response.all("Date").isEmpty)
  }
}
