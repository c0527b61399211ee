import Configuration
import Etcd
import EventLoop
import TLS
import TestSupport
import Testing

@testable import EdgeProxy

/// One server and a member of etcd that answers as the test says.
@Suite("Address records of a server whose turn is over")
struct FencedRecordsTests {
  /// What the member says.
  private final class Record {
    /// Whether it makes what it is asked to.
    var succeeds = true
    var state = octets("1\n")
  }

  private let loop: EventLoop
  private let member: ScriptedMember
  private let client: EtcdClient
  private let record = Record()
  private let log = KeptLog()

  init() throws {
    let record = record
    loop = try EventLoop()
    member = try ScriptedMember(on: loop) { Self.answer($0, record) }
    client = EtcdClient(
      EtcdSettings(endpoints: [member.endpoint], identity: ClientIdentity()), on: loop)
  }

  private static func answer(_ question: ScriptedMember.Question, _ record: Record) -> [UInt8]? {
    let header = EtcdWire.bytes(1, EtcdWire.number(3, 5))
    let lease = EtcdWire.number(2, 9) + EtcdWire.number(3, 20)
    return switch question {
    case .grant, .keepAlive: lease
    case .watch: header + EtcdWire.number(2, 0) + EtcdWire.number(3, 1)
    case .range:
      header + EtcdWire.bytes(2, pair("/e/records/holder", octets("a"), lease: 9))
        + EtcdWire.bytes(2, pair("/e/records/state", record.state, lease: 0))
    case .progress, .put, .other: header
    case .txn: header + EtcdWire.number(2, record.succeeds ? 1 : 0)
    case .status, .authenticate: nil
    }
  }

  /// A KeyValue.
  private static func pair(_ key: String, _ value: [UInt8], lease: Int64) -> [UInt8] {
    EtcdWire.bytes(1, octets(key)) + EtcdWire.number(2, 3) + EtcdWire.number(3, 4)
      + EtcdWire.number(4, 1) + EtcdWire.bytes(5, value)
      + (lease == 0 ? [] : EtcdWire.number(6, lease))
  }

  private func turn(
    until isSo: () -> Bool, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let patience = loop.clockNow + .seconds(20)
    while !isSo(), loop.clockNow < patience { try loop.turn(mayWait: true) }
    #expect(isSo(), sourceLocation: location)
  }

  @Test(arguments: [true, false])
  func `a change is made only once etcd has taken that it begins`(succeeds: Bool) throws {
    record.succeeds = succeeds
    let wildcard = try RecordFixture.name("*.example.org")
    // What the provider has is what etcd knows, so that the first write is that of the change.
    record.state = octets("1\nthere *.example.org 192.0.2.1\nthere *.example.org 192.0.2.2")
    let provider = ScriptedProvider(on: loop)
    provider.records = Set(
      try ["192.0.2.1", "192.0.2.2"].map { try RecordFixture.record(wildcard, $0) })
    let store = EtcdRecords(
      client, on: loop, prefix: "/e/", node: "a",
      writes: EtcdWrites(prefix: "/e/", warnings: Warnings(), logger: log.logger))
    let known = try RecordFixture.addresses("192.0.2.1", "192.0.2.2", "192.0.2.3")
    let hook = RecordsSettings.Hook(
      command: "/bin/true", mode: .own, environmentFile: nil, timeout: .seconds(1))
    let keeper = RecordKeeper(
      RecordsSettings(
        provider: .hook(hook), zone: try RecordFixture.name("example.org"), names: [wildcard],
        seconds: 60, isDryRun: false),
      store: store, fleet: { RecordPlan.Fleet(known: known, wanted: known) }, on: loop,
      logger: log.logger, warnings: Warnings(), now: { 1_700_000_000 }
    ) { _ in provider }
    try turn {
      keeper.everySecond()
      return member.asked.contains(.txn)
    }
    guard succeeds else {
      // It is tried again, and not as fast as it can.
      let begun = loop.clockNow
      try turn {
        keeper.everySecond()
        return member.asked.count { $0 == .txn } == 2
      }
      #expect(loop.clockNow >= begun + .seconds(1))
      #expect(provider.take().isEmpty)
      return end(keeper)
    }
    try turn { provider.records.count == 3 }
    try turn { member.asked.count { $0 == .txn } == 2 }
    #expect(provider.take() == ["add *.example.org 192.0.2.3"])
    let txns = zip(member.asked, member.heard).filter { $0.0 == .txn }.map {
      String(decoding: $0.1, as: UTF8.self)
    }
    #expect(txns.first?.contains("unsure *.example.org 192.0.2.3") == true)
    #expect(txns.last?.contains("there *.example.org 192.0.2.3") == true)
    #expect(txns.allSatisfy { $0.contains("/e/records/holder") })
    end(keeper)
  }

  private func end(_ keeper: RecordKeeper) {
    keeper.end()
    client.close()
    member.end()
  }
}
