import EventLoop
import Testing

@testable import EdgeProxy

/// How sessions end, and what is counted for them until then.
@Suite("Ends of TCP sessions")
struct TCPSessionEndTests {
  private static let listener = "127.0.0.1:4000"
  private let node: ScriptedNode
  private let other: ScriptedNode

  init() throws {
    node = try ScriptedNode(overTCP: true)
    other = try ScriptedNode(overTCP: true)
  }

  private func server(_ more: String = "", limits: String = "") throws -> InProcessServer {
    try InProcessServer(
      """
      listen: { tcp: [{ address: "\(Self.listener)", upstream: db }] }
      upstreams:
        db:
          protocol: tcp
          nodes: ["\(node.address)", { address: "\(other.address)", backup: true }]
          \(more)
      routes: [{ host: a.test, respond: { body: ok } }]
      limits: { \(limits) }
      """, logging: true)
  }

  private func begin(
    _ server: InProcessServer, from address: String = "127.0.0.1", room: Int32? = nil
  ) throws -> WireClient {
    try server.beginSession(at: Self.listener, from: address, room: room)
  }

  @Test func `a reset of the node reaches the client`() throws {
    let server = try server()
    let client = try begin(server)
    try server.settle(untilCalled: node).reset()
    try server.settle { client.hear().isEmpty && client.isReset }
    #expect(try server.accessLines().first?.cause == "node-reset")
    #expect(server.remains == [])
  }

  @Test func `a reset of the client reaches the node`() throws {
    let server = try server()
    let client = try begin(server)
    let call = try server.settle(untilCalled: node)
    client.reset()
    try server.settle { call.isReset }
    #expect(try server.accessLines().first?.cause == "client-gone")
    #expect(server.remains == [])
  }

  @Test func `a slow reader makes the node wait and costs one block of memory`() throws {
    let server = try server()
    let client = try begin(server, room: 4096)
    let call = try server.settle(untilCalled: node)
    let piece = [UInt8](repeating: 7, count: 1 << 16)
    var sent = 0
    // Until the node has to wait, also after the worker has turned.
    try server.settle {
      guard case .bytes(let count) = call.send(piece) else { return true }
      sent += count
      return false
    }
    try server.settle { call.send(piece) == .wouldBlock }
    #expect(sent < 64 << 20)
    #expect(server.worker.buffers.bytesOut <= BufferPool.blockBytes)
    var got = 0
    try server.settle {
      got += client.read().count
      return got >= sent
    }
  }

  @Test func `a silent session ends after its time, one that talks does not`() throws {
    let server = try server("timeouts: { tunnel: 10s }")
    let client = try begin(server)
    let call = try server.settle(untilCalled: node)
    for _ in 0..<3 {
      try server.advance(by: .seconds(9))
      call.say("x")
      try server.settle(until: client, hears: "x")
    }
    try server.advance(by: .seconds(11))
    try server.settle { client.hear().isEmpty && client.isReset }
    #expect(try server.accessLines().first?.cause == "tunnel-idle")
  }

  @Test func `sessions are counted as connections`() throws {
    let server = try server(limits: "connections: 2")
    let (one, two) = (try begin(server), try begin(server))
    let three = try begin(server)
    try server.settle { three.hear().isEmpty && three.isReset }
    try server.settle(untilCalled: node).say("1")
    try server.settle(untilCalled: node).say("2")
    try server.settle(until: one, hears: "1")
    try server.settle(until: two, hears: "2")
  }

  @Test func `a client of another machine has its sessions and no more, until one ends`() throws {
    let server = try server(limits: "connections_per_address: 2")
    let first = try begin(server, from: "198.51.100.7")
    let second = try begin(server, from: "198.51.100.7")
    let third = try begin(server, from: "198.51.100.7")
    try server.settle { third.hear().isEmpty && third.isReset }
    #expect(server.perAddress.clientCount == 1)
    // Another client is not held up by it.
    let stranger = try begin(server, from: "198.51.100.8")
    #expect(server.worker.sessions.count == 3)
    first.reset()
    try server.settle { server.worker.sessions.count == 2 }
    let fourth = try begin(server, from: "198.51.100.7")
    #expect(server.worker.sessions.count == 3)
    for client in [second, fourth, stranger] { client.reset() }
    try server.settle { server.worker.sessions.count == 0 }
    #expect(server.perAddress.clientCount == 0)
    #expect(server.remains == [])
  }

  @Test func `the applications of this machine are not one client`() throws {
    let server = try server(limits: "connections_per_address: 2")
    let clients = try (0..<5).map { _ in try begin(server) }
    #expect(server.worker.sessions.count == 5)
    #expect(server.perAddress.clientCount == 0)
    for client in clients { client.reset() }
  }

  @Test(arguments: [false, true])
  func `sessions of a node that is taken out stay, or move on where that is wanted`(
    cuts: Bool
  ) throws {
    let server = try server("on_node_down: \(cuts ? "cut" : "keep")")
    let client = try begin(server)
    let call = try server.settle(untilCalled: node)
    node.stop()
    for _ in 0..<3 {
      let next = try begin(server)
      try server.settle(untilCalled: other).say("2")
      try server.settle(until: next, hears: "2")
    }
    #expect(server.nodes(of: "db").first?.condition.isOut == true)
    try server.advance(by: .seconds(1))
    guard cuts else {
      call.say("still")
      return try server.settle(until: client, hears: "still")
    }
    try server.settle { client.hear().isEmpty && client.isReset }
    #expect(try server.accessLines().first?.cause == "node-down")
  }

  @Test func `a drain lets sessions go on and is over with the last of them`() throws {
    let server = try server()
    let client = try begin(server)
    let call = try server.settle(untilCalled: node)
    let drained = Flag()
    server.worker.drain { drained.raise() }
    call.say("still")
    try server.settle(until: client, hears: "still")
    #expect(!drained.isRaised)
    client.reset()
    try server.settle { server.worker.sessions.count == 0 }
    #expect(drained.isRaised)
  }

  @Test func `what is left at the end of a drain is cut`() throws {
    let server = try server()
    let client = try begin(server)
    _ = try server.settle(untilCalled: node)
    let drained = Flag()
    server.worker.drain { drained.raise() }
    server.worker.cutAll()
    try server.settle { client.hear().isEmpty && client.isReset }
    #expect(drained.isRaised)
    #expect(try server.accessLines().first?.cause == "drain")
  }
}
