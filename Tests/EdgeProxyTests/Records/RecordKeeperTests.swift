import CertStore
import Configuration
import DNSCore
import EventLoop
import Glibc
import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

/// One server without etcd, and a provider whose end is written here.
@Suite("Address records that are kept at a provider")
struct RecordKeeperTests {
  private let loop: EventLoop
  private let clock = ManualClock()
  private let directory: TemporaryDirectory
  private let provider: ScriptedProvider
  private let log = KeptLog()
  private let warnings = Warnings()
  private let world = World()
  private let settings: RecordsSettings
  private let wildcard: DNSName
  private static let epoch: Int64 = 1_700_000_000

  /// What the servers are at.
  private final class World {
    var fleet: RecordPlan.Fleet?
  }

  init() throws {
    loop = try EventLoop(clock: clock)
    directory = try TemporaryDirectory()
    provider = ScriptedProvider(on: loop)
    wildcard = try RecordFixture.name("*.example.org")
    let hook = RecordsSettings.Hook(
      command: "/bin/true", mode: .own, environmentFile: nil, timeout: .seconds(1))
    settings = RecordsSettings(
      provider: .hook(hook), zone: try RecordFixture.name("example.org"), names: [wildcard],
      seconds: 60, isDryRun: false)
    world.fleet = try Self.fleet("192.0.2.1", "192.0.2.2", "192.0.2.3")
  }

  private static func fleet(
    _ wanted: String..., dead: [String] = []
  ) throws -> RecordPlan.Fleet {
    let wanted = Set(try wanted.map { try RecordFixture.address($0) })
    return RecordPlan.Fleet(
      known: wanted.union(try dead.map { try RecordFixture.address($0) }), wanted: wanted)
  }

  private func keeper(
    _ settings: RecordsSettings? = nil, make: (() throws -> any RecordProvider)? = nil
  ) -> RecordKeeper {
    RecordKeeper(
      settings ?? self.settings,
      store: LocalRecords(state: directory.path, node: "a", on: loop),
      fleet: { [world] in world.fleet }, on: loop, logger: log.logger, warnings: warnings,
      now: { [clock] in Self.epoch + clock.now.nanoseconds / 1_000_000_000 }
    ) { [provider] _ in
      provider.reopen()
      return try make?() ?? provider
    }
  }

  /// Lets everything happen that needs no time.
  private func settle() throws {
    // A listing, and for each of the changes two writes, the change and a listing.
    for _ in 0..<60 { try loop.turn(mayWait: false) }
  }

  private func pass(_ seconds: Int, _ keeper: RecordKeeper) throws {
    for _ in 0..<seconds {
      clock.advance(by: .seconds(1))
      try loop.turn(mayWait: false)
      keeper.everySecond()
      for _ in 0..<3 { try loop.turn(mayWait: false) }
    }
    try settle()
  }

  private func become(
    _ keeper: RecordKeeper, _ wanted: String..., dead: [String] = []
  ) throws {
    let wanted = Set(try wanted.map { try RecordFixture.address($0) })
    world.fleet = RecordPlan.Fleet(
      known: wanted.union(try dead.map { try RecordFixture.address($0) }), wanted: wanted)
    keeper.changed()
    try settle()
  }

  private func messages() -> [String] { log.take().map(\.message) }

  private func has(_ addresses: String...) throws -> Bool {
    provider.records == Set(try addresses.map { try RecordFixture.record(wildcard, $0) })
  }

  @Test func `records follow the servers that live, and each change is told`() throws {
    let keeper = keeper()
    defer { keeper.end() }
    try settle()
    #expect(try has("192.0.2.1", "192.0.2.2", "192.0.2.3"))
    #expect(messages() == Array(repeating: "an address record was added", count: 3))
    try become(keeper, "192.0.2.1", "192.0.2.2", dead: ["192.0.2.3"])
    #expect(try has("192.0.2.1", "192.0.2.2"))
    let line = try #require(log.take().first)
    #expect(line.message == "an address record was removed" && line.level == .notice)
    #expect(line.metadata == ["name": "*.example.org", "type": "A", "address": "192.0.2.3"])
    try become(keeper, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    #expect(try has("192.0.2.1", "192.0.2.2", "192.0.2.3"))
    #expect(keeper.counts == [.add: 4, .remove: 1] && warnings.all.isEmpty)
  }

  @Test func `nothing is done before the servers are known`() throws {
    world.fleet = nil
    let keeper = keeper()
    defer { keeper.end() }
    try settle()
    #expect(provider.listings == 0)
    try become(keeper, "192.0.2.1")
    #expect(try has("192.0.2.1"))
  }

  @Test func `a dry run tells once what it would change, and changes nothing`() throws {
    var settings = settings
    settings.isDryRun = true
    let other = try RecordFixture.record(wildcard, "198.51.100.9")
    provider.records = [other, try RecordFixture.record(wildcard, "192.0.2.1")]
    let keeper = keeper(settings)
    defer { keeper.end() }
    try settle()
    try pass(400, keeper)
    #expect(provider.take().isEmpty && provider.listings == 2)
    #expect(
      messages() == [
        "an address record is no server's of the fleet and is left alone",
        "dry run: would add an address record", "dry run: would add an address record",
      ])
    #expect(try PrivateDirectory(path: directory.path + "/records").names() == ["lock"])
    // Without it all is made.
    keeper.reconfigure(self.settings)
    try settle()
    #expect(try has("192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.9"))
  }

