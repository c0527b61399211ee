import Configuration
import DNSCore
import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Records by dynamic updates")
struct UpdateProviderTests {
  private static let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
  private let loop: EventLoop
  private let directory: TemporaryDirectory
  private let zone: ScriptedZone
  private let log = KeptLog()
  private let wildcard: DNSName
  private let apex: DNSName

  init() throws {
    loop = try EventLoop()
    directory = try TemporaryDirectory()
    try directory.write("key", Self.base64)
    apex = try #require(DNSName("example.org"))
    wildcard = try #require(DNSName("*.example.org"))
    let key = try TSIGKey(
      name: #require(DNSName("edge")), algorithm: .sha256, file: octets(Self.base64))
    zone = try ScriptedZone(apex, key, on: loop)
  }

  private func provider(
    at server: SocketAddress? = nil, keyFile: String = "key"
  ) throws -> UpdateProvider {
    let settings = try RecordsSettings.Update(
      server: server ?? #require(zone.address), keyName: #require(DNSName("edge")),
      keyFile: directory.path + "/" + keyFile, algorithm: .sha256)
    return UpdateProvider(settings, zone: apex, seconds: 60, on: loop, logger: log.logger)
  }

  private func record(_ name: DNSName, _ address: String) throws -> AddressRecord {
    try RecordFixture.record(name, address)
  }

  /// Turns until something was told, which is not within the call.
  private func wait<Value>(_ begin: (@escaping (Value) -> Void) -> Void) throws -> Value {
    var told: [Value] = []
    begin { told.append($0) }
    #expect(told.isEmpty)
    while told.isEmpty { try loop.turn(mayWait: true) }
    return try #require(told.first)
  }

  private func list(_ provider: UpdateProvider, _ names: [DNSName]) throws -> Set<AddressRecord>? {
    try wait { provider.list(names, $0) }.get()
  }

  private func failure(_ provider: UpdateProvider, _ names: [DNSName]) throws -> RecordFailure? {
    guard case .failure(let failure) = try wait({ provider.list(names, $0) }) else { return nil }
    return failure
  }

  @Test func `addresses of both families come into the zone, are listed, and go again`() throws {
    let provider = try provider()
    defer { provider.close() }
    let records = try [
      record(wildcard, "192.0.2.1"), record(wildcard, "2001:db8::1"), record(apex, "192.0.2.1"),
    ]
    for record in records { #expect(try wait { provider.add(record, $0) } == nil) }
    #expect(zone.updates.map(\.count) == [1, 1, 1])
    #expect(zone.updates.joined().allSatisfy { $0.seconds == 60 })
    #expect(zone.content[wildcard]?.contains(.ipv4([192, 0, 2, 1])) == true)
    #expect(try list(provider, [wildcard, apex]) == Set(records))
    #expect(try list(provider, [apex]) == [records[2]])
    #expect(try wait { provider.remove(records[0], $0) } == nil)
    #expect(try list(provider, [wildcard, apex]) == Set(records.dropFirst()))
    zone.end()
  }

  @Test func `a name without records has none, and no names have none`() throws {
    let provider = try provider()
    defer { provider.close() }
    #expect(try list(provider, [wildcard]) == [])
    #expect(try list(provider, []) == [])
    zone.end()
  }

  @Test func `texts for a CA come and go in one update`() throws {
    let provider = try provider()
    defer { provider.close() }
    let one = try #require(DNSName("_acme-challenge.example.org"))
    let two = try #require(DNSName("_acme-challenge.shop.example.org"))
    let texts = [one: [octets("a"), octets("b")], two: [octets("c")]]
    #expect(try wait { provider.present(texts, $0) } == nil)
    #expect(zone.texts == [one: [octets("a"), octets("b")], two: [octets("c")]])
    #expect(zone.updates.map(\.count) == [3])
    #expect(try wait { provider.withdraw([one: [octets("a")]], $0) } == nil)
    #expect(zone.texts == [one: [octets("b")], two: [octets("c")]])
    #expect(try wait { provider.withdraw([:], $0) } == nil)
    zone.end()
  }

  @Test func `a name that is an alias is told with what to do`() throws {
    let provider = try provider()
    defer { provider.close() }
    zone.aliases = try [wildcard: #require(DNSName("elsewhere.example.net"))]
    let failure = try failure(provider, [apex, wildcard])
    #expect(failure?.description.hasPrefix("'*.example.org' is an alias (CNAME)") == true)
    #expect(failure?.advice?.contains("records.names") == true)
    zone.end()
  }

  @Test func `what a server says of a zone that it does not have is not taken`() throws {
    let server = try ScriptedNameServer(on: loop) { message, _ in
      guard var answer = try? DNSMessage(decoding: message) else { return [] }
      answer.isAnswer = true
      answer.additionals = []
      return [(try? answer.encoded()) ?? []]
    }
    let provider = try provider(at: server.address)
    defer { provider.close() }
    let failure = try failure(provider, [apex])
    #expect(failure?.description.contains("does not have the zone of 'example.org'") == true)
    server.script = { message, _ in [NameServerAnswers.answer(to: message, .refused)] }
    #expect(try self.failure(provider, [apex])?.description.contains("REFUSED") == true)
    server.end()
    zone.end()
  }

  @Test func `a change that the server refuses, or that no key signs, is told`() throws {
    let address = try record(apex, "192.0.2.1")
    zone.code = .refused
    let provider = try provider()
    let refusal = try wait { provider.add(address, $0) }
    #expect(refusal?.description.contains("(REFUSED): allow it there") == true)
    provider.close()
    let keyless = try self.provider(keyFile: "missing")
    let failure = try wait { keyless.remove(address, $0) }
    #expect(failure?.description.hasSuffix("/missing': open: No such file or directory") == true)
    keyless.close()
    #expect(zone.content.isEmpty)
    zone.end()
  }

  @Test func `after its end a provider tells nothing`() throws {
    let provider = try provider()
    let record = try record(apex, "192.0.2.1")
    provider.add(record) { _ in Issue.record("told after the end") }
    provider.close()
    provider.list([]) { _ in Issue.record("told after the end") }
    provider.close()
    // One that nobody has any more has ended as well.
    try self.provider().add(record) { _ in Issue.record("told after the end") }
    // A second one shows that enough time has passed for the first to tell something.
    let other = try self.provider()
    #expect(try wait { other.add(record, $0) } == nil)
    #expect(try list(other, [apex]) == [record])
    other.close()
    zone.end()
  }
}
