import Configuration
import DNSCore
import EventLoop
import Glibc
import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Records at ClouDNS")
final class CloudnsProviderTests {
  private let loop: EventLoop
  private let clock = ManualClock()
  private let directory: TemporaryDirectory
  private let log = KeptLog()
  private let server: ScriptedCloudns
  private let zone: DNSName
  private let wildcard: DNSName
  private let challenge: DNSName
  private var provider: CloudnsProvider

  init() throws {
    loop = try EventLoop(clock: clock)
    directory = try TemporaryDirectory()
    try directory.write("password", "pass&word\n")
    server = try ScriptedCloudns("example.org", on: loop)
    zone = try #require(DNSName("example.org"))
    wildcard = try #require(DNSName("*.example.org"))
    challenge = try #require(DNSName("_acme-challenge.a.example.org"))
    provider = CloudnsProvider(
      Self.settings(server, directory), zone: zone, seconds: 60, on: loop, logger: log.logger)
  }

  deinit {
    provider.close()
    server.end()
  }

  private static func settings(
    _ server: ScriptedCloudns, _ directory: TemporaryDirectory,
    _ user: RecordsSettings.ClouDNS.User = .main(7)
  ) -> RecordsSettings.ClouDNS {
    RecordsSettings.ClouDNS(
      user: user, passwordFile: directory.path + "/password", url: server.origin,
      authorityFile: nil)
  }

  private final class Told<Value> {
    var values: [Value] = []
  }

  /// Asks, and lets time go by between the calls until the answer is there.
  private func answer<Value>(
    of other: CloudnsProvider? = nil, _ location: SourceLocation = #_sourceLocation,
    _ ask: (@escaping (Value) -> Void) -> Void
  ) throws -> Value {
    let told = Told<Value>()
    let calls = (other ?? provider).calls
    ask { told.values.append($0) }
    #expect(told.values.isEmpty, "told within the call", sourceLocation: location)
    while told.values.isEmpty {
      if calls.isCalling {
        try loop.turn(mayWait: true)
      } else {
        clock.advance(by: .milliseconds(10))
        try loop.turn(mayWait: false)
      }
    }
    return told.values[0]
  }

  private func record(_ name: DNSName, _ address: String) throws -> AddressRecord {
    guard let address = IPAddress(Array(address.utf8).span) else {
      throw SystemError("address", code: EINVAL)
    }
    return AddressRecord(name: name, address: address)
  }

  private func list() throws -> Result<Set<AddressRecord>?, RecordFailure> {
    try answer { provider.list([wildcard, zone], $0) }
  }

  private func add(_ name: DNSName, _ address: String) throws -> RecordFailure? {
    let record = try record(name, address)
    return try answer { provider.add(record, $0) }
  }

  private func remove(_ name: DNSName, _ address: String) throws -> RecordFailure? {
    let record = try record(name, address)
    return try answer { provider.remove(record, $0) }
  }

  // MARK: Addresses

