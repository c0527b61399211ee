import DNSCore
import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Which address record is changed next")
struct RecordPlanTests {
  private typealias Fleet = RecordPlan.Fleet
  private typealias Change = RecordPlan.Change

  private let apex: DNSName
  private let wildcard: DNSName
  private let now: Int64 = 1_700_000_000

  init() throws {
    apex = try RecordFixture.name("example.org")
    wildcard = try RecordFixture.name("*.example.org")
  }

  private func record(_ name: DNSName, _ address: String) throws -> AddressRecord {
    try RecordFixture.record(name, address)
  }

  private func records(_ addresses: String...) throws -> Set<AddressRecord> {
    Set(try addresses.map { try record(wildcard, $0) })
  }

  private func fleet(_ wanted: [String], dead: [String] = []) throws -> Fleet {
    let wanted = Set(try wanted.map { try RecordFixture.address($0) })
    return Fleet(
      known: wanted.union(try dead.map { try RecordFixture.address($0) }), wanted: wanted)
  }

  /// A plan for the wildcard alone that has seen a listing.
  private func plan(_ listing: Set<AddressRecord>?, _ fleet: Fleet) -> RecordPlan {
    var plan = RecordPlan([wildcard], RecordState())
    plan.take(listing, fleet, now: now)
    return plan
  }

  private func texts(_ changes: [Change]) -> [String] {
    changes.map { "\($0.action.rawValue) \($0.record.name) \($0.record.addressText)" }
  }

  private func texts(_ plan: RecordPlan, _ fleet: Fleet, now: Int64? = nil) -> [String] {
    texts(plan.judge(fleet, now: now ?? self.now).changes)
  }

