import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy

/// A tunnel within one stream of HTTP/2 (RFC 8441).
@Suite("WebSocket over HTTP/2")
struct WebSocketStreamTests {
  private let answers = HTTP2Answers()

  /// What an extended CONNECT opens a stream with.
  private static func connect(_ stream: UInt32, version: String = "13") -> [UInt8] {
    HTTP2Frames.frame(
      1, 4, stream,
      HTTP2Frames.block([
        (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"),
        (":path", "/chat"), (":authority", "a.test"), ("sec-websocket-version", version),
      ]))
  }

  /// What has come on stream 1.
  private struct Heard: Equatable {
    var status: Int?
    var body = ""
    var isEnded = false
    var reset: UInt32?
  }

  private func hear(_ client: WireClient) -> Heard {
    var heard = Heard()
    answers.receive(client.read()) { event in
      switch event {
      case .head(1, let status, _, let ended): (heard.status, heard.isEnded) = (status, ended)
      case .data(1, let bytes, let ended):
        heard.body += text(bytes.span)
        heard.isEnded = ended
      case .reset(1, let code): heard.reset = code
      default: break
      }
    }
    #expect(answers.complaint == nil)
    return heard
  }

  /// Begins a connection with one question for a tunnel.
  private func ask(
    _ upstream: String = "", window: UInt32 = 65_535, early: String? = nil, more: String = ""
  ) throws -> (ScriptedApplication, WireClient, ScriptedApplication.Asked) {
    let app = try ScriptedApplication(upstream: upstream, more: more)
    let client = try app.server.connect(.http2)
    answers.sentSettings(tableSize: nil)
    answers.asked(1)
    client.send(
      HTTP2Frames.preface + HTTP2Frames.frame(4, 0, 0, [0, 4] + HTTP2Frames.number(window))
        + Self.connect(1))
    if let early { client.send(HTTP2Frames.data(1, early, ended: false)) }
    try app.server.settle()
    return (app, client, try #require(try app.asking()))
  }

  /// Agrees to what a node was asked.
  private func agree(_ asked: ScriptedApplication.Asked, _ behind: String = "") throws {
    let line = try #require(
      asked.text.split(separator: "\r\n").first { $0.hasPrefix("Sec-WebSocket-Key: ") })
    let accept = WebSocketKey.accept(octets(String(line.dropFirst(19))))
    asked.call.say(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Accept: \(text(accept.span))\r\n\r\n" + behind)
  }

  private func open(_ upstream: String = "", window: UInt32 = 65_535, more: String = "") throws
    -> (ScriptedApplication, WireClient, ScriptedNode.Call)
  {
    let (app, client, asked) = try ask(upstream, window: window, more: more)
    try agree(asked)
    try app.server.settle()
    #expect(hear(client).status == 200)
    return (app, client, asked.call)
  }

  @Test func `bytes before the agreement are kept until it is there`() throws {
    let (app, client, asked) = try ask(early: "early")
    #expect(!asked.text.contains("early"))
    try agree(asked, "first")
    try app.server.settle()
    #expect(hear(client) == Heard(status: 200, body: "first"))
    #expect(text(asked.call.heard().span) == "early")
  }

  @Test func `an answer that does not know the key is no agreement`() throws {
    let (app, client, asked) = try ask()
    asked.call.say(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n")
    try app.server.settle()
    #expect(hear(client).status == 502)
  }

  @Test func `an answer without agreement that a client would take for one is a 502`() throws {
    let (app, client, asked) = try ask()
    asked.call.answer("no")
    try app.server.settle()
    #expect(hear(client).status == 502)
    #expect(try app.server.accessLines().first?.cause == "websocket-not-agreed")
  }

  @Test func `the client ends its side and still hears the rest`() throws {
    let (app, client, call) = try open()
    client.send(HTTP2Frames.data(1, "goodbye"))
    try app.server.settle()
    #expect(text(call.heard().span) == "goodbye" && call.isEnded)
    call.say("heard")
    call.end()
    try app.server.settle()
    #expect(hear(client) == Heard(body: "heard", isEnded: true))
    #expect(try app.server.accessLines().first?.cause == nil)
  }

  @Test func `the node ends its side and still hears the rest`() throws {
    let (app, client, call) = try open()
    call.say("goodbye")
    call.endSending()
    try app.server.settle()
    #expect(hear(client) == Heard(body: "goodbye", isEnded: true))
    client.send(HTTP2Frames.data(1, "and thanks"))
    try app.server.settle()
    #expect(text(call.heard().span) == "and thanks" && call.isEnded)
  }

  @Test func `a reset ends the tunnel at the node`() throws {
    let (app, client, call) = try open()
    client.send(HTTP2Frames.frame(3, 0, 1, HTTP2Frames.number(8)))
    try app.server.settle()
    #expect(call.isEnded)
    #expect(try app.server.accessLines().first?.cause == "client-gone")
    client.close()
    try app.server.settle()
    #expect(app.server.remains == [])
  }

  @Test func `a silent tunnel is reset in time, its connection goes on`() throws {
    let (app, client, call) = try open("timeouts: { tunnel: 10s }")
    try app.server.advance(by: .milliseconds(10_010))
    #expect(hear(client).reset == 8)
    #expect(call.isEnded && !client.isEnded)
    #expect(try app.server.accessLines().first?.cause == "tunnel-idle")
  }

  /// How far WINDOW_UPDATE frames have opened the window of a stream.
  private func opened(_ stream: Int, by frames: [HTTP2Frame]) -> Int {
    frames.filter { $0.type == 8 && $0.stream == stream }.reduce(0) { sum, frame in
      sum + frame.payload.reduce(0) { $0 << 8 | Int($1) }
    }
  }

  @Test func `the window opens only as the node reads`() throws {
    let (app, client, call) = try open()
    // The server's settings are known; then comes as much as the stream's window takes.
    client.send(HTTP2Frames.frame(4, 1, 0))
    let frame = HTTP2Frames.frame(0, 0, 1, [UInt8](repeating: 7, count: 16_384))
    var frames: [HTTP2Frame] = []
    for _ in 0..<64 {
      client.send(frame)
      try app.server.settle()
      frames += try #require(HTTP2Frame.read(client.read()))
    }
    // Others still have room.
    #expect(opened(0, by: frames) >= 64 * 16_384 - 65_535)
    #expect(opened(1, by: frames) < 64 * 16_384 / 2)
    #expect(frames.filter { $0.type == 7 || $0.type == 3 } == [])
    var got = 0
    for _ in 0..<64 where got < 64 * 16_384 {
      got += call.heard().count
      try app.server.settle()
    }
    #expect(got == 64 * 16_384)
    frames += try #require(HTTP2Frame.read(client.read()))
    #expect(opened(1, by: frames) >= 64 * 16_384 / 2)
    #expect(app.server.worker.buffers.bytesOut == 0)
  }

  @Test func `a tunnel with nothing under way holds no memory`() throws {
    let (app, client, call) = try open()
    #expect(app.server.worker.buffers.bytesOut == 0)
    call.say("words")
    try app.server.settle()
    #expect(hear(client).body == "words")
    #expect(app.server.worker.buffers.bytesOut == 0)
  }

  @Test func `a client that opens no window is cut off`() throws {
    let (app, client, call) = try open(window: 0, more: "timeouts: { send: 10s }")
    call.say("words")
    try app.server.advance(by: .milliseconds(10_010))
    let heard = hear(client)
    #expect(heard.reset == 8 && heard.body.isEmpty)
    #expect(try app.server.accessLines().first?.cause == "client-stalled")
  }
}
