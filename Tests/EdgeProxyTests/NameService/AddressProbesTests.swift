import EventLoop
import Glibc
import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("What came of connects to an address")
struct ProbeRecordTests {
  private typealias Outcome = ProbeRecord.Outcome

  private func outcome(_ outcomes: [Outcome]) -> Outcome? {
    var record = ProbeRecord()
    for (number, outcome) in outcomes.enumerated() {
      record.ended(outcome, begun: Instant(nanoseconds: Int64(number)))
    }
    return record.outcome
  }

  @Test func `one failure is none, and two in a row are one`() {
    #expect(outcome([]) == nil)
    #expect(outcome([.failed]) == nil)
    #expect(outcome([.connected]) == .connected)
    #expect(outcome([.connected, .failed]) == .connected)
    #expect(outcome([.connected, .failed, .connected, .failed]) == .connected)
    #expect(outcome([.connected, .failed, .failed]) == .failed)
    #expect(outcome([.failed, .failed, .connected]) == .connected)
    #expect(outcome([.failed, .failed, .unable]) == .failed)
    #expect(outcome([.failed, .failed, .unable, .unable]) == .unable)
    #expect(outcome([.failed, .noWay, .failed, .noWay]) == nil)
  }

  @Test func `a connect that began earlier and ends later says nothing new`() {
    var record = ProbeRecord()
    let (first, second, third) = (
      Instant(nanoseconds: 1), Instant(nanoseconds: 2), Instant(nanoseconds: 3)
    )
    record.ended(.connected, begun: second)
    record.ended(.failed, begun: first)
    record.ended(.failed, begun: third)
    #expect(record.outcome == .connected && record.isDoubtful)
  }

  @Test(arguments: [
    (BareConnect.Outcome.connected, "connected"), (.timedOut, "failed"),
    (.failed(ECONNREFUSED), "failed"), (.failed(EHOSTUNREACH), "failed"),
    (.failed(ECONNRESET), "failed"), (.failed(ENETUNREACH), "noWay"),
    (.failed(EADDRNOTAVAIL), "unable"), (.failed(EMFILE), "unable"), (.failed(EPERM), "unable"),
    (.failed(EAFNOSUPPORT), "unable"),
  ])
  func `trouble of this server itself is no failure of the other`(
    end: BareConnect.Outcome, word: String
  ) {
    #expect("\(ProbeRecord.Outcome(end))" == word)
  }
}

@Suite("Probes of the other servers' addresses")
final class AddressProbesTests {
  private let clock = ManualClock()
  private let loop: EventLoop
  private var probes: AddressProbes?
  private var changes = 0

  init() throws {
    loop = try EventLoop(clock: clock)
    probes = AddressProbes(on: loop) { [unowned self] in changes += 1 }
  }

  deinit { probes?.end() }

  /// Time passes in steps of ten milliseconds.
  private func pass(_ time: Duration, until isSo: () -> Bool = { false }) throws {
    let end = clock.now + time
    while clock.now < end, !isSo() {
      clock.advance(by: .milliseconds(10))
      for _ in 0..<4 { try loop.turn(mayWait: false) }
    }
  }

  private func target(_ listener: PoweredListener) -> AddressProbes.Target {
    AddressProbes.Target(address: listener.address, port: listener.port)
  }

  private func views(_ listeners: [PoweredListener]) -> [LivingAddresses.View?] {
    listeners.map { probes?.views[$0.address] }
  }

  @Test func `each is seen within half a second, and nothing is told of those not yet tried`()
    throws
  {
    let listeners = try (1...4).map { try PoweredListener($0) }
    probes?.probe(listeners.map(target))
    #expect(probes?.views == [:])
    try pass(.milliseconds(520))
    #expect(views(listeners) == [.connects, .connects, .connects, .connects])
    let before = changes
    try pass(.seconds(3))
    #expect(changes == before)
  }

  @Test(arguments: [1, 4, 25])
  func `one that loses power is seen as failing within 2.2 seconds`(count: Int) throws {
    let listeners = try (1...count).map { try PoweredListener($0) }
    probes?.probe(listeners.map(target))
    try pass(.seconds(2))
    let lost = clock.now
    try listeners[0].losePower()
    try pass(.seconds(4)) { probes?.views[listeners[0].address] == .fails }
    #expect(clock.now - lost <= .milliseconds(2200))
    #expect(views(Array(listeners.dropFirst())).allSatisfy { $0 == .connects })
    try listeners[0].comeBack()
    try pass(.seconds(2)) { probes?.views[listeners[0].address] == .connects }
    #expect(probes?.views[listeners[0].address] == .connects)
  }

  @Test func `a closed port is seen as failing after two refusals`() throws {
    let place = try { try target(PoweredListener(1)) }()
    probes?.probe([place])
    try pass(.milliseconds(400))
    #expect(probes?.views == [:])
    try pass(.milliseconds(200))
    #expect(probes?.views == [place.address: .fails])
  }

  @Test func `an unreachable network is the other's trouble only where this server reaches others`()
    throws
  {
    // No connection leads to a multicast address: ENETUNREACH.
    let multicast = AddressProbes.Target(address: IPAddress(ipv4: 0xe000_0001), port: 443)
    probes?.probe([multicast])
    try pass(.seconds(1))
    #expect(probes?.views == [multicast.address: .cannotSay])
    let listener = try PoweredListener(1)
    probes?.probe([target(listener), multicast])
    try pass(.seconds(1))
    #expect(probes?.views == [listener.address: .connects, multicast.address: .fails])
  }

  @Test func `what is known stays when the servers change, but for those that go`() throws {
    let listeners = try (1...3).map { try PoweredListener($0) }
    probes?.probe(listeners.prefix(2).map(target))
    try pass(.seconds(1))
    probes?.probe(listeners.suffix(2).map(target))
    #expect(views(listeners) == [nil, .connects, nil])
    try pass(.seconds(1))
    #expect(views(listeners) == [nil, .connects, .connects])
    probes?.probe([])
    #expect(probes?.views == [:])
    try pass(.seconds(1))
    probes?.probe(listeners.prefix(1).map(target))
    try pass(.milliseconds(100))
    #expect(views(listeners) == [.connects, nil, nil])
  }

  @Test func `three hundred servers are asked no more than fifty times a second`() throws {
    let listener = try PoweredListener(1)
    let begun = clock.now
    // One address at many ports counts as many servers.
    let others = (1...299).map {
      AddressProbes.Target(address: IPAddress(ipv4: 0x7f42_0100 + UInt32($0)), port: 9)
    }
    probes?.probe(others + [target(listener)])
    // Each is refused twice before it fails, the second time soon after the first.
    try pass(.seconds(20)) { probes?.views.count == 300 }
    let took = clock.now - begun
    #expect(took >= .seconds(11) && took < .seconds(13))
    // One that the others doubt is asked twice a second.
    probes?.suspect([listener.address])
    try listener.losePower()
    let lost = clock.now
    try pass(.seconds(10)) { probes?.views[listener.address] == .fails }
    #expect(clock.now - lost <= .milliseconds(2200))
  }

  @Test func `nothing is told after the end`() throws {
    let listener = try PoweredListener(1)
    probes?.probe([target(listener)])
    try pass(.milliseconds(10))
    probes?.end()
    let before = changes
    try pass(.seconds(2))
    #expect(changes == before)
  }
}
