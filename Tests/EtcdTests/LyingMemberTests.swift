import EventLoop
import TLS
import TestSupport
import Testing

@testable import Etcd

@Suite("A member that lies, on the wire")
struct LyingMemberTests {
  private static func header(_ revision: Int64) -> [UInt8] {
    EtcdWire.bytes(1, EtcdWire.number(1, 7) + EtcdWire.number(3, revision))
  }

  private static let pair = EtcdWire.bytes(
    2, EtcdWire.bytes(1, bytes("/c/a")) + EtcdWire.number(3, 4))

  private static func honest(_ question: ScriptedMember.Question) -> [UInt8]? {
    switch question {
    case .range: header(5) + pair
    case .watch: header(5) + EtcdWire.number(3, 1)
    case .progress: header(5) + EtcdWire.number(2, -1)
    case .grant: header(5) + EtcdWire.number(2, 9) + EtcdWire.number(3, 20)
    case .put, .txn, .keepAlive, .status, .authenticate, .other: nil
    }
  }

  /// Turns until it is so, or far more was asked than a listing and a watch need.
  private func run(_ loop: EventLoop, _ member: ScriptedMember, until isSo: () -> Bool) throws {
    while !isSo(), member.asked.count < 200 { try loop.turn(mayWait: true) }
    #expect(isSo(), "\(member.asked.count) questions")
  }

  private struct Lie: Sendable {
    let range: [UInt8]
    let reason: String
  }

  private static let lies: [Lie] = [
    Lie(range: header(5) + pair + EtcdWire.number(3, 1), reason: "repeats a key"),
    Lie(range: header(5) + EtcdWire.number(3, 1), reason: "brings no keys"),
    Lie(range: header(.max) + pair, reason: "outOfRange"),
    Lie(range: header(.min) + pair, reason: "outOfRange"),
    Lie(range: header(5) + pair + EtcdWire.number(4, -1), reason: "outOfRange"),
    Lie(range: header(5) + pair + pair, reason: "repeats a key"),
  ]

  @Test(arguments: lies.indices)
  func `is told of, and followed again as soon as it says what can be`(number: Int) throws {
    let lie = Self.lies[number]
    let loop = try EventLoop()
    let member = try ScriptedMember(on: loop) { $0 == .range ? lie.range : Self.honest($0) }
    let client = EtcdClient(
      EtcdSettings(endpoints: [member.endpoint], identity: ClientIdentity()), on: loop)
    var told: [Changes] = []
    let watch = RangeWatch(client, .prefix(bytes("/c/"))) { told.append($0) }
    watch.start()
    try run(loop, member) { watch.failure != nil }
    #expect(watch.failure?.contains(lie.reason) == true, "\(watch.failure ?? "")")
    #expect(told.isEmpty && !watch.isSynced)
    member.answer = Self.honest
    try run(loop, member) { watch.isSynced }
    #expect(watch.lastSeen == 5 && told.count == 1)
    watch.end()
    client.close()
    member.end()
  }

  @Test func `grants a lease for longer than the world has been there, and it is kept`() throws {
    let loop = try EventLoop()
    let member = try ScriptedMember(on: loop) {
      $0 == .grant ? EtcdWire.number(2, 7) + EtcdWire.number(3, 1 << 62) : Self.honest($0)
    }
    let client = EtcdClient(
      EtcdSettings(endpoints: [member.endpoint], identity: ClientIdentity()), on: loop)
    var gained: [Int64] = []
    let lease = KeptLease(client, timeToLive: .seconds(20)) {
      gained.append($0)
    } lost: {
    }
    try run(loop, member) { !gained.isEmpty }
    #expect(gained == [7])
    lease.end()
    client.close()
    member.end()
  }
}
