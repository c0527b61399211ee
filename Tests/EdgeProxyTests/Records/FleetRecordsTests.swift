import Configuration
import DNSCore
import Etcd
import EventLoop
import Glibc
import HTTPCore
import TLS
import TestSupport
import Testing

@testable import EdgeProxy

@Suite(
  "Address records that a fleet keeps, with a real etcd",
  // SAFETY: the path is a C string for the length of the call.
  .enabled(if: unsafe access(RealEtcd.program, X_OK) == 0, "the package etcd-server has etcd"))
struct FleetRecordsTests {
  private static let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
  private let loop: EventLoop
  private let etcd: RealEtcd
  private let directory: TemporaryDirectory
  private let zone: ScriptedZone
  private let settings: RecordsSettings
  private let wildcard: DNSName
  private let edges = Edges()

  private final class Edges {
    var all: [Edge] = []
  }

  /// One server of the fleet.
  private final class Edge {
    let client: EtcdClient
    let store: EtcdRecords
    let log = KeptLog()
    var keeper: RecordKeeper?
    var fleet: RecordPlan.Fleet?

    init(_ node: String, _ etcd: RealEtcd, on loop: EventLoop) {
      client = etcd.client()
      store = EtcdRecords(
        client, on: loop, prefix: "/e/", node: node,
        writes: EtcdWrites(prefix: "/e/", warnings: Warnings(), logger: log.logger))
    }
  }

  init() throws {
    loop = try EventLoop()
    etcd = try RealEtcd(on: loop)
    directory = try TemporaryDirectory()
    try directory.write("key", Self.base64)
    let apex = try RecordFixture.name("example.org")
    wildcard = try RecordFixture.name("*.example.org")
    let name = try RecordFixture.name("edge")
    let key = try TSIGKey(name: name, algorithm: .sha256, file: octets(Self.base64))
    zone = try ScriptedZone(apex, key, on: loop)
    let update = RecordsSettings.Update(
      server: try #require(zone.address), keyName: name, keyFile: directory.path + "/key",
      algorithm: .sha256)
    settings = RecordsSettings(
      provider: .update(update), zone: apex, names: [wildcard], seconds: 60, isDryRun: false)
  }

  private func edge(_ node: String) -> Edge {
    let edge = Edge(node, etcd, on: loop)
    edge.keeper = RecordKeeper(
      settings, store: edge.store, fleet: { [unowned edge] in edge.fleet }, on: loop,
      logger: edge.log.logger, warnings: Warnings(), now: { WallTime.seconds }
    ) { [loop, log = edge.log] settings in
      guard case .update(let update) = settings.provider else {
        throw RecordFailure(description: "another provider")
      }
      return UpdateProvider(
        update, zone: settings.zone, seconds: settings.seconds, on: loop, logger: log.logger)
    }
    edges.all.append(edge)
    return edge
  }

  private func end() {
    for edge in edges.all {
      edge.keeper?.end()
      edge.client.close()
    }
    zone.end()
    etcd.end()
  }

  /// Turns until it is so, with what a second brings each time.
  private func turn(
    until isSo: () throws -> Bool, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let patience = loop.clockNow + .seconds(60)
    // The loop turns at least with the questions of the watch.
    while try !isSo(), loop.clockNow < patience, etcd.output == nil {
      for edge in edges.all { edge.keeper?.everySecond() }
      try loop.turn(mayWait: true)
    }
    #expect(try isSo(), "\(etcd.output ?? "")", sourceLocation: location)
  }

  private func has(_ addresses: String...) throws -> Bool {
    let records = try addresses.map { try RecordFixture.record(wildcard, $0).data }
    return zone.content[wildcard] ?? [] == Set(records)
  }

  private func fleet(_ wanted: String..., dead: [String] = []) throws -> RecordPlan.Fleet {
    let wanted = Set(try wanted.map { try RecordFixture.address($0) })
    return RecordPlan.Fleet(
      known: wanted.union(try dead.map { try RecordFixture.address($0) }), wanted: wanted)
  }

  @Test func `one server changes records, and the next one knows what it did`() throws {
    let three = try fleet("192.0.2.1", "192.0.2.2", "192.0.2.3")
    let first = edge("a")
    first.fleet = three
    try turn { first.keeper?.counts == [.add: 3] }
    let second = edge("b")
    // This one sees others dead, and it is not its turn.
    second.fleet = try fleet("192.0.2.3", "192.0.2.2", dead: ["192.0.2.1"])
    try turn { second.store.holder == "a" && second.store.failure == nil }
    first.fleet = try fleet("192.0.2.1", "192.0.2.2", dead: ["192.0.2.3"])
    first.keeper?.changed()
    try turn { first.keeper?.counts == [.add: 3, .remove: 1] }
    #expect(try has("192.0.2.1", "192.0.2.2"))
    first.fleet = three
    first.keeper?.changed()
    try turn { first.keeper?.counts == [.add: 4, .remove: 1] }
    #expect(try has("192.0.2.1", "192.0.2.2", "192.0.2.3"))
    // What is known was written down before the other one's turn comes.
    try turn { second.store.text != nil && second.store.text == first.store.text }
    first.keeper?.end()
    try turn { second.keeper?.counts == [.remove: 1] }
    #expect(try has("192.0.2.2", "192.0.2.3") && second.store.isHolder)
    end()
  }

  @Test func `what is written under another server's place is refused`() throws {
    let first = edge("a")
    try turn { first.store.isHolder }
    var failures: [RecordStoreFailure?] = []
    first.store.write(octets("1\n")) { failures.append($0) }
    try turn { failures == [nil] }
    // The write follows at once, whether or not the watch has told.
    let key = octets("/e/" + EtcdRecords.holderName)
    let other = edge("b")
    try turn { other.store.holder == "a" }
    first.client.deleteRange(DeleteRangeRequest(.key(key))) { _ in
      first.store.write(octets("1\nlate")) { failures.append($0) }
    }
    try turn { failures.count == 2 }
    #expect(failures.last == .fencedOff)
    try turn { other.store.text == octets("1\n") }
    end()
  }
}
