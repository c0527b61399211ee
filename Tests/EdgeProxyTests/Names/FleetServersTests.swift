import Configuration
import DNSCore
import EventLoop
import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("The servers of a fleet as a command knows them")
struct FleetServersTests {
  private func settings(_ servers: [[String]] = []) -> NameServiceSettings {
    NameServiceSettings(
      zone: FleetFixture.zone, listen: [], seconds: 10, returnAfter: .seconds(30),
      servers: servers.map { $0.map(FleetFixture.address) }, answersPerSecond: nil, names: [])
  }

  private func configuration(withEtcd: Bool) throws -> Configuration {
    var configuration = try Configuration(
      yaml: """
        node: edge-1
        listen: { https: ["127.0.0.1:8443"] }
        certificates: { directory: /c }
        \(withEtcd ? "etcd: { endpoints: [\"http://127.0.0.1:2379\"] }" : "")
        upstreams: { a: { protocol: uwsgi, nodes: ["127.0.0.1:1"] } }
        routes: [{ host: a.test, upstream: a }]
        """)
    configuration.publicAddresses = [FleetFixture.address("192.0.2.1")]
    return configuration
  }

  @Test func `a list in the configuration has the numbers of its order`() throws {
    let settings = settings([["192.0.2.2"], ["2001:db8::1", "192.0.2.1"]])
    let fleet = try #require(FleetServers(settings, configuration(withEtcd: false)))
    #expect(fleet.servers.map(\.number) == [1, 2])
    #expect(fleet.servers.map(fleet.node) == [nil, "edge-1"])
    #expect(fleet.servers.map(\.port) == [8443, 8443])
    #expect(fleet.source == .configuration && fleet.remarks == [])
    #expect(fleet.owner(of: FleetFixture.address("192.0.2.1")) == "ns2, edge-1")
    #expect(fleet.owner(of: FleetFixture.address("192.0.2.2")) == "ns1")
    #expect(fleet.owner(of: FleetFixture.address("192.0.2.3")) == "no server of the fleet")
  }

  @Test func `without etcd and a list this server is all there is`() throws {
    let fleet = try #require(FleetServers(settings(), configuration(withEtcd: false)))
    #expect(fleet.servers.map(\.addresses) == [[FleetFixture.address("192.0.2.1")]])
    #expect(fleet.remarks.count == 1 && fleet.remarks[0].hasPrefix("this is a fleet of one server"))
  }

  @Test func `with etcd the configuration does not say`() throws {
    #expect(FleetServers(settings(), try configuration(withEtcd: true)) == nil)
  }

  private func server(_ node: String, _ number: Int) -> KnownServer {
    KnownServer(
      node: node, number: number, addresses: [FleetFixture.address("192.0.2.\(number)")], port: 443)
  }

  @Test func `what the fleet told is in the order of its numbers`() throws {
    let told = [server("edge-3", 3), server("edge-1", 1)]
    let fleet = FleetServers(
      told, from: .running, settings(), try configuration(withEtcd: true))
    #expect(fleet.servers.map(\.number) == [1, 3])
    #expect(fleet.remarks == [])
  }

  @Test func `a server that has not told yet is there with the number that it will get`() throws {
    let told = [server("edge-2", 1), server("edge-4", 3)]
    let fleet = FleetServers(told, from: .etcd, settings(), try configuration(withEtcd: true))
    #expect(fleet.servers.map(\.node) == ["edge-2", "edge-1", "edge-4"])
    #expect(fleet.servers.map(\.number) == [1, 2, 3])
    #expect(fleet.remarks.count == 1 && fleet.remarks[0].contains("it becomes ns2 unless"))
  }

  @Test(arguments: [FleetServers.Source.etcd, .alone])
  func `somebody is told where only this server is known`(_ source: FleetServers.Source) throws {
    let fleet = FleetServers([], from: source, settings(), try configuration(withEtcd: true))
    #expect(fleet.servers.map(\.node) == ["edge-1"])
    #expect(fleet.remarks.count == 1 && fleet.remarks[0].hasPrefix("only this server is known"))
  }
}
