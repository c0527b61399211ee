import HTTPCore
import TestSupport
import Testing

@Suite("Request lines, RFC 9112 §3")
struct RequestLineTests {
  @Test func `a request is understood whole`() {
    let input =
      "POST /a/b?c=d HTTP/1.1\r\nHost: A.Test:8443\r\nX-One:  1\t\r\nX-Empty:\r\n"
      + "Content-Length: 3\r\n\r\nabcGET"
    let reading = request(input)
    #expect(reading.refusal == nil)
    #expect(reading.consumed == input.utf8.count - 6)
    #expect(reading.bytes == String(input.dropLast(6)))
    #expect(reading.method == .post)
    #expect(reading.target == "/a/b?c=d")
    #expect(reading.path == "/a/b")
    #expect(reading.query == "c=d")
    #expect(reading.decodedPath == "/a/b")
    #expect(reading.host == "a.test")
    #expect(reading.hostPort == 8443)
    #expect(reading.authority == "A.Test:8443")
    #expect(reading.framing == .length(3))
    #expect(reading.keepAlive)
    #expect(!reading.expectsContinue)
    #expect(
      reading.fields == ["Host: A.Test:8443", "X-One: 1", "X-Empty: ", "Content-Length: 3"])
  }

  @Test(arguments: [
    ("GET", Method.get), ("HEAD", .head), ("POST", .post), ("PUT", .put), ("DELETE", .delete),
    ("OPTIONS", .options), ("TRACE", .trace), ("PATCH", .patch), ("get", .other),
    ("PROPFIND", .other), ("M-SEARCH", .other), ("!#$%&'*+-.^_`|~", .other), ("GETX", .other),
  ])
  func `methods are tokens, and case matters`(name: String, method: Method) {
    let reading = request("\(name) / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(reading.consumed != nil)
    #expect(reading.method == method)
    #expect(reading.methodText == name)
  }

  @Test func `what may be repeated is what changes nothing the second time`() {
    let all: [Method] = [
      .get, .head, .post, .put, .delete, .options, .trace, .patch, .connect, .other,
    ]
    #expect(all.filter(\.isSafe) == [.get, .head, .options, .trace])
    #expect(all.filter(\.isIdempotent) == [.get, .head, .put, .delete, .options, .trace])
  }

  @Test(arguments: ["\u{16}", "\r\n\u{16}", "\u{16}\u{3}\u{1}\u{2}\u{0}", "\u{16}\u{3}\u{1} \u{0}"])
  func `TLS is refused at its first byte, since no line of it may ever end`(bytes: String) {
    #expect(request(bytes).refusal == .tlsInsteadOfHTTP)
  }

  @Test func `a method that is too long is refused as soon as that is known`() {
    let longest = String(repeating: "M", count: FixedLimits.methodBytes)
    #expect(request("\(longest) / HTTP/1.1\r\nHost: a\r\n\r\n").methodText == longest)
    for end in ["", "M", " / HTTP/1.1\r\nHost: a\r\n\r\n", "\n", "\r\n\r\n", "\u{0}"] {
      for start in ["", "\r\n"] {
        let reading = request(start + longest + "M" + end)
        #expect(reading.refusal == .methodTooLong(limit: FixedLimits.methodBytes))
        #expect(reading.refusal?.status == 501)
      }
    }
    #expect(request(longest).refusal == nil)
    #expect(request(longest + "\n").refusal == .lineEndMalformed)
    #expect(request(longest + "\u{0}M M").refusal == nil)
  }

  @Test(arguments: ["CONNECT a.test:443", "CONNECT /", "CONNECT *"])
  func `CONNECT is not for us`(line: String) {
    let reading = request("\(line) HTTP/1.1\r\nHost: a.test\r\n\r\n")
    #expect(reading.refusal == .methodUnsupported)
    #expect(reading.refusal?.status == 501)
  }

  @Test(arguments: [
    " GET / HTTP/1.1", "GET  / HTTP/1.1", "GET /", "GET", "GET ", "\tGET / HTTP/1.1",
    "GET\t/ HTTP/1.1", "GET /\tHTTP/1.1", "GET /\u{0} HTTP/1.1", "G\u{0}ET / HTTP/1.1",
    "GET /\u{7f} HTTP/1.1", "GET /\u{e9} HTTP/1.1",
    "G\u{e9}T / HTTP/1.1", "GET /#part HTTP/1.1", "GET /a#b?c HTTP/1.1", "(GET) / HTTP/1.1",
    ": / HTTP/1.1",
  ])
  func `a malformed line is refused`(line: String) {
    let reading = request("\(line)\r\nHost: a\r\n\r\n")
    #expect(reading.refusal == .requestLineMalformed)
    #expect(reading.refusal?.status == 400)
  }

  @Test(arguments: [
    ("HTTP/1.2", HTTPError.versionUnsupported), ("HTTP/1.9", .versionUnsupported),
    ("HTTP/0.9", .versionUnsupported), ("HTTP/2.0", .versionUnsupported),
    ("HTTP/3.0", .versionUnsupported), ("HTTP/0.0", .versionUnsupported),
    ("HTTP/1", .versionMalformed), ("HTTP/1.", .versionMalformed),
    ("HTTP/1.10", .versionMalformed), ("HTTP/11.1", .versionMalformed),
    ("HTTP/1,1", .versionMalformed), ("http/1.1", .versionMalformed),
    ("HTTP/1.1 ", .versionMalformed), (" HTTP/1.1", .versionMalformed),
    ("HTTPS/1.1", .versionMalformed), ("HTTP/1.x", .versionMalformed),
    ("HTTP/+1.1", .versionMalformed), ("", .versionMalformed), ("ICY/1.1", .versionMalformed),
    ("HTTP/1.1\u{0}", .versionMalformed), ("b HTTP/1.1", .versionMalformed),
  ])
  func `only 1.0 and 1.1 are spoken`(version: String, error: HTTPError) {
    let reading = request("GET / \(version)\r\nHost: a\r\n\r\n")
    #expect(reading.refusal == error)
    #expect(error.status == (error == .versionUnsupported ? 505 : 400))
  }

  @Test func `one empty line before a request is passed over, a second is not`() {
    let reading = request("\r\n" + get())
    #expect(reading.consumed == get().utf8.count + 2)
    #expect(reading.method == .get)
    #expect(request("\r\n\r\n" + get()).refusal == .requestLineMalformed)
  }

  @Test func `an incomplete head is neither an answer nor an error`() {
    let input = start(of: get("X-A: 1"), bytes: get("X-A: 1").utf8.count - 1)
    #expect(request(input).refusal == nil)
    #expect(request(input).consumed == nil)
    #expect(request("").consumed == nil)
    #expect(request("\r").refusal == nil)
  }

  @Test func `an empty line alone is no beginning`() throws {
    var parser = RequestParser()
    var head = RequestHead()
    let input = octets("\r\nG")
    for (count, begun) in [(0, false), (1, false), (2, false), (3, true)] {
      let limits = HeadLimits()
      let end = try parser.parse(
        input.span.extracting(0..<count), into: &head, limits: limits)
      #expect(end == nil)
      #expect(parser.hasBegun == begun)
    }
  }

  @Test func `lines end with CRLF and nothing else`() {
    let inputs = [
      "GET / HTTP/1.1\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\n", "GET / HTTP/1.1\rHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n",
      "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", "\nGET / HTTP/1.1\r\n\r\n", "\rGET / HTTP/1.1\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX: \r\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX\n: b\r\n\r\n",
    ]
    for input in inputs {
      let reading = request(input)
      #expect(reading.refusal == .lineEndMalformed, "\(input.debugDescription)")
      #expect(reading.refusal?.status == 400)
    }
  }
}
