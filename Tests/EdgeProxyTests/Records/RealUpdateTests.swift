import Configuration
import DNS
import DNSCore
import EventLoop
import Glibc
import TestSupport
import Testing

@testable import EdgeProxy

@Suite(
  "Address records in a real BIND",
  // SAFETY: the path is a C string for the length of the call.
  .enabled(if: unsafe access(RealNameServer.program, X_OK) == 0, "the package bind9 has named"))
struct RealUpdateTests {
  private let loop: EventLoop
  private let log = KeptLog()
  private let apex: DNSName
  private let wildcard: DNSName

  init() throws {
    loop = try EventLoop()
    apex = try #require(DNSName("example.test"))
    wildcard = try #require(DNSName("*.example.test"))
  }

  private func wait<Value>(_ begin: (@escaping (Value) -> Void) -> Void) throws -> Value {
    var told: [Value] = []
    begin { told.append($0) }
    while told.isEmpty { try loop.turn(mayWait: true) }
    return try #require(told.first)
  }

  private func provider(_ server: RealNameServer) throws -> UpdateProvider {
    try server.directory.write("key", RealNameServer.secret)
    let settings = try RecordsSettings.Update(
      server: server.address, keyName: #require(DNSName("edge")),
      keyFile: server.directory.path + "/key", algorithm: .sha256)
    return UpdateProvider(settings, zone: apex, seconds: 37, on: loop, logger: log.logger)
  }

  /// What the provider has, once the server is there.
  private func listed(
    _ provider: UpdateProvider, _ server: RealNameServer
  ) throws -> Set<AddressRecord>? {
    while true {
      try #require(server.output == nil, "\(server.output ?? "")")
      if case .success(let found) = try wait({ provider.list([apex, wildcard], $0) }) {
        return found
      }
    }
  }

  private func record(_ name: DNSName, _ address: String) throws -> AddressRecord {
    try RecordFixture.record(name, address)
  }

  private func answer(
    _ name: DNSName, _ type: DNSType, _ server: RealNameServer
  ) throws -> [DNSRecord] {
    var query: DNSQuery?
    let outcome: DNSQuery.Outcome = try wait {
      query = DNSQuery(name, type, at: [server.address], recursive: false, on: loop, $0)
    }
    return try withExtendedLifetime(query) { try outcome.get().answers }
  }

  @Test func `addresses are added beside what is there, once each, and removed one by one`() throws
  {
    let server = try RealNameServer(
      ["example.test": "@ IN A 192.0.2.9\n@ IN MX 5 mail.example.test.\n"], types: "ANY", on: loop)
    defer { server.end() }
    let provider = try provider(server)
    defer { provider.close() }
    let before = try record(apex, "192.0.2.9")
    #expect(try listed(provider, server) == [before])
    let records = try [
      record(apex, "192.0.2.1"), record(wildcard, "192.0.2.1"), record(wildcard, "2001:db8::1"),
    ]
    for record in records + records {
      #expect(try wait { provider.add(record, $0) } == nil)
    }
    #expect(try listed(provider, server) == Set(records + [before]))
    let shop = try #require(DNSName("shop.example.test"))
    #expect(try answer(shop, .ipv6, server).map(\.seconds) == [37])
    for _ in 0..<2 { #expect(try wait { provider.remove(records[1], $0) } == nil) }
    #expect(try listed(provider, server) == [records[0], records[2], before])
    #expect(try answer(shop, .ipv4, server).isEmpty)
    #expect(try answer(apex, DNSType(rawValue: 15), server).count == 1)
  }

  @Test func `a key that may not change addresses is told`() throws {
    let server = try RealNameServer(["example.test": ""], types: "TXT", on: loop)
    defer { server.end() }
    let provider = try provider(server)
    defer { provider.close() }
    #expect(try listed(provider, server) == [])
    let address = try record(wildcard, "192.0.2.1")
    let failure = try wait { provider.add(address, $0) }
    #expect(failure?.description.contains("does not let the key 'edge' change the zone") == true)
    let name = try #require(DNSName("_acme-challenge.example.test"))
    #expect(try wait { provider.present([name: [octets("one")]], $0) } == nil)
    #expect(try answer(name, .text, server).compactMap(\.text) == [octets("one")])
  }
}
