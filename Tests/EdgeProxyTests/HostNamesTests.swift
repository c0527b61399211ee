import Configuration
import EventLoop
import Logging
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Host names among the nodes")
struct HostNamesTests {
  private let app = HostAndPort("app.internal:3031")

  private func address(_ text: String) throws -> SocketAddress {
    try #require(SocketAddress(text))
  }

  private func settings(_ nodes: String, more: String = "") throws -> UpstreamSettings {
    let file = """
      upstreams: { app: { nodes: [\(nodes)]\(more) } }
      routes: [{ host: a.example, upstream: app }]
      """
    return try Configuration(yaml: file).upstreams[0]
  }

  private func hosts(_ addresses: [String], of host: HostAndPort? = nil) throws -> HostAddresses {
    var hosts = HostAddresses.none
    _ = hosts.set(try #require(host ?? app), try addresses.map(address))
    return hosts
  }

  @Test func `a name is as many nodes as it has addresses, in a lasting order`() throws {
    let settings = try settings("\"app.internal:3031\", \"10.0.0.9:3031\"")
    let one = UpstreamState(settings, hosts: try hosts(["10.0.0.2:3031", "10.0.0.1:3031"]))
    #expect(one.nodes.map(\.description) == ["10.0.0.1:3031", "10.0.0.2:3031", "10.0.0.9:3031"])
    #expect(UpstreamState(settings).nodes.map(\.description) == ["10.0.0.9:3031"])
    let many = try hosts((0..<200).map { "10.0.1.\($0):3031" })
    #expect(UpstreamState(settings, hosts: many).nodes.count == TriedNodes.nodesMax)
  }

  @Test func `an address that a name leads to and that stands there too is one node`() throws {
    let settings = try settings("\"app.internal:3031\", \"10.0.0.1:3031\"")
    let state = UpstreamState(settings, hosts: try hosts(["10.0.0.1:3031"]))
    #expect(state.nodes.count == 1)
  }

  @Test func `what a node's certificate bears is its name in the configuration`() throws {
    let settings = try settings(
      "\"app.internal:3031\", \"10.0.0.9:3031\"", more: ", protocol: https")
    let state = UpstreamState(settings, hosts: try hosts(["10.0.0.1:3031"]))
    #expect(state.nodes.map(\.host) == ["app.internal", "10.0.0.9"])
  }

  @Test func `nodes whose addresses stay keep what is known of them when a name changes`() throws {
    let file = """
      upstreams: { a: { nodes: ["app.internal:3031"] }, b: { nodes: ["10.0.0.9:3031"] } }
      routes: [{ host: a.example, upstream: a }, { host: b.example, upstream: b }]
      """
    let configuration = try Configuration(yaml: file)
    let first = SnapshotPlan(
      configuration, hosts: try hosts(["10.0.0.1:3031", "10.0.0.2:3031"]), previous: nil)
    let next = SnapshotPlan(
      configuration, hosts: try hosts(["10.0.0.2:3031", "10.0.0.3:3031"]), previous: first)
    #expect(next.upstreams[0].nodes[0] === first.upstreams[0].nodes[1])
    #expect(next.upstreams[0].nodes[1].description == "10.0.0.3:3031")
    #expect(next.upstreams[0].lasting === first.upstreams[0].lasting)
    #expect(next.upstreams[1] === first.upstreams[1])
    let same = SnapshotPlan(
      configuration, hosts: try hosts(["10.0.0.3:3031", "10.0.0.2:3031"]), previous: next)
    #expect(same.upstreams[0] === next.upstreams[0])
  }

  @Test func `requests that wait for a name go on in the same queue when it is resolved`() throws {
    let configuration = try Configuration(
      yaml: """
        upstreams: { a: { nodes: ["app.internal:3031"] } }
        routes: [{ host: a.example, upstream: a }]
        """)
    let (loop, counters) = (try EventLoop(), WorkerCounters())
    let first = SnapshotPlan(configuration, previous: nil)
    let before = WorkerSnapshot(
      first, loop: loop, counters: counters, previous: nil)
    let next = SnapshotPlan(configuration, hosts: try hosts(["10.0.0.1:3031"]), previous: first)
    let after = WorkerSnapshot(
      next, loop: loop, counters: counters, previous: before)
    #expect(after.upstreams[0] === before.upstreams[0])
    #expect(after.upstreams[0].state.nodes.count == 1)
    #expect(after.upstreams[0].generation == 1)
  }

  // MARK: Looking up

  private func lookups(_ names: [String]) throws -> HostLookups {
    let loop = try EventLoop()
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let lookups = HostLookups(loop: loop, logger: logger) {}
    lookups.follow(names.compactMap(HostAndPort.init))
    while !lookups.isIdle { try loop.turn(mayWait: true) }
    return lookups
  }

  @Test func `names are looked up, more than may be at once too, and failures are told`() throws {
    let bad = "\(String(repeating: "x", count: 63)).invalid:1"
    let lookups = try lookups((1...40).map { "localhost:\($0)" } + [bad])
    #expect(lookups.hosts.count == 41)
    for port in 1...40 {
      let host = try #require(HostAndPort("localhost:\(port)"))
      #expect(lookups.addresses[.named(host)].contains { $0.isLocal && Int($0.port ?? 0) == port })
      #expect(lookups.failure(of: host) == nil)
    }
    let host = try #require(HostAndPort(bad))
    #expect(lookups.addresses[host] == nil)
    #expect(lookups.failure(of: host) != nil)
    let text = String(
      decoding: StatusText.render(HostNamesSection(lookups).section.text), as: UTF8.self)
    #expect(text.contains("localhost:40 "))
    #expect(text.contains(" none "))
  }

  @Test func `names that are followed no more are forgotten`() throws {
    let lookups = try lookups(["localhost:1", "localhost:2"])
    lookups.follow([try #require(HostAndPort("localhost:2"))])
    #expect(lookups.addresses[try #require(HostAndPort("localhost:1"))] == nil)
    #expect(lookups.addresses[try #require(HostAndPort("localhost:2"))] != nil)
    #expect(lookups.hosts.map(\.description) == ["localhost:2"])
  }
}
