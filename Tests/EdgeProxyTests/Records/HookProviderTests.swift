import Configuration
import DNSCore
import EventLoop
import Glibc
import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Records by a program")
final class HookProviderTests {
  private let loop: EventLoop
  private let clock = ManualClock()
  private let directory: TemporaryDirectory
  private let log = KeptLog()
  private let zone: DNSName
  private let record: AddressRecord
  private let texts: [DNSName: [[UInt8]]]

  init() throws {
    loop = try EventLoop(clock: clock)
    directory = try TemporaryDirectory()
    zone = try #require(DNSName("example.org"))
    record = AddressRecord(
      name: try #require(DNSName("*.example.org")), address: IPAddress(ipv4: 0xcb00_7101))
    let challenge = try #require(DNSName("_acme-challenge.example.org"))
    texts = [challenge: [octets("-one"), octets("two")]]
  }

  private func provider(
    _ script: String = "", mode: RecordsSettings.Hook.Mode = .own, environment: String? = nil
  ) throws -> HookProvider {
    var file: String?
    if let environment {
      try directory.write("environment", environment)
      file = directory.path + "/environment"
    }
    let settings = RecordsSettings.Hook(
      command: try directory.hook(script), mode: mode, environmentFile: file,
      timeout: .seconds(60))
    return HookProvider(
      settings, zone: zone, seconds: 60, path: "/usr/bin:/bin", on: loop, logger: log.logger)
  }

  private final class Told {
    var failures: [RecordFailure?] = []
  }

  private func answer(
    _ location: SourceLocation = #_sourceLocation,
    _ ask: (@escaping (RecordFailure?) -> Void) -> Void
  ) throws -> RecordFailure? {
    let told = Told()
    ask { told.failures.append($0) }
    #expect(told.failures.isEmpty, "told within the call", sourceLocation: location)
    while told.failures.isEmpty { try loop.turn(mayWait: true) }
    return told.failures[0]
  }

  @Test func `the program is called for each record with its type, value and time to live`() throws
  {
    let provider = try provider("echo said")
    let ipv6 = AddressRecord(
      name: zone, address: IPAddress(high: 0x2001_0db8_0000_0000, low: 1))
    #expect(try answer { provider.add(record, $0) } == nil)
    #expect(try answer { provider.remove(ipv6, $0) } == nil)
    #expect(try answer { provider.present(texts, $0) } == nil)
    #expect(try answer { provider.withdraw(texts, $0) } == nil)
    #expect(
      try directory.calls() == [
        "5: add *.example.org A 203.0.113.1 60",
        "5: remove example.org AAAA 2001:db8::1 60",
        "5: add _acme-challenge.example.org TXT -one 60",
        "5: add _acme-challenge.example.org TXT two 60",
        "5: remove _acme-challenge.example.org TXT -one 60",
        "5: remove _acme-challenge.example.org TXT two 60",
      ])
    #expect(log.take().allSatisfy { $0.level == .info && $0.metadata["output"] == "said\n" })
    provider.close()
  }

