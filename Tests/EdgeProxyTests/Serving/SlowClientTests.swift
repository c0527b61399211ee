import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy

/// The instance is rid of its answer at the pace of the disk, whatever the client does.
@Suite("Clients that read slowly")
struct SlowClientTests {
  private static let part = 3 << 20

  /// Has a node send bytes while the server takes them, up to `most`; returns how many it took.
  private func send(
    _ call: ScriptedNode.Call, _ byte: UInt8, most: Int, to app: ScriptedApplication
  ) throws -> Int {
    let piece = [UInt8](repeating: byte, count: 1 << 16)
    var sent = 0
    var pauses = 0
    // The disk takes over when the client has been slow for 20 ms.
    while sent < most, pauses < 4 {
      if case .bytes(let count) = call.send(Array(piece.prefix(most - sent))) {
        sent += count
        pauses = 0
        try app.server.settle()
      } else {
        pauses += 1
        try app.server.advance(by: .milliseconds(10))
      }
    }
    return sent
  }

  private func take(_ count: Int, _ client: WireClient, _ app: ScriptedApplication) throws
    -> [UInt8]
  {
    var taken: [UInt8] = []
    while taken.count < count {
      let more = client.read(most: count - taken.count)
      taken += more
      guard try app.server.turn() || !more.isEmpty else { break }
    }
    return taken
  }

  @Test func `a client that stops and goes gets all of a large answer`() throws {
    let app = try ScriptedApplication()
    let client = try app.server.connect(room: 65_536)
    try app.ask(client)
    let call = try #require(try app.asking()).call
    let head = "HTTP/1.1 200 OK\r\nContent-Length: \(3 * Self.part)\r\n\r\n"
    call.say(head)
    try app.server.settle()
    #expect(client.answer()?["Content-Length"] == "\(3 * Self.part)")
    for byte in octets("abc") {
      // The instance is rid of its part although nothing of it was read.
      #expect(try send(call, byte, most: Self.part, to: app) == Self.part)
      #expect(app.server.worker.buffers.fileBytesOut > 0)
      let taken = try take(Self.part, client, app)
      #expect(taken == [UInt8](repeating: byte, count: Self.part))
    }
    try app.server.settle()
    #expect(app.server.worker.buffers.fileBytesOut == 0)
    client.close()
    try app.server.settle()
    #expect(app.server.remains == [])
  }

  @Test func `the same in chunks`() throws {
    let app = try ScriptedApplication()
    let client = try app.server.connect(room: 65_536)
    try app.ask(client)
    let call = try #require(try app.asking()).call
    call.say("HTTP/1.1 200 OK\r\n\r\n")
    #expect(try send(call, 7, most: Self.part, to: app) == Self.part)
    call.end()
    try app.server.settle()
    let text = String(decoding: try take(2 * Self.part, client, app), as: UTF8.self)
    let answer = try #require(ScriptedAnswer(text))
    #expect(answer["Transfer-Encoding"] == "chunked")
    #expect(answer.body.utf8.filter { $0 == 7 }.count == Self.part)
    #expect(answer.body.hasSuffix("\r\n0\r\n\r\n"))
  }

  @Test func `without a disk the instance waits for its client, and nothing is lost`() throws {
    let app = try ScriptedApplication(spool: "/proc/nowhere")
    let client = try app.server.connect(room: 65_536)
    try app.ask(client)
    let call = try #require(try app.asking()).call
    call.say("HTTP/1.1 200 OK\r\nContent-Length: \(3 * Self.part)\r\n\r\n")
    try app.server.settle()
    #expect(client.answer()?.status == 200)
    var sent = try send(call, 7, most: 3 * Self.part, to: app)
    #expect(sent < 2 << 20)
    var taken = 0
    while taken < 3 * Self.part {
      taken += try take(3 * Self.part - taken, client, app).count
      sent += try send(call, 7, most: 3 * Self.part - sent, to: app)
    }
    #expect(sent == 3 * Self.part)
    #expect(app.server.worker.buffers.fileBytesOut == 0)
  }

  @Test func `an instance waits where an answer may have no file`() throws {
    let app = try ScriptedApplication(
      more: "limits: { response_file: 0B, response_memory: 256KiB }")
    let client = try app.server.connect(room: 65_536)
    try app.ask(client)
    let call = try #require(try app.asking()).call
    call.say("HTTP/1.1 200 OK\r\nContent-Length: \(Self.part)\r\n\r\n")
    #expect(try send(call, 7, most: Self.part, to: app) < 1 << 20)
    #expect(app.server.worker.buffers.bytesOut < 1 << 20)
    client.close()
    try app.server.settle()
    #expect(call.isEnded)
    #expect(app.server.remains == [])
  }

  @Test func `a client that never reads is cut and frees the instance`() throws {
    let app = try ScriptedApplication(more: "timeouts: { send: 30s }")
    let client = try app.server.connect(room: 65_536)
    try app.ask(client)
    let call = try #require(try app.asking()).call
    call.say("HTTP/1.1 200 OK\r\nContent-Length: \(Self.part)\r\n\r\n")
    #expect(try send(call, 7, most: Self.part, to: app) == Self.part)
    try app.server.advance(by: .seconds(29))
    #expect(app.server.worker.counters.connections.now == 1)
    try app.server.advance(by: .seconds(2))
    #expect(try app.server.accessLines().first?.cause == "client-stalled")
    #expect(app.server.remains == [])
  }

  @Test(arguments: [false, true])
  func `a client that vanishes within its answer frees the instance`(hasBegun: Bool) throws {
    let app = try ScriptedApplication()
    let client = try app.ask()
    let call = try #require(try app.asking()).call
    if hasBegun { call.say("HTTP/1.1 200 OK\r\n\r\nsome") }
    try app.server.settle()
    client.close()
    try app.server.settle()
    #expect(call.isEnded)
    #expect(app.server.remains == [])
  }

  @Test func `a head that trickles is answered 408 and closed`() throws {
    let app = try ScriptedApplication(more: "timeouts: { head: 5s }")
    let client = try app.server.connect()
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\n")
    for _ in 0..<4 {
      try app.server.advance(by: .seconds(1))
      client.send("X: y\r\n")
    }
    #expect(client.answer() == nil)
    try app.server.advance(by: .milliseconds(1010))
    #expect(client.answer()?.status == 408)
    #expect(client.hear().isEmpty && client.isEnded)
    #expect(try app.asked().isEmpty)
  }

  @Test(arguments: [
    "Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\na\r\nhalf",
  ])
  func `a body that stalls is answered 408 and closed`(rest: String) throws {
    let app = try ScriptedApplication(more: "timeouts: { body: 5s }")
    let client = try app.server.connect()
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\n" + rest)
    try app.server.advance(by: .milliseconds(4990))
    #expect(client.answer() == nil)
    try app.server.advance(by: .milliseconds(20))
    #expect(client.answer()?.status == 408)
    #expect(client.hear().isEmpty && client.isEnded)
    #expect(try app.asked().isEmpty)
  }
}
