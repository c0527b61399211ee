import Configuration
import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Nodes on other servers")
struct NeighbourNodesTests {
  private let key = Array("a.example".utf8)
  private let now = Instant(nanoseconds: 0)

  private func settings(everywhere: Bool) throws -> UpstreamSettings {
    let file = """
      etcd: { endpoints: ["http://127.0.0.1:2379"] }
      listen: { peers: ["10.0.0.1:7443"] }
      upstreams:
        app: { nodes: ["unix:/run/a.sock"], everywhere: \(everywhere) }
      routes: [{ host: a.example, upstream: app }]
      """
    return try Configuration(yaml: file).upstreams[0]
  }

  private func names(_ state: UpstreamState) -> [String] {
    state.nodes.map(\.description)
  }

  @Test func `nodes that are everywhere are on each server, and here they are local`() throws {
    let neighbours = Neighbours(own: "one", servers: ["three", "two"])
    let state = UpstreamState(try settings(everywhere: true), neighbours: neighbours)
    #expect(names(state) == ["unix:/run/a.sock", "three/unix:/run/a.sock", "two/unix:/run/a.sock"])
    #expect(state.roles.map(\.isLocal) == [true, false, false])
    let alone = UpstreamState(try settings(everywhere: false), neighbours: neighbours)
    #expect(names(alone) == ["unix:/run/a.sock"])
  }

  @Test func `status and metrics tell the nodes of one address apart by their servers`() throws {
    let neighbours = Neighbours(own: "one", servers: ["two"])
    let state = UpstreamState(try settings(everywhere: true), neighbours: neighbours)
    let section = UpstreamsSection(upstreams: [state], now: now, time: 0).section
    // Prometheus refuses all of an answer in which two samples have the same labels.
    for metric in section.metrics {
      let labels = metric.samples.map { "\($0.labels)" }
      #expect(Set(labels).count == labels.count, "\(metric.name)")
    }
    var written = TextBuffer(capacity: 0)
    section.value.write(to: &written)
    #expect(written.text.contains(#""address":"unix:/run/a.sock","server":null,"#))
    #expect(written.text.contains(#""address":"unix:/run/a.sock","server":"two","#))
    let text = String(decoding: StatusText.render(section.text), as: UTF8.self)
    #expect(text.contains(" two/unix:/run/a.sock "))
  }

  @Test func `a server that comes leaves the nodes of the others as they are`() throws {
    let settings = try settings(everywhere: true)
    let first = UpstreamState(settings, neighbours: Neighbours(own: "one", servers: ["two"]))
    let second = UpstreamState(
      settings, neighbours: Neighbours(own: "one", servers: ["three", "two"]), previous: first)
    #expect(second.nodes[0] === first.nodes[0])
    #expect(second.nodes[2] === first.nodes[1])
    #expect(second.lasting === first.lasting)
  }

  @Test func `an instance has the same mark on its own server as on the others`() throws {
    let settings = try settings(everywhere: true)
    let one = UpstreamState(settings, neighbours: Neighbours(own: "one", servers: ["two"]))
    let two = UpstreamState(settings, neighbours: Neighbours(own: "two", servers: ["one"]))
    #expect(one.nodes.map(\.mark) == two.nodes.reversed().map(\.mark))
    #expect(one.nodes[0].mark != one.nodes[1].mark)
  }

  @Test func `instances behind servers that cannot be reached are not asked`() throws {
    let address = try #require(SocketAddress("127.0.0.1:3031"))
    let instances = ["two", "three", nil].map { Instance(address: address, server: $0) }
    let application = Application(key: key, instances: instances)
    var applications = Applications()
    applications.reconfigure([try discovered()], now: now)
    applications.install([application], now: now)
    #expect(applications.states.map(names) == [["127.0.0.1:3031"]])
    applications.install(Neighbours(own: "one", servers: ["two"]), now: now)
    #expect(applications.states.map(names) == [["two/127.0.0.1:3031", "127.0.0.1:3031"]])
  }

  private func discovered() throws -> UpstreamSettings {
    let file = """
      subscriptions: { listen: "127.0.0.1:7000" }
      upstreams: { apps: { discover: subscriptions } }
      routes: [{ host: "*.example", upstream: apps }]
      """
    return try Configuration(yaml: file).upstreams[0]
  }

  @Test func `one address on two servers is two instances`() throws {
    var registry = InstanceRegistry()
    let address = try #require(SocketAddress("unix:/run/a.sock"))
    for server in ["two", "three"] {
      let instance = Instance(address: address, server: server)
      #expect(registry.announce(key, instance, .shared(node: server), now: now) == .added)
    }
    let own = Instance(address: address, isLocal: true)
    #expect(registry.announce(key, own, .subscription(.unix), now: now) == .added)
    #expect(registry.announcedHere(node: "one", local: true, now: now).map(\.server) == ["one"])
    #expect(registry.announcedHere(node: "one", local: false, now: now).isEmpty)
    registry.lapse(key, address, on: "two", node: "two", now: now)
    let told = registry.takeChanges(now: now).changed.first?.instances
    #expect(told?.map(\.server) == [nil, "three", "two"])
    #expect(told?.map(\.isDoubtful) == [false, false, true])
  }
}
