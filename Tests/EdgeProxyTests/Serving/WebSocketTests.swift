import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy

/// A tunnel over the whole of an HTTP/1.1 connection: how it is agreed to, its bytes and its ends.
@Suite("WebSocket over HTTP/1.1")
struct WebSocketTests {
  private static let asking = """
    Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n
    """
  private static let agreed = """
    HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\nX-Mine: 1\r\n\r\n
    """

  /// An application, a client and the node's end of their tunnel, with nothing under way.
  private func open(
    _ upstream: String = "", speaks: String = "http", room: Int32? = nil
  ) throws -> (ScriptedApplication, WireClient, ScriptedNode.Call) {
    let app = try ScriptedApplication(upstream: upstream, speaks: speaks)
    let client = try app.server.connect(room: room)
    try app.ask(client, "GET", "/chat", Self.asking)
    let call = try #require(try app.asking()).call
    call.say(Self.agreed)
    try app.server.settle()
    #expect(client.answer()?.status == 101)
    return (app, client, call)
  }

  @Test(arguments: ["http", "uwsgi"])
  func `bytes right behind either head are not lost`(speaks: String) throws {
    let app = try ScriptedApplication(speaks: speaks)
    let client = try app.server.connect()
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\(Self.asking)\r\nearly")
    try app.server.settle()
    let asked = try #require(try app.asking())
    // Not a byte of the client's goes further before the agreement.
    #expect(!asked.text.contains("early"))
    asked.call.say(Self.agreed + "first")
    try app.server.settle()
    let answer = try #require(client.answer())
    #expect(answer.status == 101 && answer.body == "first")
    #expect(answer["Upgrade"] == "websocket" && answer["Connection"] == "Upgrade")
    #expect(answer["X-Mine"] == "1" && answer["Content-Length"] == nil)
    #expect(text(asked.call.heard().span) == "early")
  }

  @Test(arguments: ["200", "400", "426"])
  func `without agreement what follows is requests of its own`(status: String) throws {
    let app = try ScriptedApplication()
    let client = try app.server.connect()
    client.send(
      "GET / HTTP/1.1\r\nHost: a.test\r\n\(Self.asking)\r\n"
        + "GET /other HTTP/1.1\r\nHost: b.test\r\n\r\nGET /next HTTP/1.1\r\nHost: a.test\r\n\r\n")
    try app.server.settle()
    let first = try #require(try app.asking())
    first.call.say("HTTP/1.1 \(status) X\r\nContent-Length: 0\r\n\r\n")
    try app.server.settle()
    // Read here, and told to the node with what we say of a client.
    let next = text(first.call.heard().span)
    #expect(next.hasPrefix("GET /next HTTP/1.1\r\n") && next.contains("\r\nX-Forwarded-For: "))
    #expect(!next.contains("b.test"))
    first.call.answer("next")
    try app.server.settle()
    let heard = client.hear()
    let statuses = heard.split(separator: "HTTP/1.1 ").map { $0.prefix(3) }
    #expect(statuses == [Substring(status), "404", "200"])
  }

  @Test(arguments: [
    "Upgrade: h2c\r\nConnection: Upgrade\r\n",
    "Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n",
    "Connection: Upgrade\r\n", "Upgrade: websocket\r\n",
  ])
  func `a 101 that agrees to something else is a 502`(fields: String) throws {
    let app = try ScriptedApplication()
    let client = try app.ask("GET", "/", Self.asking)
    let call = try #require(try app.asking()).call
    call.say("HTTP/1.1 101 Switching\r\n\(fields)\r\nhello")
    try app.server.settle()
    #expect(client.answer()?.status == 502)
    #expect(call.isEnded)
  }

  @Test(arguments: [
    ("POST", asking, "x"), ("GET", asking, "x"), ("GET", "Upgrade: websocket\r\n", nil),
    ("GET", "Connection: Upgrade\r\n", nil),
    ("GET", "Connection: Upgrade\r\nUpgrade: h2c\r\n", nil),
  ])
  func `what does not ask for a WebSocket gets none`(
    method: String, fields: String, body: String?
  ) throws {
    let app = try ScriptedApplication()
    let client = try app.ask(method, "/", fields, body: body)
    let asked = try #require(try app.asking())
    #expect(!asked.text.contains("Upgrade:"))
    asked.call.say(Self.agreed)
    try app.server.settle()
    #expect(client.answer()?.status == 502)
  }

  @Test func `a route may refuse WebSocket`() throws {
    let app = try ScriptedApplication(route: "websocket: false")
    let client = try app.ask("GET", "/", Self.asking)
    let asked = try #require(try app.asking())
    #expect(!asked.text.contains("pgrade"))
    asked.call.answer()
    try app.server.settle()
    #expect(client.answer()?.status == 200)
  }

  // MARK: Ends

