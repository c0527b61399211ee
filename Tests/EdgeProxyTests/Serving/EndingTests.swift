import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy

/// What ends a connection or a tunnel is recorded and done when the turn ends: whoever finds it out
/// may be called by what ends.
@Suite("Ends come with the end of the turn")
struct EndingTests {
  private let node: ScriptedNode
  private let server: InProcessServer

  init() throws {
    node = try ScriptedNode()
    server = try InProcessServer(
      """
      upstreams: { app: { protocol: http, nodes: ["\(node.address)"] } }
      routes: [{ host: a.test, upstream: app }]
      """)
  }

  private var inFlight: Int { server.nodes(of: "app").reduce(0) { $0 + $1.inFlight } }

  /// A client whose request has come to the instance.
  private func ask(_ head: String) throws -> (WireClient, ScriptedNode.Call) {
    let client = try server.connect()
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\(head)\r\n")
    try server.settle()
    return (client, try #require(try node.accept()))
  }

  @Test(arguments: [false, true])
  func `a connection keeps its request until the turn ends`(reset: Bool) throws {
    let (client, call) = try ask("")
    do {
      let connection = try #require(server.worker.connections.first)
      connection.abort(reset: reset)
      connection.finish()
    }
    #expect(inFlight == 1)
    try server.turn()
    #expect(inFlight == 0)
    _ = client.read()
    #expect(client.isEnded)
    call.end()
    try server.settle()
    #expect(server.remains == [])
  }

  @Test func `the place of a connection that ends is free at once`() throws {
    let (client, call) = try ask("")
    try #require(server.worker.connections.first).abort()
    #expect(server.worker.connections.isEmpty && server.perAddress.clientCount == 0)
    try server.settle()
    _ = client.read()
    #expect(client.isEnded)
    call.end()
    try server.settle()
    #expect(server.remains == [])
  }

  @Test func `a connection that is to end takes no further request`() throws {
    let client = try server.connect()
    try server.settle()
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    try #require(server.worker.connections.first).finish()
    try server.settle()
    #expect(try node.accept() == nil)
    #expect(client.read() == [] && client.isEnded)
  }

  @Test func `an answer that is cut ends its connection, but not within the call`() throws {
    let (client, call) = try ask("")
    call.say("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegin")
    try server.settle()
    do {
      let connection = try #require(server.worker.connections.first)
      guard case .http1(let driver) = connection.driver else {
        Issue.record("it speaks HTTP/1.1")
        return
      }
      try #require(driver.exchange).cutForMemory()
      #expect(!connection.isOpen && connection.driver != nil && inFlight == 0)
    }
    // What the instance still says goes nowhere.
    call.say("late")
    try server.settle()
    #expect(server.worker.connections.isEmpty)
    let answer = text(client.read().span)
    #expect(answer.hasSuffix("\r\n\r\nbegin") && client.isEnded)
    call.end()
    try server.settle()
    #expect(server.remains == [])
  }

  @Test func `a tunnel keeps its node until the turn ends, then both sides hear`() throws {
    let (client, call) = try ask(
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
    call.say("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    try server.settle()
    _ = call.heard()
    let tunnel = try #require(server.worker.connections.first?.tunnel)
    tunnel.cut("drain")
    #expect(inFlight == 1 && !call.isEnded)
    // Bytes that come in the same turn do not move any more.
    client.send("late")
    try server.turn()
    #expect(inFlight == 0)
    try server.settle()
    #expect(call.isEnded)
    #expect(text(client.read().span).hasPrefix("HTTP/1.1 101 ") && client.isEnded)
    client.close()
    try server.settle()
    #expect(server.remains == [])
  }
}