  @Test func `the list has what is answered for the names, of both families`() throws {
    server.put("A", "*", "203.0.113.1")
    server.put("A", "", "203.0.113.2")
    server.put("AAAA", "*", "2001:DB8:0::1")
    server.put("A", "*", "203.0.113.3", isActive: false)
    server.put("A", "other", "203.0.113.4")
    server.put("TXT", "*", "203.0.113.5")
    #expect(
      try list().get() == [
        record(wildcard, "203.0.113.1"), record(zone, "203.0.113.2"),
        record(wildcard, "2001:db8::1"),
      ])
    #expect(server.forms.allSatisfy { $0["auth-id"] == "7" && $0["host"] == nil })
    server.records = [:]
    #expect(try list().get() == [])
  }

  @Test func `records are added once and removed, also where they are so already`() throws {
    for _ in 0..<2 {
      #expect(try add(wildcard, "203.0.113.1") == nil)
      #expect(try add(zone, "2001:db8::1") == nil)
    }
    #expect(server.answered == ["A * 203.0.113.1", "AAAA  2001:db8::1"])
    #expect(server.asked.filter { $0 == "add-record" }.count == 2)
    #expect(server.forms.last { $0["ttl"] != nil }?["ttl"] == "60")
    server.put("A", "*", "203.0.113.2")
    server.put("A", "", "203.0.113.1")
    for _ in 0..<2 { #expect(try remove(wildcard, "203.0.113.1") == nil) }
    #expect(
      server.answered == ["A * 203.0.113.2", "A  203.0.113.1", "AAAA  2001:db8::1"])
  }

  @Test func `a record that is there and not answered is made active, not added again`() throws {
    server.put("A", "*", "203.0.113.1", isActive: false)
    #expect(try add(wildcard, "203.0.113.1") == nil)
    #expect(server.answered == ["A * 203.0.113.1"] && server.records.count == 1)
  }

  @Test func `a name of another zone is told`() throws {
    let other = try #require(DNSName("a.test"))
    #expect(
      try add(other, "203.0.113.1")?.description == "'a.test' is not in the zone 'example.org'")
    #expect(server.asked.isEmpty)
  }

  // MARK: Failures

  @Test func `a wrong password is told with what to look at, and is in no text`() throws {
    server.password = "another"
    guard case .failure(let failure) = try list() else { throw SystemError("list") }
    #expect(
      failure.description
        == "ClouDNS refuses: Invalid authentication, incorrect auth-id or auth-password.")
    #expect(failure.advice?.contains("password file") == true)
    #expect(!"\(failure)".contains("pass&word"))
    // A new one is taken without a restart.
    try directory.write("password", "another")
    #expect(try list().get() == [])
  }

  @Test func `users of all kinds say who they are`() throws {
    let users: [(RecordsSettings.ClouDNS.User, String, String)] = [
      (.main(7), "auth-id", "7"), (.sub(8), "sub-auth-id", "8"),
      (.subName("edge"), "sub-auth-user", "edge"),
    ]
    for (user, name, value) in users {
      let mine = CloudnsProvider(
        Self.settings(server, directory, user), zone: zone, seconds: 60, on: loop,
        logger: log.logger)
      let result: Result<Set<AddressRecord>?, RecordFailure> = try answer(of: mine) {
        mine.list([wildcard], $0)
      }
      #expect(try result.get() == [] && server.forms.last?[name] == value)
      mine.close()
    }
  }

  @Test func `a password file that is missing, empty or for everybody is told`() throws {
    try directory.write("password", "\n")
    #expect(try add(wildcard, "203.0.113.1")?.description.hasSuffix("first line") == true)
    // SAFETY: the path is a C string for the length of the call.
    #expect(unsafe chmod(directory.path + "/password", 0o644) == 0)
    #expect(try add(wildcard, "203.0.113.1")?.description.contains("mode is 0644") == true)
    #expect(unsafe unlink(directory.path + "/password") == 0)
    #expect(try add(wildcard, "203.0.113.1")?.description.contains("No such file") == true)
    #expect(server.asked.isEmpty)
  }

  @Test func `what is no answer of the API is a failure, and no empty list`() throws {
    server.special["records"] = "<html>"
    guard case .failure(let failure) = try list() else { throw SystemError("list") }
    #expect(failure.description == "the answer of ClouDNS is not understood: no JSON")
    server.special["records"] = "[]"
    server.status = 503
    guard case .failure(let failure) = try list() else { throw SystemError("list") }
    #expect(failure.description == "ClouDNS answers with status 503")
  }

  @Test func `a server that is away is a failure`() throws {
    server.end()
    let away = CloudnsProvider(
      RecordsSettings.ClouDNS(
        user: .main(7), passwordFile: directory.path + "/password",
        url: "http://127.0.0.1:\(try FreePort.take().port ?? 0)", authorityFile: nil),
      zone: zone, seconds: 60, on: loop, logger: log.logger)
    let record = try record(wildcard, "203.0.113.1")
    let failure: RecordFailure? = try answer(of: away) { away.add(record, $0) }
    #expect(failure?.description.hasPrefix("ClouDNS was not reached: ") == true)
    away.close()
  }

  @Test func `there are no more than five calls a second`() throws {
    for _ in 0..<3 { _ = try list() }
    #expect(server.times.count == 6)
    for (earlier, later) in zip(server.times, server.times.dropFirst()) {
      #expect(later - earlier >= .milliseconds(190))
    }
  }

  @Test func `nothing is told after the end`() throws {
    let told = Told<RecordFailure?>()
    let record = try record(wildcard, "203.0.113.1")
    provider.add(record) { told.values.append($0) }
    clock.advance(by: .milliseconds(10))
    while server.asked.isEmpty { try loop.turn(mayWait: true) }
    provider.close()
    for _ in 0..<1000 {
      clock.advance(by: .milliseconds(100))
      try loop.turn(mayWait: false)
    }
    #expect(told.values.isEmpty && server.asked == ["records"])
  }

  // MARK: Challenges

  @Test func `texts are presented once all servers have them, and withdrawn alone`() throws {
    server.late = 3
    server.put("TXT", "_acme-challenge.a", "another's")
    let texts = [challenge: [octets("one"), octets("two")]]
    var failure: RecordFailure? = try answer { provider.present(texts, $0) }
    #expect(failure == nil)
    let here: Set = [
      "TXT _acme-challenge.a another's", "TXT _acme-challenge.a one",
      "TXT _acme-challenge.a two",
    ]
    #expect(server.answered == here)
    #expect(server.asked.filter { $0 == "update-status" }.count == 4)
    failure = try answer { provider.present(texts, $0) }
    #expect(failure == nil && server.answered == here)
    for _ in 0..<2 {
      failure = try answer { provider.withdraw(texts, $0) }
      #expect(failure == nil && server.answered == ["TXT _acme-challenge.a another's"])
    }
  }

  @Test func `a CA is told to look after a minute, whatever a server lacks`() throws {
    server.late = 1000
    let failure: RecordFailure? = try answer {
      provider.present([challenge: [octets("one")]], $0)
    }
    #expect(failure == nil)
    let line = try #require(log.take().last)
    #expect(line.level == .warning && line.message.contains("not all servers of ClouDNS"))
  }

  @Test func `a text that is refused ends it, one that stays does not keep the others`() throws {
    server.special["add-record"] = ScriptedCloudns.failed("You have reached your limit.")
    let texts = [challenge: [octets("one"), octets("two")]]
    var failure: RecordFailure? = try answer { provider.present(texts, $0) }
    #expect(failure?.description == "ClouDNS refuses: You have reached your limit.")
    #expect(server.asked == ["records", "add-record"])
    server.put("TXT", "_acme-challenge.a", "one")
    server.put("TXT", "_acme-challenge.a", "two")
    server.special["delete-record"] = ScriptedCloudns.failed("Later.")
    failure = try answer { provider.withdraw(texts, $0) }
    #expect(failure?.description == "ClouDNS refuses: Later.")
    #expect(server.asked.filter { $0 == "delete-record" }.count == 2)
  }

  // MARK: Checks

  private func setChecks(isDryRun: Bool = false) throws -> [CloudnsCheck] {
    try answer {
      provider.setChecks(of: [wildcard, zone], port: 443, isDryRun: isDryRun, $0)
    }.get()
  }

  @Test func `each A record without a check gets one of its port`() throws {
    let first = server.put("A", "*", "203.0.113.1")
    server.put("A", "*", "203.0.113.2", check: ["check_type": "1"])
    server.put("A", "", "203.0.113.3", isActive: false)
    server.put("AAAA", "*", "2001:db8::1")
    server.put("A", "other", "203.0.113.4")
    let wanted: [(DNSName, String, CloudnsCheck.Outcome)] = [
      (wildcard, "203.0.113.1", .wouldSet), (wildcard, "203.0.113.2", .kept),
      (zone, "203.0.113.3", .wouldSet),
    ]
    let would = try wanted.map { CloudnsCheck(record: try record($0, $1), outcome: $2) }
    #expect(try setChecks(isDryRun: true) == would)
    #expect(!server.asked.contains("failover-activate"))
    let set = would.map {
      CloudnsCheck(record: $0.record, outcome: $0.outcome == .kept ? .kept : .set)
    }
    #expect(try setChecks() == set)
    let check = try #require(server.records[first]?.check)
    #expect(
      check["check_type"] == "8" && check["port"] == "443" && check["main_ip"] == "203.0.113.1")
    #expect(try setChecks().allSatisfy { $0.outcome == .kept })
  }

  @Test func `a check that is refused is told and does not keep the others`() throws {
    server.put("A", "*", "203.0.113.1")
    server.put("A", "*", "203.0.113.2")
    server.special["failover-activate"] = ScriptedCloudns.failed("Your plan has 0 checks.")
    let text = "ClouDNS refuses: Your plan has 0 checks."
    #expect(try setChecks().map(\.outcome) == [.refused(text), .refused(text)])
  }
}
