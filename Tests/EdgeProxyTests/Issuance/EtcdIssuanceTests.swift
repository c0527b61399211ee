import Etcd
import EventLoop
import Logging
import TLS
import TestSupport
import Testing

@testable import EdgeProxy

/// One server and a member of etcd that answers as the test says.
@Suite("Records of orders that a fleet shares")
struct EtcdIssuanceTests {
  private final class Record {
    /// What a listing has, as messages of type KeyValue.
    var listed: [[UInt8]] = []
    var events: [[UInt8]] = []
    var revision: Int64 = 5
  }

  private let loop: EventLoop
  private let member: ScriptedMember
  private let client: EtcdClient
  private let record = Record()

  init() throws {
    let record = record
    loop = try EventLoop()
    member = try ScriptedMember(on: loop) { Self.answer($0, record) }
    client = EtcdClient(
      EtcdSettings(endpoints: [member.endpoint], identity: ClientIdentity()), on: loop)
  }

  private static func answer(_ question: ScriptedMember.Question, _ record: Record) -> [UInt8]? {
    let header = EtcdWire.bytes(1, EtcdWire.number(3, record.revision))
    let lease = EtcdWire.number(2, 9) + EtcdWire.number(3, 20)
    return switch question {
    case .grant, .keepAlive: lease
    case .watch: header + EtcdWire.number(2, 0) + EtcdWire.number(3, 1)
    case .progress: record.events.reduce(header) { $0 + EtcdWire.bytes(11, $1) }
    case .range: record.listed.reduce(header) { $0 + EtcdWire.bytes(2, $1) }
    case .put, .other: header
    case .txn: header + EtcdWire.number(2, 1)
    case .status, .authenticate: nil
    }
  }

  /// A KeyValue; `created` and `modified` are revisions.
  private static func pair(
    _ key: String, _ value: [UInt8], created: Int64 = 1, modified: Int64, lease: Int64 = 0
  ) -> [UInt8] {
    EtcdWire.bytes(1, octets(key)) + EtcdWire.number(2, created) + EtcdWire.number(3, modified)
      + EtcdWire.number(4, 1) + EtcdWire.bytes(5, value)
      + (lease == 0 ? [] : EtcdWire.number(6, lease))
  }

  private func store(_ encryption: EncryptionKeys?) -> EtcdIssuance {
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    return EtcdIssuance(
      client, on: loop, prefix: "/e/", certificatePrefix: "/e/certificates/", node: "a",
      encryption: encryption,
      writes: EtcdWrites(prefix: "/e/", warnings: Warnings(), logger: logger))
  }

  private static func keys(_ name: String) throws -> EncryptionKeys {
    try EncryptionKeys(text: Array(try EncryptionKeys.newLine(id: name).utf8))
  }

  private func turn(
    until isSo: () -> Bool, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let patience = loop.clockNow + .seconds(20)
    // The loop turns at least with the questions of the watch.
    while !isSo(), loop.clockNow < patience { try loop.turn(mayWait: true) }
    #expect(isSo(), sourceLocation: location)
  }

  private func end(_ store: EtcdIssuance) {
    store.end()
    client.close()
    member.end()
  }

  private func count(_ question: ScriptedMember.Question) -> Int {
    member.asked.count { $0 == question }
  }

  @Test func `a server that can read the accounts takes the place of the one that orders`() throws {
    let name = RecordName(.accounts, "1")
    let keys = try Self.keys("ours")
    record.listed = [
      Self.pair("/e/acme/\(name)", try name.sealed(octets("text"), with: keys), modified: 2)
    ]
    let store = store(keys)
    defer { end(store) }
    try turn { count(.txn) == 1 }
    #expect(store.text(name) == octets("text"))
  }

  @Test func `a server that lacks the key of an account leaves the place to others`() throws {
    let name = RecordName(.accounts, "1")
    let sealed = try name.sealed(octets("text"), with: Self.keys("ours"))
    record.listed = [Self.pair("/e/acme/\(name)", sealed, modified: 2)]
    let store = store(try Self.keys("another"))
    defer { end(store) }
    try turn { count(.grant) == 1 && count(.progress) >= 2 }
    store.everySecond()
    let before = count(.progress)
    try turn { count(.progress) >= before + 2 }
    #expect(count(.txn) == 0)
    #expect(store.refusals.keys.sorted() == ["accounts/1"])
  }

  @Test func `what etcd tells late of a time before our own write is no news`() throws {
    let name = RecordName(.renewals, "n")
    record.listed = [Self.pair("/e/acme/holder", octets("a"), modified: 2, lease: 9)]
    let store = store(nil)
    defer { end(store) }
    try turn { store.isHolder }
    record.revision = 9
    var failures: [IssuanceFailure?] = []
    store.write([RecordChange(name: name, text: octets("new"))]) { failures.append($0) }
    try turn { failures == [nil] }
    record.events.append(
      EtcdWire.bytes(2, Self.pair("/e/acme/\(name)", octets("old"), modified: 8)))
    // Behind the old news comes some that is noticed.
    record.events.append(
      EtcdWire.bytes(2, Self.pair("/e/acme/journal/x", octets("later"), modified: 10)))
    try turn { store.text(RecordName(.journal, "x")) != nil }
    #expect(store.text(name) == octets("new"))
  }
}