  @Test func `the dead go first, then the new come, and wildcards before other names`() throws {
    let fleet = try fleet(
      ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"],
      dead: ["192.0.2.3", "2001:db8::3"])
    var plan = RecordPlan([apex, wildcard], RecordState())
    let listing = try records("192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::3")
    plan.take(listing.union([try record(apex, "192.0.2.1")]), fleet, now: now)
    #expect(
      texts(plan, fleet) == [
        "remove *.example.org 192.0.2.3", "remove *.example.org 2001:db8::3",
        "add *.example.org 2001:db8::2", "add example.org 192.0.2.2", "add example.org 2001:db8::1",
        "add example.org 2001:db8::2",
      ])
  }

  @Test func `what is there as it is to be needs no change`() throws {
    let fleet = try fleet(["192.0.2.1"], dead: ["192.0.2.2"])
    let judgement = try plan(records("192.0.2.1"), fleet).judge(fleet, now: now)
    #expect(judgement == RecordPlan.Judgement())
  }

  @Test(
    arguments: [
      // Of two, of which one lives.
      (["192.0.2.1"], "192.0.2.2"),
      // The only one of its family.
      (["192.0.2.1", "192.0.2.2", "192.0.2.3"], "2001:db8::2"),
      // One lives in each family, and none else in that of the dead one.
      (["192.0.2.1", "2001:db8::1"], "192.0.2.2"),
    ])
  func `two living ones stay, and one of the family of what goes`(
    living: [String], dead: String
  ) throws {
    let fleet = try fleet(living, dead: [dead])
    let listing = Set(try (living + [dead]).map { try record(wildcard, $0) })
    let judgement = plan(listing, fleet).judge(fleet, now: now)
    let isFamily = living.contains { $0.contains(":") == dead.contains(":") }
    let removal = Change(action: .remove, record: try record(wildcard, dead))
    guard living.count < 2 || !isFamily else {
      #expect(judgement.changes == [removal] && judgement.held.isEmpty)
      return
    }
    #expect(judgement.changes.isEmpty)
    #expect(judgement.held.map(\.change) == [removal] && judgement.held[0].reason == .last)
  }

  @Test func `records that are no server's stay, are told, and do not count as living`() throws {
    let fleet = try fleet(["192.0.2.1"], dead: ["192.0.2.2"])
    let judgement = try plan(records("192.0.2.1", "192.0.2.2", "198.51.100.1"), fleet)
      .judge(fleet, now: now)
    #expect(judgement.changes.isEmpty)
    #expect(judgement.foreign == [try record(wildcard, "198.51.100.1")])
    #expect(judgement.held.map(\.change.record) == [try record(wildcard, "192.0.2.2")])
  }

  @Test func `the record of a forgotten server goes, also by a server that only reads the state`()
    throws
  {
    let before = try fleet(["192.0.2.1", "192.0.2.2", "192.0.2.3"])
    let listing = try records("192.0.2.1", "192.0.2.2", "192.0.2.3")
    let state = plan(listing, before).state
    let after = try fleet(["192.0.2.1", "192.0.2.2", "192.0.2.4"])
    var plan = RecordPlan([wildcard], RecordState(reading: state.text))
    plan.take(listing, after, now: now)
    // It may have been forgotten by an etcd that was emptied, and tell of itself again.
    #expect(texts(plan, after, now: now + 299) == ["add *.example.org 192.0.2.4"])
    plan.take(listing, before, now: now + 299)
    plan.take(listing, after, now: now + 300)
    #expect(texts(plan, after, now: now + 599) == ["add *.example.org 192.0.2.4"])
    #expect(
      texts(plan, after, now: now + 600) == [
        "add *.example.org 192.0.2.4", "remove *.example.org 192.0.2.3",
      ])
    // Without the state nobody knows that it was a server's.
    plan = RecordPlan([wildcard], RecordState())
    plan.take(listing, after, now: now)
    #expect(texts(plan, after, now: now + 600) == ["add *.example.org 192.0.2.4"])
  }

  @Test func `one that was forgotten and is of the last two is told as such`() throws {
    let listing = try records("192.0.2.1", "192.0.2.2")
    let state = plan(listing, try fleet(["192.0.2.1", "192.0.2.2"])).state
    var plan = RecordPlan([wildcard], state)
    let after = try fleet(["192.0.2.1"])
    plan.take(listing, after, now: now)
    #expect(plan.judge(after, now: now).held.map(\.reason) == [.unknown(until: now + 300)])
    let judgement = plan.judge(after, now: now + 300)
    #expect(judgement.changes.isEmpty && judgement.held.map(\.reason) == [.last])
    #expect(judgement.held.map(\.isForgotten) == [true])
  }

  @Test func `where the provider cannot tell, what was done is remembered`() throws {
    let fleet = try fleet(["192.0.2.1", "192.0.2.2"], dead: ["192.0.2.3"])
    var plan = plan(nil, fleet)
    // A record of the dead one may have been put there by hand; it stays until two others are there.
    #expect(
      texts(plan, fleet) == ["add *.example.org 192.0.2.1", "add *.example.org 192.0.2.2"])
    for change in plan.judge(fleet, now: now).changes { plan.made(change, now: now) }
    #expect(texts(plan, fleet) == ["remove *.example.org 192.0.2.3"])
    // A change of which nobody knows what became of it is made again.
    let removal = try #require(plan.judge(fleet, now: now).changes.first)
    plan.begin(removal)
    var next = RecordPlan([wildcard], RecordState(reading: plan.state.text))
    next.take(nil, fleet, now: now)
    #expect(next.judge(fleet, now: now).changes == [removal])
    next.made(removal, now: now)
    next.take(nil, fleet, now: now)
    #expect(next.judge(fleet, now: now) == RecordPlan.Judgement())
  }

  @Test func `names that are not kept any more are nobody's`() throws {
    let fleet = try fleet(["192.0.2.1", "192.0.2.2"], dead: ["192.0.2.3"])
    let state = try plan(records("192.0.2.1", "192.0.2.3"), fleet).state
    var plan = RecordPlan([apex], state)
    plan.take(try records("192.0.2.1", "192.0.2.3"), fleet, now: now)
    #expect(texts(plan, fleet) == ["add example.org 192.0.2.1", "add example.org 192.0.2.2"])
    #expect(plan.state == RecordState())
  }

  // MARK: Unrest

  /// Has the third address go, and says when it may be back.
  private func flap(_ plan: inout RecordPlan, at time: Int64) throws -> Int64? {
    let (three, two) = try (
      fleet(["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
      fleet(["192.0.2.1", "192.0.2.2"], dead: ["192.0.2.3"])
    )
    let removal = try #require(plan.judge(two, now: time).changes.first)
    #expect(texts([removal]) == ["remove *.example.org 192.0.2.3"])
    plan.made(removal, now: time)
    let judgement = plan.judge(three, now: time)
    guard case .unrest(let until)? = judgement.held.first?.reason else {
      let addition = try #require(judgement.changes.first)
      plan.made(addition, now: time)
      return nil
    }
    #expect(judgement.changes.isEmpty)
    #expect(plan.judge(three, now: until - 1).changes.isEmpty)
    let addition = try #require(plan.judge(three, now: until).changes.first)
    plan.made(addition, now: until)
    return until
  }

  @Test func `an address that goes for the fourth time in an hour comes back later and later`()
    throws
  {
    let three = try fleet(["192.0.2.1", "192.0.2.2", "192.0.2.3"])
    var plan = try plan(records("192.0.2.1", "192.0.2.2", "192.0.2.3"), three)
    var time = now
    for _ in 0..<3 {
      #expect(try flap(&plan, at: time) == nil)
      time += 100
    }
    for wait: Int64 in [300, 600, 1200, 2400, 3600, 3600] {
      let until = try flap(&plan, at: time)
      #expect(until == time + wait)
      time = (until ?? time) + 60
      // The next holder knows of it.
      plan = RecordPlan([wildcard], RecordState(reading: plan.state.text))
      plan.take(try records("192.0.2.1", "192.0.2.2", "192.0.2.3"), three, now: time)
    }
    // It has stayed for an hour.
    #expect(try flap(&plan, at: time - 60 + Unrest.period) == nil)
  }

  @Test func `three times an hour are none too many, hour after hour`() throws {
    let three = try fleet(["192.0.2.1", "192.0.2.2", "192.0.2.3"])
    var plan = try plan(records("192.0.2.1", "192.0.2.2", "192.0.2.3"), three)
    for turn in 0..<20 { #expect(try flap(&plan, at: now + Int64(turn) * 1201) == nil) }
  }

  @Test func `an unsteady address comes back at once where too few others are`() throws {
    let three = try fleet(["192.0.2.1", "192.0.2.2", "192.0.2.3"])
    var plan = try plan(records("192.0.2.1", "192.0.2.2", "192.0.2.3"), three)
    for turn in 0..<3 { #expect(try flap(&plan, at: now + Int64(turn)) == nil) }
    let two = try fleet(["192.0.2.1", "192.0.2.2"], dead: ["192.0.2.3"])
    plan.made(try #require(plan.judge(two, now: now + 9).changes.first), now: now + 9)
    let other = try fleet(["192.0.2.1", "192.0.2.3"], dead: ["192.0.2.2"])
    // Somebody has removed the record of the second one by hand.
    plan.take(try records("192.0.2.1"), other, now: now + 10)
    #expect(texts(plan, other, now: now + 10) == ["add *.example.org 192.0.2.3"])
  }

  @Test(arguments: [-Int64(86_400), -10, Int64.min / 2])
  func `a clock that is set back keeps no address away`(shift: Int64) throws {
    let three = try fleet(["192.0.2.1", "192.0.2.2", "192.0.2.3"])
    var plan = try plan(records("192.0.2.1", "192.0.2.2", "192.0.2.3"), three)
    for turn in 0..<3 { #expect(try flap(&plan, at: now + Int64(turn)) == nil) }
    let two = try fleet(["192.0.2.1", "192.0.2.2"], dead: ["192.0.2.3"])
    plan.made(try #require(plan.judge(two, now: now + 9).changes.first), now: now + 9)
    #expect(texts(plan, three, now: now + 9).isEmpty)
    #expect(texts(plan, three, now: now + 9 + shift) == ["add *.example.org 192.0.2.3"])
  }

  // MARK: The state

  @Test func `the state reads as it was written`() throws {
    var state = RecordState()
    state.marks = [
      try record(wildcard, "192.0.2.1"): .there, try record(apex, "2001:db8::1"): .gone,
      try record(try RecordFixture.name("a\\032b.example.org"), "192.0.2.2"): .unsure,
    ]
    var unrest = Unrest()
    for time in [now, now + 1, now + 2, now + 3, now + 4] {
      unrest.went(at: time)
      unrest.came(at: time)
    }
    unrest.went(at: now + 5)
    state.unrest = [try RecordFixture.address("192.0.2.1"): unrest]
    #expect(RecordState(reading: state.text) == state)
    #expect(RecordState(reading: RecordState().text) == RecordState())
  }

  @Test(
    arguments: [
      "", "2\nthere *.example.org 192.0.2.1", "1\nthere", "1\nthere . 192.0.2.1 x",
      "1\nthere *.example.org 192.0.2", "1\nelsewhere *.example.org 192.0.2.1",
      "1\nunrest 192.0.2.1 out x 1 2", "1\nunrest 192.0.2.1 out 9999999 1 2",
      "1\nunrest a out 0 1 2",
      "1\n\n \n", "\u{0}\u{ff}",
    ])
  func `what is no state is none`(text: String) {
    #expect(RecordState(reading: octets(text)) == RecordState())
  }

  @Test func `times that no clock has are taken as they are and stop nothing`() throws {
    let text = """
      1
      unrest 192.0.2.3 out 3600 \(Int64.min) \(Int64.max),\(Int64.min)
      unrest 192.0.2.4 back 0 \(Int64.max) -
      """
    var state = RecordState(reading: octets(text))
    #expect(state.unrest.count == 2)
    for time in [Int64.min, 0, now, .max] {
      for address in state.unrest.keys {
        _ = state.unrest[address]?.staysOut(at: time)
        _ = state.unrest[address]?.isForgotten(at: time)
        state.unrest[address]?.came(at: time)
        state.unrest[address]?.went(at: time)
      }
    }
  }
}