  @Test func `in lego's mode texts come as lego has them, and addresses as always`() throws {
    let provider = try provider(mode: .lego)
    #expect(try answer { provider.add(record, $0) } == nil)
    #expect(try answer { provider.present(texts, $0) } == nil)
    #expect(try answer { provider.withdraw(texts, $0) } == nil)
    #expect(
      try directory.calls() == [
        "5: add *.example.org A 203.0.113.1 60",
        "3: present _acme-challenge.example.org. -one",
        "3: present _acme-challenge.example.org. two",
        "3: cleanup _acme-challenge.example.org. -one",
        "3: cleanup _acme-challenge.example.org. two",
      ])
    provider.close()
  }

  @Test func `nobody can ask a program what there is`() throws {
    let provider = try provider()
    var listed: Result<Set<AddressRecord>?, RecordFailure>?
    provider.list([zone]) { listed = $0 }
    #expect(listed == nil)
    try loop.turn(mayWait: false)
    #expect(try #require(listed).get() == nil)
    #expect(try directory.calls() == [])
    provider.close()
  }

  @Test func `the program has its file's variables, the zone and PATH, and nothing of ours`() throws
  {
    let provider = try provider(
      "env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= | sort > '\(directory.path)/variables'",
      environment: "# keys\nTOKEN=\"a b\"\n")
    #expect(try answer { provider.add(record, $0) } == nil)
    #expect(
      try directory.read("variables")
        == "EDGEPROXY_ZONE=example.org\nPATH=/usr/bin:/bin\nTOKEN=a b\n")
    // Another key holds from the next call on.
    try directory.write("environment", "TOKEN=new\nPATH=/bin\n")
    #expect(try answer { provider.add(record, $0) } == nil)
    #expect(
      try directory.read("variables") == "EDGEPROXY_ZONE=example.org\nPATH=/bin\nTOKEN=new\n")
    provider.close()
  }

  @Test func `a failure is told with what the program said, without the values of its file`() throws
  {
    let provider = try provider(
      "echo first; echo \"bad key $TOKEN of $USER_ID\" >&2; exit 3",
      environment: "TOKEN=s3cret-token\nUSER_ID=7\n")
    let failure = try #require(try answer { provider.add(record, $0) })
    #expect(
      failure.description
        == "the hook '\(directory.path)/hook add *.example.org A 203.0.113.1 60' ended with"
        + " status 3: first bad key *** of 7")
    #expect(log.take().isEmpty)
    provider.close()
  }

  @Test func `of a long output no line is told whose beginning is missing`() throws {
    let provider = try provider(
      "echo \"$TOKEN$(printf '%04090d' 0)\"; echo end", environment: "TOKEN=s3cret-token\n")
    #expect(try answer { provider.add(record, $0) } == nil)
    #expect(log.take().map { $0.metadata["output"] } == ["end\n"])
    provider.close()
  }

  @Test func `an environment file that others may read, or that is none, is told`() throws {
    let provider = try provider(environment: "export TOKEN=1\n")
    #expect(
      try answer { provider.add(record, $0) }?.description.hasPrefix(
        "the environment file '\(directory.path)/environment': line 1 ") == true)
    // SAFETY: the path is a C string for the length of the call.
    #expect(unsafe chmod(directory.path + "/environment", 0o644) == 0)
    #expect(
      try answer { provider.add(record, $0) }?.description.contains("mode is 0644") == true)
    #expect(try directory.calls() == [])
    provider.close()
  }

  @Test func `a text that fails ends it, one that stays does not keep the others`() throws {
    let provider = try provider("[ $4 = two ] || exit 1")
    #expect(
      try answer { provider.present(texts, $0) }?.description
        == "the hook '\(directory.path)/hook add _acme-challenge.example.org TXT' ended with"
        + " status 1")
    #expect(try directory.calls().count == 1)
    #expect(try answer { provider.withdraw(texts, $0) } != nil)
    #expect(try directory.calls().count == 3)
    provider.close()
  }

  @Test func `a program that takes too long is killed, and one that is not there is told`() throws {
    let provider = try provider("exec sleep 1000")
    let told = Told()
    provider.add(record) { told.failures.append($0) }
    while try directory.calls().isEmpty { try loop.turn(mayWait: false) }
    clock.advance(by: .seconds(61))
    while told.failures.isEmpty { try loop.turn(mayWait: true) }
    #expect(told.failures[0]?.description.contains("took longer than 60.0 seconds") == true)
    // SAFETY: the path is a C string for the length of the call.
    #expect(unsafe unlink(directory.path + "/hook") == 0)
    #expect(
      try answer { provider.add(record, $0) }?.description.contains(
        "could not be started: posix_spawn: No such file") == true)
    provider.close()
  }

  @Test func `nothing is told after the end, and the program is killed`() throws {
    let provider = try provider("echo $$ > '\(directory.path)/process'; exec sleep 1000")
    let told = Told()
    provider.add(record) { told.failures.append($0) }
    while try directory.read("process").isEmpty { try loop.turn(mayWait: false) }
    provider.close()
    let process = try #require(pid_t(directory.read("process").dropLast()))
    while kill(process, 0) == 0 { try loop.turn(mayWait: false) }
    #expect(told.failures.isEmpty)
  }
}
