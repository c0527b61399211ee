import ACME
import EventLoop
import TLS
import TestSupport
import Testing

@testable import EdgeProxy

/// A whole worker and a CA over loopback, with TLS.
@Suite("A connection of a CA that looks for a tls-alpn-01 challenge")
struct ChallengeConnectionTests {
  private let server: InProcessServer

  init() throws {
    server = try InProcessServer("routes: [{ host: a.test, respond: { body: route } }]")
    let digest = String(repeating: "A", count: 43)
    let value = ChallengeValue(.alpn(name: "a.test"), digest)
    server.worker.install(ChallengeTable([value], now: 1_800_000_000))
  }

  /// A CA's connection to the https port, for as long as `body` runs.
  private func connect(_ name: String, _ body: (TLSClient) throws -> Void) throws {
    let anywhere = try #require(SocketAddress(ip: "127.0.0.1", port: 0))
    let door = try Socket.listen(anywhere, reusePort: false)
    let socket = try Socket.connect(
      try #require(Socket.localAddress(door.raw)), speaksFirst: false)
    var offer = TLSClient.Offer(name)
    offer.protocols = ["acme-tls/1"]
    let client = TLSClient(offer, descriptor: socket.raw)
    let facts = ListenerFacts(kind: .https, address: Array("127.0.0.1".utf8), port: 443)
    try server.settle {
      guard let accepted = try Socket.accept(door.raw) else { return false }
      server.worker.accepted(accepted, facts)
      return true
    }
    try body(client)
    _ = socket.raw
  }

  @Test func `ends after the handshake, reads no request and is counted as what it is`() throws {
    try connect("a.test") { client in
      try server.settle { client.handshake() == .done }
      #expect(client.chosenProtocol == "acme-tls/1")
      _ = client.write(octets("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"))
      try server.settle { client.read() == nil }
      #expect(client.hasReceivedGoodbye)
      let counters = server.worker.counters
      #expect(counters.challenges(.alpn) == 1)
      #expect(counters.requests == 0 && counters.handshakesFailed.now == 0)
      // It does not outlast a CA that stays.
      try server.advance(by: .seconds(60))
      #expect(counters.connections.now == 0)
    }
  }

  @Test func `is refused for another name, and counted as a handshake that failed`() throws {
    try connect("b.test") { client in
      try server.settle {
        client.handshake() == .failed("tlsv1 alert no application protocol")
      }
      let counters = server.worker.counters
      #expect(counters.challenges(.alpn) == 0)
      #expect(counters.handshakesFailed.now == 1 && counters.connections.now == 0)
    }
  }
}
