import HTTPCore
import TestSupport
import Testing

/// Reads frames behind a client's greeting at every split, which must not matter.
func session(
  _ frames: [UInt8]..., limits: HeadLimits = HeadLimits(), cuts: [Int]? = nil,
  answers: Bool = true, sourceLocation: SourceLocation = #_sourceLocation
) -> SessionReading {
  let input = HTTP2Frames.greeting + frames.flatMap { $0 }
  let result = EverySplit.feed(input, cuts: cuts) { input, ends in
    SessionReading.read(input, ends: ends, limits: limits, answers: answers)
  }
  #expect(result.differing.isEmpty, "the split matters", sourceLocation: sourceLocation)
  return result.whole
}

private typealias Frames = HTTP2Frames

@Suite("HTTP/2 requests")
struct SessionRequestTests {
  @Test func `a request comes out as a head of HTTP/1.1 would`() throws {
    let reading = session(Frames.request(1, "GET", "/a/../b?c=d", [("accept", "x/y")]))
    let stream = try #require(reading.streams[1])
    let head = try #require(stream.head)
    #expect(head.method == .get)
    #expect(head.methodText == "GET")
    #expect(head.target == "/a/../b?c=d")
    #expect(head.decodedPath == "/b")
    #expect(head.query == "c=d")
    #expect(head.host == "a.test")
    #expect(head.fields == ["host: a.test", "accept: x/y"])
    #expect(head.framing == .none)
    #expect(stream.ended)
    #expect(stream.closed == 0)
  }

  @Test func `the answer is a head, a body and an end`() throws {
    let sent = try #require(session(Frames.request(1)).sent)
    #expect(sent.map(\.type) == [4, 4, 8, 1, 0])
    #expect(sent[3].flags == 4)
    #expect(sent[4] == HTTP2Frame(type: 0, flags: 1, stream: 1, payload: octets("body")))
  }

  @Test func `a body comes as it was sent, and its end with it`() throws {
    let reading = session(
      Frames.request(1, "POST", "/", [("content-length", "6")], ended: false),
      Frames.data(1, "one", ended: false), Frames.data(1, "two"))
    let stream = try #require(reading.streams[1])
    #expect(stream.head?.framing == .length(6))
    #expect(stream.body == "onetwo")
    #expect(stream.ended)
  }

  @Test func `padding is no part of a body`() {
    let reading = session(
      Frames.request(1, "POST", ended: false),
      Frames.frame(0, 8 | 1, 1, [3] + octets("body") + [0, 0, 0]))
    #expect(reading.streams[1]?.body == "body")
    #expect(reading.streams[1]?.ended == true)
    #expect(reading.streams[1]?.head?.framing == .chunked)
  }

  @Test func `trailers end a body and are dropped`() {
    let reading = session(
      Frames.request(1, "POST", ended: false), Frames.data(1, "body", ended: false),
      Frames.frame(1, 5, 1, Frames.block([("x-trailer", "yes")])))
    #expect(reading.streams[1]?.ended == true)
    #expect(reading.streams[1]?.head?.fields == ["host: a.test"])
    #expect(reading.resets.isEmpty)
  }

  @Test func `trailers may come when later streams have begun`() {
    let reading = session(
      Frames.request(1, "POST", ended: false), Frames.request(3),
      Frames.data(1, "body", ended: false), Frames.frame(1, 5, 1, Frames.block([("x", "y")])))
    #expect(reading.streams[1]?.ended == true)
    #expect(reading.streams[3]?.head != nil)
    #expect(reading.goAway == nil)
  }

  @Test(arguments: [3, 7] as [UInt32])
  func `streams begin in ascending order, or the connection ends`(stream: UInt32) {
    let reading = session(Frames.request(9), Frames.request(stream), Frames.request(11))
    #expect(reading.streams[9]?.head != nil)
    #expect(reading.streams[Int32(stream)] == nil)
    #expect(reading.streams[11] == nil)
    #expect(reading.goAway == ErrorCode.protocolError.rawValue)
  }

