import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy

/// A TCP session whose node takes nothing, so that its client is not read.
@Suite("A session whose client is not read")
struct UnreadClientTests {
  @Test func `is let go of when the client is reset`() throws {
    let node = try ScriptedNode(overTCP: true)
    let address = try #require(SocketAddress("127.0.0.1:0"))
    let listener = try Socket.listen(address, reusePort: false)
    let bound = try #require(Socket.localAddress(listener.raw))
    let server = try InProcessServer(
      """
      listen: { tcp: [{ address: "\(bound)", upstream: db }] }
      upstreams:
        db: { protocol: tcp, nodes: ["\(node.address)"] }
        app: { nodes: ["127.0.0.1:1"] }
      routes: [{ host: a.test, upstream: app }]
      """)
    let client = WireClient(try Socket.connect(bound))
    client.send("first")
    guard let accepted = try Socket.accept(listener.raw) else {
      Issue.record("nobody connected")
      return
    }
    server.worker.sessions.accept(accepted, at: bound)
    try server.settle()
    _ = try #require(try node.accept())
    let block = [UInt8](repeating: 7, count: 1 << 20)
    // Until the node's socket and the client's are full.
    var before = 0
    repeat {
      before = client.unsent.count
      if before == 0 { client.send(block) } else { client.push() }
      try server.settle()
    } while client.unsent.isEmpty || client.unsent.count != before
    let held = Held(tunnel: Self.tunnel(of: server))
    #expect(held.tunnel != nil)
    Socket.resetOnClose(client.raw)
    client.close()
    try server.settle()
    #expect(server.worker.sessions.count == 0)
    #expect(held.tunnel == nil)
    #expect(server.remains == [])
  }

  private struct Held { weak var tunnel: Tunnel? }

  private static func tunnel(of server: InProcessServer) -> Tunnel? {
    var holders: [MemoryHolder] = []
    server.worker.sessions.addHolders(to: &holders)
    guard case .tunnel(let tunnel) = holders.first?.kind else { return nil }
    return tunnel
  }
}
