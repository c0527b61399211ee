import ACME
import Etcd
import EventLoop
import Logging
import TLS
import TestSupport
import Testing

@testable import EdgeProxy

/// One server and a member of etcd that answers as the test says; other servers are what it tells.
@Suite("Challenges that a fleet shares")
struct SharedChallengesTests {
  private static let digest = String(repeating: "A", count: 43)
  private static let value = ChallengeValue(.http(token: "t"), "t.\(digest)")

  /// What the member has to tell, and what has come of it.
  private final class Record {
    var events: [[UInt8]] = []
    var revision: Int64 = 5
    var known: Set<ChallengeValue> = []
    var unseen: [[String]] = []
  }

  private let loop: EventLoop
  private let member: ScriptedMember
  private let client: EtcdClient
  private let record = Record()
  private let writes: EtcdWrites
  private let sight: ChallengeSight

  init() throws {
    let record = record
    loop = try EventLoop()
    member = try ScriptedMember(on: loop) { Self.answer($0, record) }
    client = EtcdClient(
      EtcdSettings(endpoints: [member.endpoint], identity: ClientIdentity()), on: loop)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    writes = EtcdWrites(prefix: "/e/", warnings: Warnings(), logger: logger)
    sight = ChallengeSight(client, on: loop, prefix: "/e/", node: "a", writes: writes)
  }

  private static func answer(_ question: ScriptedMember.Question, _ record: Record) -> [UInt8]? {
    let header = EtcdWire.bytes(1, EtcdWire.number(3, record.revision))
    let lease = EtcdWire.number(2, 9) + EtcdWire.number(3, 20)
    return switch question {
    case .grant: lease
    case .keepAlive: lease
    case .watch: header + EtcdWire.number(2, 0) + EtcdWire.number(3, 1)
    // A watch asks how far it is each 200 ms; the answer may as well be news.
    case .progress: record.events.reduce(header) { $0 + EtcdWire.bytes(11, $1) }
    case .range, .put, .other: header
    case .txn: header + EtcdWire.number(2, 1)
    case .status, .authenticate: nil
    }
  }

  /// The member tells that a key has a value, since the next revision.
  private func tell(_ key: String, _ value: String) {
    record.revision += 1
    let pair =
      EtcdWire.bytes(1, octets(key)) + EtcdWire.number(3, record.revision)
      + EtcdWire.bytes(5, octets(value))
    record.events.append(EtcdWire.bytes(2, pair))
  }

  private func turn(
    until isSo: () -> Bool, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let patience = loop.clockNow + .seconds(20)
    // The loop turns at least with the questions of the watches.
    while !isSo(), loop.clockNow < patience { try loop.turn(mayWait: true) }
    #expect(isSo(), sourceLocation: location)
  }

  /// Whether the member was asked so, with all of these texts in the message.
  private func heard(_ question: ScriptedMember.Question, _ texts: String...) -> Bool {
    zip(member.asked, member.heard).contains { asked, message in
      asked == question && texts.allSatisfy { message.contains(octets($0)) }
    }
  }

  private func end() {
    sight.stop()
    sight.end()
    client.close()
    member.end()
  }

  private func ask(_ revision: Int64, within limit: Duration = .seconds(60)) {
    sight.whenSeen(revision, within: limit) { [record] in record.unseen.append($0) }
  }

  @Test func `a server has a key from its start, and tells there what it shows`() throws {
    defer { end() }
    try turn { heard(.put, "/e/acme/seen/a", "1 0") }
    sight.reached(7)
    try turn { heard(.put, "/e/acme/seen/a", "1 7") }
  }

  @Test func `the values of etcd come with the revision up to which they are all`() throws {
    defer { end() }
    var revisions: [Int64] = []
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let feed = ChallengeFeed(client, prefix: "/e/", logger: logger) { [record] in
      record.known = $0
      revisions.append($1)
    }
    try turn { revisions == [5] }
    #expect(record.known.isEmpty)
    tell("/e/acme/challenges/http/t", "1 t.\(Self.digest)")
    try turn { revisions == [5, 6] }
    #expect(record.known == [Self.value])
    feed.end()
  }