  @Test func `a head may come in several frames`() {
    let block = Frames.block([
      (":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "a.test"),
    ])
    let reading = session(
      Frames.frame(1, 1, 1, Array(block[..<10])), Frames.frame(9, 0, 1, Array(block[10..<20])),
      Frames.frame(9, 4, 1, Array(block[20...])))
    #expect(reading.streams[1]?.head?.path == "/")
  }

  @Test func `crumbs of a cookie become one`() {
    let reading = session(
      Frames.request(1, "GET", "/", [("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")]))
    #expect(reading.streams[1]?.head?.fields == ["host: a.test", "cookie: a=1; b=2", "x: y"])
  }

  @Test func `a Host that agrees is not repeated`() {
    let reading = session(Frames.request(1, "GET", "/", [("host", "A.test")]))
    #expect(reading.streams[1]?.head?.fields == ["host: a.test"])
  }

  @Test(arguments: [
    ([("host", "b.test")], HTTPError.hostContradictsTarget),
    ([("host", "a.test:444")], .hostContradictsTarget), ([("host", "a..test")], .hostMalformed),
    ([("expect", "more")], .expectationUnsupported),
  ])
  func `what is understood but not possible is refused`(
    fields: [(String, String)], error: HTTPError
  ) {
    let reading = session(Frames.request(1, "GET", "/", fields))
    #expect(reading.streams[1]?.refusal == error)
    #expect(reading.resets.isEmpty)
  }

  @Test func `a method that is too long is refused`() {
    let longest = String(repeating: "M", count: FixedLimits.methodBytes)
    #expect(session(Frames.request(1, longest), cuts: []).streams[1]?.head?.methodText == longest)
    #expect(
      session(Frames.request(1, longest + "M"), cuts: []).streams[1]?.refusal
        == .methodTooLong(limit: FixedLimits.methodBytes))
  }

  @Test(arguments: [
    ("/%zz", HTTPError.targetMalformed), ("/%00", .targetMalformed), ("/../a", .targetClimbs),
  ])
  func `a path that is none is refused`(path: String, error: HTTPError) {
    #expect(session(Frames.request(1, "GET", path)).streams[1]?.refusal == error)
  }

  @Test(arguments: [
    [("X-Upper", "a")], [("connection", "close")], [("transfer-encoding", "chunked")],
    [("te", "gzip")], [("upgrade", "x")], [("x", "a\r\nb")], [("x", "a\0")], [("x", " a")],
    [("x y", "a")], [("", "a")], [(":path", "/")], [("content-length", "1")],
    [("content-length", "x")], [("host", "a.test"), ("host", "a.test")],
  ])
  func `what is malformed is reset and nobody hears of it`(fields: [(String, String)]) {
    let reading = session(Frames.request(1, "GET", "/", fields), Frames.request(3))
    #expect(reading.streams[1]?.head == nil)
    #expect(reading.streams[1]?.refusal == nil)
    #expect(reading.resets == [ErrorCode.protocolError.rawValue])
    #expect(reading.streams[3]?.head != nil)
  }

  /// An extended CONNECT, RFC 8441 §4.
  private func connect(
    _ fields: [(String, String)] = [], protocol name: String = "websocket", ended: Bool = false
  ) -> [UInt8] {
    let pseudo = [
      (":method", "CONNECT"), (":protocol", name), (":scheme", "https"), (":path", "/chat?a"),
      (":authority", "a.test"),
    ]
    return Frames.frame(1, ended ? 5 : 4, 1, Frames.block(pseudo + fields))
  }