  @Test(arguments: ["http", "uwsgi"])
  func `the client ends its side and still hears the rest`(speaks: String) throws {
    let (app, client, call) = try open(speaks: speaks)
    client.send("goodbye")
    client.endSending()
    try app.server.settle()
    #expect(text(call.heard().span) == "goodbye" && call.isEnded)
    call.say("heard")
    call.end()
    try app.server.settle()
    #expect(client.hear() == "heard" && client.isEnded)
    let line = try #require(try app.server.accessLines().first)
    #expect(line.cause == nil && line["bytes_in"] == "7" && line["bytes_out"] == "5")
    #expect(app.server.remains == [])
  }

  @Test(arguments: ["http", "uwsgi"])
  func `the node ends its side and still hears the rest`(speaks: String) throws {
    let (app, client, call) = try open(speaks: speaks)
    call.say("goodbye")
    call.endSending()
    try app.server.settle()
    #expect(client.hear() == "goodbye" && client.isEnded)
    client.send("and thanks")
    try app.server.settle()
    #expect(text(call.heard().span) == "and thanks")
    client.close()
    call.end()
    try app.server.settle()
    #expect(app.server.remains == [])
  }

  @Test func `a side that ended leaves the other half a minute of silence`() throws {
    let (app, client, call) = try open("timeouts: { tunnel: 10m }")
    client.endSending()
    try app.server.advance(by: .seconds(29))
    call.say("x")
    try app.server.advance(by: .seconds(29))
    #expect(client.hear() == "x" && !client.isEnded)
    try app.server.advance(by: .seconds(2))
    #expect(client.hear().isEmpty && client.isEnded)
    #expect(try app.server.accessLines().first?.cause == "tunnel-idle")
  }

  @Test(arguments: ["http", "uwsgi"])
  func `a silent tunnel ends in time, one with traffic does not`(speaks: String) throws {
    let (app, client, call) = try open("timeouts: { tunnel: 10s }", speaks: speaks)
    for _ in 0..<5 {
      try app.server.advance(by: .seconds(9))
      client.send("x")
      try app.server.settle()
      #expect(text(call.heard().span) == "x")
    }
    try app.server.advance(by: .milliseconds(10_010))
    #expect(client.hear().isEmpty && client.isEnded && call.isEnded)
    let line = try #require(try app.server.accessLines().first)
    #expect(line["status"] == "101" && line.cause == "tunnel-idle" && line["bytes_in"] == "5")
  }

  @Test(arguments: ["http", "uwsgi"])
  func `a client that vanishes ends the tunnel at the node`(speaks: String) throws {
    let (app, client, call) = try open(speaks: speaks)
    client.close()
    try app.server.settle()
    try app.server.advance(by: .seconds(31))
    #expect(call.isEnded)
    #expect(app.server.remains == [])
  }

  @Test(arguments: ["http", "uwsgi"], [false, true])
  func `a slow reader slows the other side down`(speaks: String, isClient: Bool) throws {
    let (app, client, call) = try open(speaks: speaks, room: 65_536)
    let piece = [UInt8](repeating: 7, count: 1 << 16)
    var sent = 0
    var isFull = false
    while !isFull {
      if isClient {
        let before = client.unsent.count
        client.send(piece)
        sent += piece.count
        isFull = before > 0
      } else if case .bytes(let count) = call.send(piece) {
        sent += count
      } else {
        isFull = true
      }
      try app.server.settle()
    }
    #expect(sent < 4 << 20)
    #expect(app.server.worker.buffers.bytesOut <= 2 * BufferPool.blockBytes)
    var got = 0
    for _ in 0..<200 where got < sent {
      client.push()
      got += isClient ? call.heard().count : client.read().count
      try app.server.settle()
    }
    #expect(got == sent)
    #expect(app.server.worker.buffers.bytesOut == 0)
  }

  @Test(arguments: ["http", "uwsgi"])
  func `a drain keeps tunnels until they end, or are cut`(speaks: String) throws {
    let (app, client, call) = try open(speaks: speaks)
    app.server.worker.drain {}
    client.send("still here")
    try app.server.settle()
    #expect(text(call.heard().span) == "still here")
    app.server.worker.cutAll()
    try app.server.settle()
    #expect(client.hear().isEmpty && client.isEnded && call.isEnded)
    let line = try #require(try app.server.accessLines().first)
    #expect(line.cause == "drain" && line["bytes_in"] == "10")
    #expect(app.server.remains == [])
  }

  @Test(arguments: ["http", "uwsgi"])
  func `a tunnel with nothing under way holds no memory`(speaks: String) throws {
    let (app, client, call) = try open(speaks: speaks)
    #expect(app.server.worker.buffers.bytesOut == 0)
    client.send("to")
    call.say("fro")
    try app.server.settle()
    #expect(text(call.heard().span) == "to" && client.hear() == "fro")
    #expect(app.server.worker.buffers.bytesOut == 0)
  }

  @Test func `a tunnel counts at its node until it is over`() throws {
    let (app, client, call) = try open()
    #expect(app.server.nodes(of: "app")[0].inFlight == 1)
    call.end()
    client.close()
    try app.server.settle()
    #expect(app.server.nodes(of: "app")[0].inFlight == 0)
  }
}
