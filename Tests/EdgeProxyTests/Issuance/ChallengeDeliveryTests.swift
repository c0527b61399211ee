import ACME
import EventLoop
import Logging
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Challenges on their way to the workers")
struct ChallengeDeliveryTests {
  private static let path = octets("/.well-known/acme-challenge/t")

  private static func values(_ text: String) -> Set<ChallengeValue> {
    [ChallengeValue(.http(token: "t"), text)]
  }

  /// What was sent, and what has been done.
  private final class Record {
    var sent: [(table: ChallengeTable, number: Int)] = []
    var done: [String] = []

    /// What the newest table answers.
    var answer: ChallengeTable.Answer? { sent.last?.table.find(path.span) }
  }

  private let record = Record()
  private let delivery: ChallengeDelivery

  init() {
    let record = record
    delivery = ChallengeDelivery(
      places: 3, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, now: { 0 }
    ) { record.sent.append(($0, $2)) }
  }

  private func taken(_ number: Int, times: Int = 3) {
    for _ in 0..<times { delivery.taken(number) }
  }

  @Test func `are there when the last worker has them`() throws {
    delivery.deliver(Self.values("one")) { [record] in record.done.append("one") }
    #expect(record.answer == .challenge(octets("one")))
    let number = try #require(record.sent.last?.number)
    taken(number, times: 2)
    #expect(record.done.isEmpty)
    taken(number, times: 1)
    #expect(record.done == ["one"])
  }

  @Test func `are not there while a worker has only older ones`() {
    delivery.deliver(Self.values("one")) { [record] in record.done.append("one") }
    delivery.deliver(Self.values("two")) { [record] in record.done.append("two") }
    taken(record.sent[1].number)
    #expect(record.done.isEmpty)
    taken(record.sent[0].number)
    #expect(record.done == ["one", "two"])
  }

  @Test func `that are known already are not sent again`() {
    delivery.deliver(Self.values("one")) {}
    taken(record.sent[0].number)
    delivery.deliver(Self.values("one")) { [record] in record.done.append("again") }
    #expect(record.sent.count == 1 && record.done == ["again"])
  }

  @Test func `that are known and on their way are waited for`() {
    delivery.deliver(Self.values("one")) {}
    delivery.deliver(Self.values("one")) { [record] in record.done.append("again") }
    #expect(record.done.isEmpty)
    taken(record.sent[0].number)
    #expect(record.done == ["again"])
  }

  @Test func `an answer of a worker that nobody asked changes nothing`() {
    delivery.taken(7)
    delivery.deliver(Self.values("one")) { [record] in record.done.append("one") }
    delivery.taken(-1)
    delivery.taken(99)
    #expect(record.done.isEmpty)
  }

  @Test func `the server's name comes beside them, and stays when they change`() {
    delivery.tell(node: "n")
    delivery.tell(node: "n")
    #expect(record.sent.count == 1)
    delivery.deliver(Self.values("one")) {}
    let path = octets("/.well-known/acme-challenge/edgeproxy-n")
    #expect(record.sent.last?.table.find(path.span) == .node(octets("n\n")))
    delivery.tell(node: nil)
    #expect(record.sent.last?.table.find(path.span) == nil)
    #expect(record.answer == .challenge(octets("one")))
  }

  // MARK: Without etcd

  @Test func `of a server alone are published when its workers have them`() throws {
    let clock = ManualClock()
    let loop = try EventLoop(clock: clock)
    let local = LocalChallenges(delivery, on: loop, node: "n")
    var unseen: [[String]] = []
    local.publish(Array(Self.values("one"))) { unseen.append($0) }
    try turn(loop, clock)
    #expect(unseen.isEmpty)
    taken(record.sent[0].number)
    #expect(unseen.isEmpty)
    try turn(loop, clock)
    #expect(unseen == [[]])
    // The same again is there at once, and told all the same from the loop.
    local.publish(Array(Self.values("one"))) { unseen.append($0) }
    #expect(unseen == [[]])
    try turn(loop, clock)
    #expect(unseen == [[], []])
    local.withdraw(Array(Self.values("one")))
    #expect(record.answer == nil)
  }

  @Test func `a worker that hangs does not keep them waiting for ever, and is told of`() throws {
    let clock = ManualClock()
    let loop = try EventLoop(clock: clock)
    let local = LocalChallenges(delivery, on: loop, node: "n")
    var unseen: [[String]] = []
    local.publish(Array(Self.values("one"))) { unseen.append($0) }
    taken(record.sent[0].number, times: 2)
    try turn(loop, clock, by: .seconds(11))
    #expect(unseen == [["n"]])
    taken(record.sent[0].number, times: 1)
    try turn(loop, clock, by: .seconds(11))
    #expect(unseen == [["n"]])
  }

  /// Timers fire up to 8 ms late.
  private func turn(
    _ loop: EventLoop, _ clock: ManualClock, by duration: Duration = .milliseconds(20)
  ) throws {
    clock.advance(by: duration)
    for _ in 0..<4 { try loop.turn(mayWait: false) }
  }
}
