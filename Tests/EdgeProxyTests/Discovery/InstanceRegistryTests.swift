import EventLoop
import HTTPCore
import Testing

@testable import EdgeProxy

@Suite("The table of announced instances")
struct InstanceRegistryTests {
  private static let source = SubscriptionSource.machine(IPAddress(ipv4: 0x0a00_0001))
  private let key = Array("a.example".utf8)

  private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

  private func instance(_ port: Int) throws -> Instance {
    Instance(address: try #require(SocketAddress("10.0.0.1:\(port)")))
  }

  @discardableResult
  private func announce(
    _ registry: inout InstanceRegistry, _ port: Int, at second: Int64, key: [UInt8]? = nil,
    _ origin: KnownInstance.Origin = .subscription(source)
  ) throws -> InstanceRegistry.Outcome {
    registry.announce(key ?? self.key, try instance(port), origin, now: at(second))
  }

  /// The ports of the key, doubtful ones negative.
  private func ports(_ registry: InstanceRegistry, at second: Int64) -> [Int]? {
    registry.records[key]?.instances.map {
      Int($0.instance.address.port ?? 0) * ($0.doubt(at(second)) == nil ? 1 : -1)
    }
  }

  private func beat(_ registry: inout InstanceRegistry, from: Int64, to: Int64) {
    for second in from...to { registry.beat(now: at(second)) }
  }

  @Test func `instances are told in a lasting order, once for each change`() throws {
    var registry = InstanceRegistry()
    for port in [3, 1, 2] { #expect(try announce(&registry, port, at: 0) == .added) }
    let told = registry.takeChanges(now: at(0)).changed
    #expect(told.count == 1)
    #expect(told.first?.instances.map(\.address.port) == [1, 2, 3])
    #expect(try announce(&registry, 2, at: 10) == .refreshed)
    #expect(registry.takeChanges(now: at(10)).changed.isEmpty)
  }

  @Test func `a silent instance comes into doubt and goes while another is fresh`() throws {
    var registry = InstanceRegistry()
    try announce(&registry, 1, at: 0)
    for second in stride(from: Int64(0), through: 60, by: 10) {
      try announce(&registry, 2, at: second)
    }
    beat(&registry, from: 1, to: 29)
    #expect(ports(registry, at: 29) == [1, 2])
    #expect(ports(registry, at: 30) == [-1, 2])
    registry.beat(now: at(30))
    let told = registry.takeChanges(now: at(30)).changed
    #expect(told.first?.instances.map(\.isDoubtful) == [true, false])
    beat(&registry, from: 31, to: 60)
    #expect(ports(registry, at: 60) == [2])
  }

  @Test func `silence alone never takes the last ones away`() throws {
    var registry = InstanceRegistry()
    for port in [1, 2] { try announce(&registry, port, at: 0) }
    beat(&registry, from: 1, to: 3600)
    #expect(ports(registry, at: 3600) == [-1, -2])
    try announce(&registry, 2, at: 3601)
    #expect(ports(registry, at: 3601) == [-1, 2])
  }

  @Test func `a goodbye is a hint that a probe confirms`() throws {
    var registry = InstanceRegistry()
    let address = try instance(1).address
    try announce(&registry, 1, at: 0)
    registry.withdraw(key, address, now: at(1))
    #expect(ports(registry, at: 1) == [-1])
    let target = InstanceRegistry.ProbeTarget(key: key, address: address)
    #expect(registry.takeProbes() == [target])
    registry.refused(target)
    #expect(ports(registry, at: 1) == [])
    let told = registry.takeChanges(now: at(1)).changed
    #expect(told == [Application(key: key, instances: [])])
  }

  @Test func `after a goodbye the probe is repeated, and an announcement ends the doubt`() throws {
    var registry = InstanceRegistry()
    let address = try instance(1).address
    try announce(&registry, 1, at: 0)
    registry.withdraw(key, address, now: at(0))
    registry.withdraw(key, address, now: at(0))
    #expect(registry.takeProbes().count == 1)
    var later = 0
    for second in Int64(1)...30 {
      registry.beat(now: at(second))
      later += registry.takeProbes().count
    }
    #expect(later == 4)
    try announce(&registry, 1, at: 31)
    #expect(ports(registry, at: 31) == [1])
    registry.refused(InstanceRegistry.ProbeTarget(key: key, address: address))
    #expect(ports(registry, at: 31) == [1])
  }

  @Test func `a goodbye of an unknown instance changes nothing`() throws {
    var registry = InstanceRegistry()
    registry.withdraw(key, try instance(1).address, now: at(0))
    #expect(registry.records.isEmpty && registry.takeProbes().isEmpty)
  }

  @Test func `a key is forgotten a day after it was heard of`() throws {
    var registry = InstanceRegistry()
    try announce(&registry, 1, at: 0)
    registry.beat(now: at(86_399))
    #expect(registry.records[key] != nil)
    registry.beat(now: at(86_400))
    #expect(registry.records[key] == nil && registry.instanceCount == 0)
    #expect(registry.takeChanges(now: at(86_400)).forgotten == [key])
  }

  @Test func `what was on disk is asked at once and removed when it refuses`() throws {
    var registry = InstanceRegistry()
    registry.restore(key, try instance(1), from: Self.source, age: .seconds(3600), now: at(0))
    #expect(ports(registry, at: 0) == [1])
    #expect(ports(registry, at: 30) == [-1])
    let probes = registry.takeProbes()
    #expect(probes.count == 1)
    for probe in probes { registry.refused(probe) }
    #expect(ports(registry, at: 0) == [])
  }

  @Test func `what is shared holds until it lapses, and less than its own word`() throws {
    var registry = InstanceRegistry()
    let address = try instance(1).address
    try announce(&registry, 1, at: 0, .shared(node: "b"))
    beat(&registry, from: 1, to: 120)
    #expect(ports(registry, at: 120) == [1])
    registry.lapse(key, address, on: nil, node: "c", now: at(120))
    #expect(ports(registry, at: 120) == [1])
    registry.lapse(key, address, on: nil, node: "b", now: at(120))
    #expect(ports(registry, at: 120) == [-1])
    try announce(&registry, 1, at: 121)
    try announce(&registry, 1, at: 122, .shared(node: "b"))
    #expect(registry.records[key]?.instances.first?.origin == .subscription(Self.source))
  }

  @Test func `bounds hold for keys, for the instances of one, and for a source`() throws {
    var limits = InstanceRegistry.Limits()
    (limits.keys, limits.instancesPerKey, limits.instancesPerSource) = (2, 2, 3)
    var registry = InstanceRegistry(limits: limits)
    for port in [1, 2] { #expect(try announce(&registry, port, at: 0) == .added) }
    #expect(try announce(&registry, 3, at: 0) == .refused)
    let (second, third) = (Array("b.example".utf8), Array("c.example".utf8))
    #expect(try announce(&registry, 1, at: 0, key: second) == .added)
    #expect(try announce(&registry, 2, at: 0, key: second) == .refused)
    #expect(try announce(&registry, 1, at: 0, key: third, .shared(node: "b")) == .refused)
    #expect(registry.instanceCount == 3)
  }

  @Test func `in a full key one in doubt gives way`() throws {
    var limits = InstanceRegistry.Limits()
    limits.instancesPerKey = 2
    var registry = InstanceRegistry(limits: limits)
    try announce(&registry, 1, at: 0)
    try announce(&registry, 2, at: 20)
    #expect(try announce(&registry, 3, at: 35) == .added)
    #expect(ports(registry, at: 35) == [2, 3])
  }

  @Test func `when there are too many keys the one that was silent for longest goes`() throws {
    var limits = InstanceRegistry.Limits()
    limits.keys = 2
    var registry = InstanceRegistry(limits: limits)
    try announce(&registry, 1, at: 0)
    try announce(&registry, 1, at: 100, key: Array("b.example".utf8))
    registry.beat(now: at(101))
    #expect(registry.records.count == 1 && registry.records[key] == nil)
  }

  @Test func `what new rules do not permit goes at once`() throws {
    var registry = InstanceRegistry()
    for port in [1, 2] { try announce(&registry, port, at: 0) }
    registry.keep { _, address, _ in address.port == 2 }
    #expect(ports(registry, at: 0) == [2])
  }
}
