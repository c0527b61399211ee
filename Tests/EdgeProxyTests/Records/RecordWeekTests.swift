import DNSCore
import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

/// What holds whatever becomes of the servers.
@Suite("Address records over a long time")
struct RecordWeekTests {
  private typealias Fleet = RecordPlan.Fleet

  private static let week: Int64 = 7 * 86_400
  private let names: [DNSName]

  init() throws {
    names = [try RecordFixture.name("*.example.org"), try RecordFixture.name("example.org")]
  }

  /// What a provider has, with a plan that follows it.
  private struct Provider {
    var plan: RecordPlan
    var records: Set<AddressRecord>
    var changes = 0

    func count(_ name: DNSName) -> Int { records.count { $0.name == name } }

    func families(_ name: DNSName) -> Set<Bool> {
      Set(records.filter { $0.name == name }.map(\.address.isIPv4))
    }

    /// Makes the first change that is to be made; `false` where there is none.
    mutating func step(_ fleet: Fleet, now: Int64) -> Bool {
      plan.take(records, fleet, now: now)
      guard let change = plan.judge(fleet, now: now).changes.first else { return false }
      let (before, families) = (records, families(change.record.name))
      plan.begin(change)
      switch change.action {
      case .add: records.insert(change.record)
      case .remove: records.remove(change.record)
      }
      #expect(records != before)
      plan.made(change, now: now)
      changes += 1
      guard change.action == .remove else { return true }
      #expect(!fleet.wanted.contains(change.record.address))
      let stays = records.filter {
        $0.name == change.record.name && fleet.wanted.contains($0.address)
      }
      #expect(stays.count >= 2 && self.families(change.record.name) == families)
      return true
    }
  }

  private func provider(_ addresses: [IPAddress]) -> Provider {
    Provider(
      plan: RecordPlan(names, RecordState()),
      records: Set(
        names.flatMap { name in addresses.map { AddressRecord(name: name, address: $0) } }))
  }

  @Test(arguments: [20, 60, 600, 4000] as [Int64])
  func `a week in which one server comes and goes makes few changes`(period: Int64) throws {
    let addresses = (1...5).map { IPAddress(ipv4: 0xc000_0200 + $0) }
    var provider = provider(addresses)
    var random = SeededRandom(seed: UInt64(period))
    let start: Int64 = 1_700_000_000
    var now = start
    var isAway = false
    var restless: Int64 = 0
    while now < start + Self.week {
      isAway.toggle()
      let fleet = Fleet(known: Set(addresses), wanted: Set(addresses.dropFirst(isAway ? 1 : 0)))
      while provider.step(fleet, now: now) {}
      now += .random(in: period / 2...period, using: &random)
      restless += 1
    }
    // Four times in the first hour, and then once an hour; each time it goes and comes at both names.
    let most = 4 * (Int(Self.week / 3600) + 4 + 4)
    #expect(provider.changes <= most)
    // One that goes less often than that is followed each time.
    if period >= 4000 { #expect(provider.changes >= Int(restless)) }
    // It is back an hour after it has become steady.
    while provider.step(Fleet(known: Set(addresses), wanted: Set(addresses)), now: now + 3600) {}
    #expect(provider.count(names[0]) == 5 && provider.count(names[1]) == 5)
  }

  @Test(arguments: 0..<20)
  func `whatever the servers do, two records stay, one of each family, and all foreign ones`(
    seed: Int
  ) throws {
    var random = SeededRandom(seed: UInt64(seed))
    let first = (1...4).map { IPAddress(ipv4: 0xc000_0200 + $0) }
    let all = first + (1...3).map { IPAddress(high: 0x2001_0db8 << 32, low: $0) }
    let foreign = AddressRecord(name: names[0], address: IPAddress(ipv4: 0xc633_6401))
    var provider = provider(Array(all.prefix(2)))
    provider.records.insert(foreign)
    var known = Set(all.prefix(2))
    var now: Int64 = 1_700_000_000
    for _ in 0..<300 {
      if Int.random(in: 0..<5, using: &random) == 0, let address = all.randomElement(using: &random)
      {
        known.formSymmetricDifference([address])
      }
      let wanted = known.filter { _ in Bool.random(using: &random) }
      let fleet = Fleet(known: known, wanted: wanted)
      // Changes may lag behind what is wanted.
      for _ in 0..<Int.random(in: 0..<6, using: &random) where provider.step(fleet, now: now) {
        #expect(provider.records.contains(foreign))
      }
      // The one that acts is another at times, and knows what was written down.
      if Int.random(in: 0..<10, using: &random) == 0 {
        let state = RecordState(reading: provider.plan.state.text)
        provider.plan = RecordPlan(names, state)
      }
      now += .random(in: 0..<900, using: &random)
    }
    // In the end all is as it is to be, but what has to stay.
    let fleet = Fleet(known: known.union(all.prefix(2)), wanted: known.union(all.prefix(2)))
    for _ in 0..<2 {
      now += 7200
      while provider.step(fleet, now: now) {}
    }
    let expected = Set(
      names.flatMap { name in fleet.wanted.map { AddressRecord(name: name, address: $0) } })
    #expect(provider.records.isSuperset(of: expected))
    #expect(provider.records.contains(foreign))
    // A forgotten one is left where it is the last of its family.
    let left = provider.records.subtracting(expected).subtracting([foreign])
    #expect(left.allSatisfy { !$0.address.isIPv4 })
    #expect(left.isEmpty || fleet.wanted.allSatisfy(\.isIPv4))
  }
}
