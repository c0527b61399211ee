import EventLoop
import TLS
import TestSupport
import Testing

@testable import EdgeProxy

/// A whole worker over loopback, with TLS, and clients that give up.
@Suite("A connection that ends while it is to be secured")
struct UnspokenConnectionTests {
  private let server: InProcessServer

  init() throws {
    server = try InProcessServer("routes: [{ host: a.test, respond: { body: route } }]")
  }

  /// A client that says `bytes` and is gone, with a reset or not; returns when it is forgotten.
  private func come(saying bytes: [UInt8], isReset: Bool) throws {
    let anywhere = try #require(SocketAddress(ip: "127.0.0.1", port: 0))
    let door = try Socket.listen(anywhere, reusePort: false)
    let place = try #require(Socket.localAddress(door.raw))
    let facts = ListenerFacts(kind: .https, address: Array("127.0.0.1".utf8), port: 443)
    do {
      let client = try Socket.connect(place, speaksFirst: false)
      try server.settle {
        guard let accepted = try Socket.accept(door.raw) else { return false }
        server.worker.accepted(accepted, facts)
        return true
      }
      _ = Descriptor.write(client.raw, bytes.span)
      if isReset { Socket.resetOnClose(client.raw) }
    }
    try server.settle { server.worker.counters.connections.now == 0 }
  }

  @Test(arguments: [false, true])
  func `is no failed handshake where nothing was said, as by a probe`(isReset: Bool) throws {
    try come(saying: [], isReset: isReset)
    let counters = server.worker.counters
    #expect(counters.accepted.now == 1 && counters.handshakesFailed.now == 0)
  }

  @Test func `is a failed handshake from the first byte on`() throws {
    try come(saying: [22], isReset: false)
    #expect(server.worker.counters.handshakesFailed.now == 1)
  }
}