  @Test func `extended CONNECT is offered, and becomes the GET of HTTP/1.1`() throws {
    let fields = [("sec-websocket-key", "theirs"), ("sec-websocket-protocol", "chat")]
    let reading = session(connect(fields), answers: false)
    let settings = try #require(reading.sent?.first { $0.type == 4 && $0.flags == 0 })
    #expect(settings.payload.suffix(6) == [0, 8, 0, 0, 0, 1])
    let head = try #require(reading.streams[1]?.head)
    #expect(head.method == .get)
    #expect(head.methodText == "GET")
    #expect(head.path == "/chat")
    #expect(head.framing == .none)
    #expect(
      head.fields == [
        "host: a.test", "sec-websocket-protocol: chat", "sec-websocket-version: 13",
      ])
    #expect(reading.streams[1]?.ended == false)
  }

  @Test func `the version that a client asks for goes on`() {
    let reading = session(connect([("sec-websocket-version", "14")]), answers: false)
    #expect(reading.streams[1]?.head?.fields == ["host: a.test", "sec-websocket-version: 14"])
  }

  @Test func `no other protocol goes on, and no body`() {
    #expect(
      session(connect(protocol: "connect-udp")).streams[1]?.refusal == .protocolUnsupported)
    #expect(
      session(connect([("content-length", "0")])).streams[1]?.refusal == .contentLengthMalformed)
    let plain = Frames.block([(":method", "CONNECT"), (":authority", "a.test:443")])
    #expect(session(Frames.frame(1, 4, 1, plain)).streams[1]?.refusal == .methodUnsupported)
  }

  @Test func `a protocol needs CONNECT`() {
    let block = Frames.block([
      (":method", "GET"), (":protocol", "websocket"), (":scheme", "https"), (":path", "/"),
      (":authority", "a.test"),
    ])
    let reading = session(Frames.frame(1, 5, 1, block))
    #expect(reading.resets == [ErrorCode.protocolError.rawValue])
    #expect(reading.streams[1]?.head == nil)
  }

  @Test func `nothing but DATA may come on a connected stream`() {
    let reading = session(
      connect(), Frames.frame(1, 5, 1, Frames.block([("x", "y")])), Frames.request(3),
      answers: false)
    #expect(reading.resets == [ErrorCode.protocolError.rawValue])
    #expect(reading.streams[3]?.head != nil)
  }

  @Test func `crumbs of a cookie count as the one field that the application gets`() {
    var limits = HeadLimits()
    limits.fields = 5
    let crumbs = (0..<400).map { ("cookie", "c\($0)=1") }
    let many = session(Frames.request(1, "GET", "/", crumbs), limits: limits)
    let cookie = crumbs.map { $0.1 }.joined(separator: "; ")
    #expect(many.streams[1]?.head?.fields == ["host: a.test", "cookie: \(cookie)"])
    limits.headBytes = cookie.utf8.count
    let large = session(Frames.request(1, "GET", "/", crumbs), limits: limits)
    #expect(large.streams[1]?.refusal == .headTooLarge(limit: limits.headBytes))
  }

  @Test func `limits are those of HTTP/1.1`() {
    var limits = HeadLimits()
    limits.fields = 5
    let fields = (0..<6).map { ("x-\($0)", "1") }
    let many = session(Frames.request(1, "GET", "/", fields), limits: limits)
    #expect(many.streams[1]?.refusal == .tooManyFields(limit: 5))
    limits.requestLineBytes = 20
    let path = "/" + String(repeating: "a", count: 20)
    let long = session(Frames.request(1, "GET", path), limits: limits)
    #expect(long.streams[1]?.refusal == .requestLineTooLong(limit: 20))
    limits.headBytes = 100
    let large = session(
      Frames.request(1, "GET", "/", [("x", String(repeating: "y", count: 60))]), limits: limits)
    #expect(large.streams[1]?.refusal == .headTooLarge(limit: 100))
  }

  @Test func `a head far above its limits ends the connection`() {
    var limits = HeadLimits()
    limits.fields = 5
    let fields = (0..<40).map { _ in ("x", "1") }
    let reading = session(Frames.request(1, "GET", "/", fields), limits: limits)
    #expect(reading.goAway == ErrorCode.enhanceYourCalm.rawValue)
    #expect(reading.streams[1]?.refusal == nil)
  }

  @Test func `another preface ends the connection`() {
    let input = octets("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    let reading = SessionReading.read(input, ends: [input.count])
    #expect(reading.goAway == ErrorCode.protocolError.rawValue)
    #expect(reading.isOver)
  }

  @Test func `nothing is looked at behind an error of the connection`() {
    let reading = session(Frames.frame(6, 0, 1, [0, 0, 0, 0, 0, 0, 0, 0]), Frames.request(1))
    #expect(reading.goAway == ErrorCode.protocolError.rawValue)
    #expect(reading.streams.isEmpty)
  }
}
