import Configuration
import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Bare connects to nodes")
final class NodeProbesTests {
  private let loop: EventLoop
  private let probes: NodeProbes
  private var idleCount = 0

  init() throws {
    loop = try EventLoop(clock: ManualClock())
    probes = NodeProbes(links: PeerLinks(loop: loop), timeout: .seconds(1))
  }

  private func upstream(_ nodes: [String]) throws -> UpstreamState {
    let list = nodes.map { "\"\($0)\"" }.joined(separator: ", ")
    let configuration = try Configuration(
      yaml: """
        upstreams: { app: { nodes: [\(list)] } }
        routes: [{ host: a.example, upstream: app }]
        """)
    return UpstreamState(configuration.upstreams[0])
  }

  private func turn() throws {
    for _ in 0..<10 { try loop.turn(mayWait: false) }
  }

  @Test func `a node that fails at once does not end the round before the others are asked`()
    throws
  {
    let listener = try Listener()
    let upstream = try upstream(["unix:/nowhere/app.sock", "\(listener.address)"])
    probes.whenIdle = { [unowned self] in idleCount += 1 }
    probes.round([upstream], witnesses: true)
    #expect(!probes.isIdle)
    try turn()
    #expect(probes.isIdle && idleCount == 1)
    #expect(upstream.nodes.map(\.condition.lastFailed) == [true, false])
    #expect(upstream.nodes.map(probes.hasAnswered) == [false, true])
    #expect(probes.emptySince == nil)
    withExtendedLifetime(listener) {}
  }

  @Test func `when none of the witnesses answers, all others are asked in the same round`() throws {
    let listener = try Listener()
    let absent = (0..<20).map { "unix:/nowhere/\($0).sock" }
    let upstream = try upstream(absent + ["\(listener.address)"])
    probes.whenIdle = { [unowned self] in idleCount += 1 }
    probes.round([upstream], witnesses: true)
    try turn()
    #expect(probes.isIdle && idleCount == 1)
    #expect(upstream.nodes.filter(probes.hasAnswered).map(\.address) == [listener.address])
    #expect(upstream.nodes.filter(\.condition.lastFailed).count == 20)
    withExtendedLifetime(listener) {}
  }

  @Test func `a round in which nobody answers tells when it began`() throws {
    let upstream = try upstream(["unix:/nowhere/app.sock"])
    probes.round([upstream], witnesses: true)
    try turn()
    #expect(probes.isIdle && probes.emptySince == loop.now)
  }
}

/// A socket that listens on loopback until the object goes.
private final class Listener {
  let address: SocketAddress
  private let descriptor: FileDescriptor

  init(backlog: Int32 = 16) throws {
    let anywhere = try #require(SocketAddress(ip: "127.0.0.1", port: 0))
    descriptor = try Socket.listen(anywhere, reusePort: false, backlog: backlog)
    address = try #require(Socket.localAddress(descriptor.raw))
  }
}