  @Test func `another server is waited for until it says that it has the revision`() throws {
    defer { end() }
    try turn { heard(.watch, "/e/acme/seen/") }
    tell("/e/acme/seen/b", "1 5")
    sight.reached(9)
    // Until it is known to be there nobody can wait for it.
    ask(.max, within: .milliseconds(1))
    try turn {
      if record.unseen == [["a"]] {
        record.unseen = []
        ask(.max, within: .milliseconds(1))
      }
      return record.unseen == [["a", "b"]]
    }
    record.unseen = []
    ask(8)
    #expect(record.unseen.isEmpty)
    tell("/e/acme/seen/b", "1 8")
    try turn { record.unseen == [[]] }
  }

  @Test func `this server's own workers are waited for`() throws {
    defer { end() }
    ask(8)
    sight.reached(7)
    #expect(record.unseen.isEmpty)
    sight.reached(8)
    try turn { record.unseen == [[]] }
  }

  @Test func `a server that does not say so in time is named, and the order goes on`() throws {
    defer { end() }
    ask(8, within: .milliseconds(20))
    try turn { record.unseen == [["a"]] }
    sight.reached(8)
    #expect(record.unseen == [["a"]])
  }

  @Test func `who waits for a link that ends is told so`() throws {
    ask(8)
    end()
    #expect(record.unseen == [["a"]])
  }

  // MARK: What an order is given

  private func publisher(lease: Int64?) -> SharedChallenges {
    SharedChallenges(
      client, on: loop, prefix: "/e/", node: "a", sight: sight, writes: writes, lease: { lease })
  }

  private func publish(_ values: [ChallengeValue], _ publisher: SharedChallenges) {
    publisher.publish(values) { [record] in record.unseen.append($0) }
  }

  @Test func `all values lie in etcd under the order's lease before a server is waited for`() throws
  {
    defer { end() }
    let publisher = publisher(lease: 33)
    let more = (0..<150).map { ChallengeValue(.http(token: "t\($0)"), "t\($0).\(Self.digest)") }
    record.revision = 20
    publish(more, publisher)
    try turn { heard(.txn, "/e/acme/challenges/http/t0") && heard(.txn, "http/t149") }
    #expect(record.unseen.isEmpty)
    #expect(member.asked.count { $0 == .txn } == 2)
    // Field 3 of a put is the lease.
    let messages = zip(member.asked, member.heard).filter { $0.0 == .txn }.map(\.1)
    #expect(messages.allSatisfy { $0.contains([0x18, 33]) })
    sight.reached(20)
    try turn { record.unseen == [[]] }
    publisher.withdraw([Self.value])
    try turn { member.asked.count { $0 == .txn } == 3 }
    // A deletion is the third kind of step.
    #expect(member.heard.last?.contains(octets("/e/acme/challenges/http/t")) == true)
  }

  @Test func `without a lease nothing is written, and the own name says so`() throws {
    defer { end() }
    let publisher = publisher(lease: nil)
    publish([Self.value], publisher)
    #expect(record.unseen.isEmpty)
    try turn { record.unseen == [["a"]] }
    #expect(!member.asked.contains(.txn))
  }

  @Test func `what etcd does not take, as under a lease that is over, is told at once`() throws {
    defer { end() }
    member.refusal = { $0 == .txn ? GRPCStatus(.notFound, "requested lease not found") : nil }
    let publisher = publisher(lease: 33)
    publish([Self.value], publisher)
    try turn { record.unseen == [["a"]] }
    #expect(member.asked.count { $0 == .txn } == 1)
  }

  @Test func `an etcd without a leader is asked again`() throws {
    defer { end() }
    var refusals = 1
    member.refusal = { question in
      guard question == .txn, refusals > 0 else { return nil }
      refusals -= 1
      return GRPCStatus(.unavailable, "etcdserver: no leader")
    }
    let publisher = publisher(lease: 33)
    sight.reached(5)
    publish([Self.value], publisher)
    try turn { record.unseen == [[]] }
  }

  @Test func `a value that no server would take is not written`() throws {
    defer { end() }
    let publisher = publisher(lease: 33)
    publish([Self.value, ChallengeValue(.http(token: "../t"), "x")], publisher)
    try turn { record.unseen == [["a"]] }
    #expect(!member.asked.contains(.txn))
  }
}
