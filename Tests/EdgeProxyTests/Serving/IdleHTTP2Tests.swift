import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy

/// What a connection of HTTP/2 may keep the server waiting for, and for how long.
@Suite("Clients of HTTP/2 that stand still")
struct IdleHTTP2Tests {
  private func application(_ timeouts: String) throws -> ScriptedApplication {
    try ScriptedApplication(more: "timeouts: { \(timeouts) }")
  }

  /// A connection that has brought one answer; what has come is read.
  private func served(_ app: ScriptedApplication) throws -> WireClient {
    let client = try app.server.connect(.http2)
    client.send(HTTP2Frames.greeting + HTTP2Frames.request(1))
    try app.server.settle()
    try #require(try app.asking()).call.answer()
    try app.server.settle()
    #expect(try frames(client).contains { $0.type == 1 && $0.stream == 1 })
    return client
  }

  private func frames(_ client: WireClient) throws -> [HTTP2Frame] {
    try #require(HTTP2Frame.read(client.read()))
  }

  @Test func `one that never asks is closed`() throws {
    let app = try application("head: 5s")
    let client = try app.server.connect(.http2)
    try app.server.advance(by: .milliseconds(4990))
    #expect(try frames(client).contains { $0.type == 4 } && !client.isEnded)
    try app.server.advance(by: .milliseconds(20))
    #expect(client.hear().isEmpty && client.isEnded)
    #expect(app.server.remains == [])
  }

  @Test func `one that stops within a head is told to calm down`() throws {
    let app = try application("head: 5s")
    let client = try served(app)
    client.send(HTTP2Frames.frame(1, 1, 3, HTTP2Frames.block([(":method", "GET")])))
    try app.server.advance(by: .milliseconds(4990))
    #expect(try frames(client).allSatisfy { $0.type != 7 })
    try app.server.advance(by: .milliseconds(20))
    #expect(try frames(client).first { $0.type == 7 }?.code == 11)
    #expect(client.isEnded)
  }

  @Test(arguments: [false, true])
  func `one with nothing more to ask is sent away, pings or not`(pings: Bool) throws {
    let app = try application("keep_alive: 10s")
    let client = try served(app)
    for _ in 0..<9 {
      if pings { client.send(HTTP2Frames.frame(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8])) }
      try app.server.advance(by: .milliseconds(1100))
    }
    #expect(try frames(client).filter { $0.type == 6 }.count == (pings ? 9 : 0))
    #expect(!client.isEnded)
    try app.server.advance(by: .milliseconds(110))
    #expect(try frames(client).first { $0.type == 7 }?.code == 0)
    #expect(client.isEnded)
  }

  @Test func `an upload that stops is answered 408, and its connection goes on`() throws {
    let app = try application("body: 5s")
    let client = try served(app)
    client.send(
      HTTP2Frames.request(3, "POST", "/", ended: false) + HTTP2Frames.data(3, "x", ended: false))
    try app.server.advance(by: .milliseconds(4990))
    #expect(try frames(client).allSatisfy { $0.type != 1 })
    try app.server.advance(by: .milliseconds(20))
    #expect(try frames(client).contains { $0.type == 1 && $0.stream == 3 })
    #expect(try app.server.accessLines().last?["status"] == "408")
    client.send(HTTP2Frames.request(5))
    try app.server.settle()
    #expect(try app.asking() != nil)
  }

  @Test func `a hundred answers that nobody takes are reset, and cost little until then`() throws {
    let app = try application("send: 10s")
    let client = try app.server.connect(.http2)
    client.send(
      HTTP2Frames.preface + HTTP2Frames.frame(4, 0, 0, [0, 4] + HTTP2Frames.number(0)))
    let streams = (0..<100).map { UInt32(2 * $0 + 1) }
    for stream in streams { client.send(HTTP2Frames.request(stream)) }
    try app.server.settle()
    let body = String(repeating: "x", count: 150_000)
    for asked in try app.asked() { asked.call.answer(body) }
    try app.server.advance(by: .milliseconds(9990))
    let early = try frames(client)
    #expect(early.filter { $0.type == 1 }.count == 100)
    #expect(early.allSatisfy { $0.type != 0 && $0.type != 3 })
    #expect(app.server.worker.buffers.bytesOut < 32 << 20)
    try app.server.advance(by: .milliseconds(20))
    let resets = try frames(client).filter { $0.type == 3 }
    #expect(resets.count == 100 && resets.allSatisfy { $0.code == 8 })
    #expect(!client.isEnded)
    let causes = try app.server.accessLines().map(\.cause)
    #expect(causes == Array(repeating: "client-stalled", count: 100))
    client.close()
    try app.server.settle()
    #expect(app.server.remains == [])
  }

  @Test func `one that reads nothing is cut`() throws {
    let app = try application("send: 10s")
    let client = try app.server.connect(.http2, room: 65_536)
    let window = HTTP2Frames.number(0x7000_0000)
    client.send(
      HTTP2Frames.preface + HTTP2Frames.frame(4, 0, 0, [0, 4] + window)
        + HTTP2Frames.frame(8, 0, 0, window) + HTTP2Frames.request(1))
    try app.server.settle()
    let call = try #require(try app.asking()).call
    call.say("HTTP/1.1 200 OK\r\n\r\n")
    let piece = [UInt8](repeating: 7, count: 65_536)
    for _ in 0..<32 {
      _ = call.send(piece)
      try app.server.settle()
    }
    try app.server.advance(by: .milliseconds(10_010))
    #expect(try app.server.accessLines().first?.cause == "client-stalled")
    #expect(app.server.remains == [])
  }
}