  @Test func `what somebody changes at the provider is found within five minutes`() throws {
    let keeper = keeper()
    defer { keeper.end() }
    try settle()
    _ = provider.take()
    provider.records.remove(try RecordFixture.record(wildcard, "192.0.2.1"))
    try pass(299, keeper)
    #expect(provider.take().isEmpty)
    try pass(1, keeper)
    #expect(provider.take() == ["add *.example.org 192.0.2.1"])
  }

  @Test func `a provider that fails is asked after 10 s, 20 s, and at last every 10 minutes`()
    throws
  {
    provider.silence = RecordFailure(description: "out of order", advice: "mend it")
    let keeper = keeper()
    defer { keeper.end() }
    try settle()
    for pause in [10, 20, 40, 80, 160, 320, 600, 600] {
      let before = provider.listings
      try pass(pause - 1, keeper)
      #expect(provider.listings == before)
      try pass(1, keeper)
      #expect(provider.listings == before + 1)
    }
    #expect(messages() == ["the provider does not tell its address records"])
    #expect(warnings.all.map(\.advice) == ["mend it"])
    #expect(warnings.all.first?.text.hasSuffix("records: out of order") == true)
    provider.silence = nil
    try pass(600, keeper)
    #expect(try has("192.0.2.1", "192.0.2.2", "192.0.2.3") && warnings.all.isEmpty)
    #expect(messages().first == "the provider tells its address records again")
  }

