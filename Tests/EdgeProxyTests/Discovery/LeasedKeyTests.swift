import EventLoop
import Logging
import TLS
import TestSupport
import Testing

@testable import EdgeProxy
@testable import Etcd

/// One server and a member of etcd that answers as the test says.
@Suite("A key of this server under a lease")
struct LeasedKeyTests {
  private final class Record {
    var value = "one"
    var lease: Int64 = 9
    var isLeaseGone = false
    var heard: [Changes] = []
    var answersPuts = true
  }

  private let loop: EventLoop
  private let member: ScriptedMember
  private let client: EtcdClient
  private let record = Record()
  private let key: LeasedKey

  init() throws {
    let record = record
    loop = try EventLoop()
    member = try ScriptedMember(on: loop) { Self.answer($0, record) }
    client = EtcdClient(
      EtcdSettings(endpoints: [member.endpoint], identity: ClientIdentity()), on: loop)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    key = LeasedKey(
      client, on: loop, key: octets("/e/k/a"), in: .prefix(octets("/e/k/")),
      timeToLive: .seconds(3), retryAfter: .milliseconds(50), kind: .name,
      writes: EtcdWrites(prefix: "/e/", warnings: Warnings(), logger: logger),
      value: { octets(record.value) }, changed: { record.heard.append($0) })
    key.start()
  }

  private static func answer(_ question: ScriptedMember.Question, _ record: Record) -> [UInt8]? {
    let header = EtcdWire.bytes(1, EtcdWire.number(3, 5))
    switch question {
    case .grant: return EtcdWire.number(2, record.lease) + EtcdWire.number(3, 3)
    case .keepAlive:
      // A lease that is gone has no time to live.
      return EtcdWire.number(2, record.lease) + (record.isLeaseGone ? [] : EtcdWire.number(3, 3))
    case .watch: return header + EtcdWire.number(2, 0) + EtcdWire.number(3, 1)
    case .put: return record.answersPuts ? header : nil
    case .progress, .range, .txn, .other: return header
    case .status, .authenticate: return nil
    }
  }

  private func turn(
    until isSo: () -> Bool, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let patience = loop.clockNow + .seconds(20)
    // The loop turns at least with the questions of the watch.
    while !isSo(), loop.clockNow < patience { try loop.turn(mayWait: true) }
    #expect(isSo(), sourceLocation: location)
  }

  /// The values that etcd was given, and under which leases.
  private var puts: [String] {
    zip(member.asked, member.heard).filter { $0.0 == .put }.compactMap { _, message in
      guard let put = try? PutRequest(reading: message) else { return nil }
      return String(decoding: put.value, as: UTF8.self) + " \(put.lease)"
    }
  }

  private func end() {
    key.stop()
    key.end()
    client.close()
    member.end()
  }

  @Test func `is written from its start, and the range is heard of`() throws {
    defer { end() }
    #expect(key.unheardSince != nil && key.toldValue == nil && !key.isSynced)
    try turn { key.unheardSince == nil && key.isSynced }
    #expect(puts == ["one 9"])
    #expect(key.toldValue == octets("one"))
    #expect(record.heard.count == 1)
  }

  @Test func `is written once for each value, and the last one wins`() throws {
    defer { end() }
    try turn { key.unheardSince == nil }
    key.write()
    record.value = "two"
    key.write()
    let since = key.unheardSince
    #expect(since != nil)
    // While that is under way.
    record.value = "three"
    key.write()
    #expect(key.unheardSince == since)
    try turn { key.unheardSince == nil }
    #expect(puts == ["one 9", "two 9", "three 9"])
  }

  @Test func `is written again under the lease that follows one that is gone`() throws {
    defer { end() }
    try turn { key.unheardSince == nil }
    record.isLeaseGone = true
    try turn { key.unheardSince != nil }
    #expect(key.toldValue == octets("one"))
    (record.lease, record.isLeaseGone) = (10, false)
    try turn { puts.last == "one 10" && key.unheardSince == nil }
  }

  @Test func `is tried again where etcd does not take it`() throws {
    defer { end() }
    var refusals = 2
    member.refusal = { question in
      guard question == .put, refusals > 0 else { return nil }
      refusals -= 1
      return GRPCStatus(.unavailable, "etcdserver: no leader")
    }
    try turn { key.unheardSince == nil }
    #expect(puts == ["one 9", "one 9", "one 9"])
  }

  @Test func `says since when etcd has not taken its value`() throws {
    defer { end() }
    try turn { key.unheardSince == nil }
    record.answersPuts = false
    record.value = "two"
    let before = loop.now
    key.write()
    let progress = member.asked.count
    try turn { member.asked.count > progress + 3 }
    #expect(key.unheardSince == before && key.toldValue == octets("one"))
  }

  @Test func `is deleted at the end, which is over when etcd has heard of it`() throws {
    try turn { key.unheardSince == nil }
    key.stop()
    key.end()
    #expect(!key.isOver)
    try turn { key.isOver }
    // The lease is revoked.
    #expect(member.asked.last == .other)
    record.value = "two"
    key.write()
    #expect(puts == ["one 9"])
    client.close()
    member.end()
  }
}

extension PutRequest {
  /// A message as a server reads it: key, value and lease.
  fileprivate init(reading message: [UInt8]) throws {
    self.init(key: [], value: [])
    var reader = ProtobufReader(message)
    while let field = try reader.next() {
      switch field {
      case 1: key = try reader.bytes()
      case 2: value = try reader.bytes()
      case 3: lease = try reader.signed()
      default: try reader.skip()
      }
    }
  }
}