  @Test func `one record that the provider refuses does not keep the others waiting`() throws {
    let bad = try RecordFixture.address("192.0.2.1")
    provider.refusal = { change in
      change.record.address == bad ? RecordFailure(description: "not this one") : nil
    }
    let keeper = keeper()
    defer { keeper.end() }
    try settle()
    #expect(provider.take() == ["add *.example.org 192.0.2.1"])
    try pass(10, keeper)
    #expect(try has("192.0.2.2", "192.0.2.3"))
    try pass(900, keeper)
    let again = provider.take().count { $0 == "add *.example.org 192.0.2.1" }
    #expect((4...8).contains(again))
    #expect(messages().count { $0 == "the provider did not add an address record" } == 1)
    #expect(
      warnings.all.map(\.text) == [
        "the provider did not add the record 192.0.2.1 of '*.example.org': not this one"
      ])
    #expect(keeper.failures >= 5)
    // Nobody wants it any more.
    try become(keeper, "192.0.2.2", "192.0.2.3")
    #expect(warnings.all.isEmpty)
  }

  @Test func `a provider that says it does what it does not is told, and not asked without end`()
    throws
  {
    provider.lies = true
    let keeper = keeper()
    defer { keeper.end() }
    try pass(60, keeper)
    #expect(provider.take().count < 15)
    #expect(warnings.all.first?.text.contains("it said that it did") == true)
  }

  @Test func `where the provider cannot tell, each record is added and removed once`() throws {
    provider.tells = false
    let first = keeper()
    try settle()
    try become(first, "192.0.2.1", "192.0.2.2", dead: ["192.0.2.3"])
    #expect(provider.take().last == "remove *.example.org 192.0.2.3")
    try pass(700, first)
    #expect(provider.take().isEmpty)
    first.end()
    // The next process knows what is there.
    let second = keeper()
    defer { second.end() }
    try settle()
    #expect(provider.take().isEmpty)
    try become(second, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    #expect(provider.take() == ["add *.example.org 192.0.2.3"])
  }

  @Test func `a record is the fleet's after a restart, also of a server that is forgotten`() throws
  {
    provider.records = Set(
      try ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.7"].map {
        try RecordFixture.record(wildcard, $0)
      })
    let first = keeper()
    try settle()
    #expect(provider.take().isEmpty)
    first.end()
    world.fleet = try Self.fleet("192.0.2.1", "192.0.2.2")
    let second = keeper()
    defer { second.end() }
    try pass(299, second)
    #expect(provider.take().isEmpty)
    try pass(2, second)
    #expect(provider.take() == ["remove *.example.org 192.0.2.3"])
  }

  @Test func `a forgotten server's record of the last two is left and warned of`() throws {
    provider.records = Set(
      try ["192.0.2.1", "192.0.2.2"].map { try RecordFixture.record(wildcard, $0) })
    world.fleet = try Self.fleet("192.0.2.1", "192.0.2.2")
    let keeper = keeper()
    try settle()
    try become(keeper, "192.0.2.1")
    try pass(601, keeper)
    #expect(provider.take().isEmpty)
    #expect(warnings.all.map(\.advice) == ["remove them at the provider by hand"])
    #expect(warnings.all.first?.text.contains("192.0.2.2 of '*.example.org'") == true)
    keeper.end()
    #expect(warnings.all.isEmpty)
  }

  @Test func `two processes of one server do not both change records`() throws {
    let first = keeper()
    try settle()
    _ = provider.take()
    let second = keeper(make: {
      Issue.record("a provider for a process whose turn it is not")
      throw RecordFailure(description: "none")
    })
    world.fleet = try Self.fleet("192.0.2.1", "192.0.2.2", dead: ["192.0.2.3"])
    second.everySecond()
    second.changed()
    try settle()
    #expect(provider.take().isEmpty)
    second.end()
    first.changed()
    try settle()
    #expect(provider.take() == ["remove *.example.org 192.0.2.3"])
    first.end()
    let third = keeper()
    defer { third.end() }
    try become(third, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    #expect(provider.take() == ["add *.example.org 192.0.2.3"])
  }

  @Test func `a change that nobody wants any more once it is written down is not made`() throws {
    let keeper = keeper()
    defer { keeper.end() }
    try settle()
    _ = provider.take()
    let (two, three) = (
      try Self.fleet("192.0.2.1", "192.0.2.2", dead: ["192.0.2.3"]), world.fleet
    )
    world.fleet = two
    keeper.everySecond()
    // It is written down, and the provider was not asked yet.
    world.fleet = three
    try settle()
    #expect(provider.take().isEmpty)
    #expect(try has("192.0.2.1", "192.0.2.2", "192.0.2.3"))
  }

  @Test func `nothing is changed that cannot be written down`() throws {
    let keeper = keeper()
    defer { keeper.end() }
    try settle()
    _ = provider.take()
    let path = directory.path + "/records"
    // SAFETY: the paths are C strings for the length of the call.
    #expect(unsafe rename(path, path + "-away") == 0)
    try become(keeper, "192.0.2.1", "192.0.2.2", dead: ["192.0.2.3"])
    #expect(provider.take().isEmpty)
    // SAFETY: as above.
    #expect(unsafe rename(path + "-away", path) == 0)
    try pass(2, keeper)
    #expect(provider.take() == ["remove *.example.org 192.0.2.3"])
  }

  @Test func `a provider that cannot be made is told, and tried again`() throws {
    let keeper = keeper(make: { throw RecordFailure(description: "no such file") })
    defer { keeper.end() }
    try pass(31, keeper)
    #expect(keeper.failures == 3)
    #expect(
      warnings.all.map(\.text) == [
        "the provider does not tell its address records: no such file"
      ])
  }

  @Test func `the status has each record, what is to become of it, and the counts`() throws {
    provider.records = Set(
      try ["192.0.2.1", "192.0.2.2", "198.51.100.1"].map {
        try RecordFixture.record(wildcard, $0)
      })
    let refused = try RecordFixture.address("192.0.2.3")
    provider.refusal = {
      $0.record.address == refused ? RecordFailure(description: "full") : nil
    }
    let keeper = keeper()
    defer { keeper.end() }
    try settle()
    try become(keeper, "192.0.2.2", "192.0.2.3", dead: ["192.0.2.1"])
    let json = String(decoding: keeper.section.value.json(), as: UTF8.self)
    for text in [
      #""provider":"exec","zone":"example.org","dry_run":false,"holder":"a","kept_here":true"#,
      #""address":"192.0.2.1","state":"kept""#, #""address":"192.0.2.2","state":"there""#,
      #""address":"192.0.2.3","state":"failed""#, #""address":"198.51.100.1","state":"foreign""#,
    ] {
      #expect(json.contains(text), "\(json)")
    }
    let samples = Dictionary(
      uniqueKeysWithValues: keeper.section.metrics.map { ($0.name, $0.samples.map(\.value)) })
    #expect(samples["records_changes_total"] == [0, 0])
    #expect(samples["records_failures_total"] == [1] && samples["records_pending"] == [1])
    #expect(samples["records_kept_here"] == [1] && samples["records_dry_run"] == [0])
    let text = String(decoding: StatusText.render(keeper.section.text), as: UTF8.self)
    #expect(text.contains("of example.org at exec are kept by this server"))
  }
}
