import ACME
import DNS
import DNSCore
import EventLoop
import Glibc
import TestSupport
import Testing

@testable import EdgeProxy

@Suite(
  "Challenge values in a real BIND",
  // SAFETY: the path is a C string for the length of the call.
  .enabled(if: unsafe access(RealNameServer.program, X_OK) == 0, "the package bind9 has named"))
struct RealNameServerTests {
  private static let zones = [
    "example.test": "", "other.test": "_acme-challenge IN CNAME validation.example.test.",
  ]
  private let loop: EventLoop
  private let log = KeptLog()
  private let values = [
    ChallengeValue(.dns(name: "example.test"), "one"),
    ChallengeValue(.dns(name: "example.test"), "two"),
    ChallengeValue(.dns(name: "other.test"), "three"),
  ]

  init() throws { loop = try EventLoop() }

  private final class Told<Value> {
    var value: Value?
    /// What is to live until then.
    var call: DNSUpdateCall?
  }

  private func name(_ text: String) throws -> DNSName { try #require(DNSName(text)) }

  /// Turns until something was told.
  private func wait<Value>(_ begin: (Told<Value>) -> Void) throws -> Value {
    let told = Told<Value>()
    begin(told)
    while told.value == nil { try loop.turn(mayWait: true) }
    return try #require(told.value)
  }

  /// The texts of a name; `nil` while the server does not answer.
  private func texts(_ text: String, _ server: RealNameServer) throws -> Set<String>? {
    let name = try name(text)
    var query: DNSQuery?
    let outcome: DNSQuery.Outcome = try wait { told in
      query = DNSQuery(name, .text, at: [server.address], recursive: false, on: loop) {
        told.value = $0
      }
    }
    query?.cancel()
    guard case .success(let answer) = outcome else { return nil }
    return Set(answer.answers.compactMap(\.text).map { String(decoding: $0, as: UTF8.self) })
  }

  private func waitUntilReady(_ server: RealNameServer, _ zones: [String]) throws {
    for zone in zones {
      while try texts(zone, server) == nil {
        try #require(server.output == nil, "\(server.output ?? "")")
        try loop.turn(mayWait: false)
      }
    }
  }

  private func settings(
    _ server: RealNameServer, _ algorithm: TSIGAlgorithm = .sha256, key: String? = nil
  ) throws -> UpdateSolver.Settings {
    try server.directory.write("key", key ?? RealNameServer.secret)
    return try UpdateSolver.Settings(
      servers: [server.address], zone: name("example.test"), keyName: name("edge"),
      keyFile: server.directory.path + "/key", algorithm: algorithm, resolver: server.address)
  }

  private func failure(_ settings: UpdateSolver.Settings) throws -> String {
    let solver = UpdateSolver(settings, on: loop, logger: log.logger)
    defer { solver.close() }
    let failure: SolverFailure? = try wait { told in
      solver.present(Array(values.prefix(1))) { told.value = .some($0) }
    }
    return failure?.description ?? ""
  }

  @Test(arguments: TSIGAlgorithm.allCases)
  func `values are there when that is told, also behind an alias, and go again`(
    algorithm: TSIGAlgorithm
  ) throws {
    let server = try RealNameServer(Self.zones, algorithm, on: loop)
    defer { server.end() }
    try waitUntilReady(server, ["example.test", "other.test"])
    let solver = UpdateSolver(try settings(server, algorithm), on: loop, logger: log.logger)
    let failure: SolverFailure? = try wait { told in
      solver.present(values) { told.value = .some($0) }
    }
    #expect(failure == nil)
    #expect(try texts("_acme-challenge.example.test", server) == ["one", "two"])
    #expect(try texts("validation.example.test", server) == ["three"])
    let _: Bool = try wait { told in solver.remove(Array(values.prefix(1))) { told.value = true } }
    #expect(try texts("_acme-challenge.example.test", server) == ["two"])
    let _: Bool = try wait { told in solver.remove(values) { told.value = true } }
    #expect(try texts("_acme-challenge.example.test", server) == [])
    #expect(try texts("validation.example.test", server) == [])
    #expect(log.take().isEmpty)
    solver.close()
  }

  @Test func `a secondary has the values when that is told`() throws {
    let place = try FreePort.take()
    let server = try RealNameServer(Self.zones, notifying: [place], on: loop)
    defer { server.end() }
    try waitUntilReady(server, ["example.test"])
    let secondary = try RealNameServer(
      ["example.test": ""], of: server.address, at: place, on: loop)
    defer { secondary.end() }
    try waitUntilReady(secondary, ["example.test"])
    var settings = try settings(server)
    settings.secondaries = [secondary.address]
    #expect(try failure(settings) == "")
    #expect(try texts("_acme-challenge.example.test", secondary) == ["one"])
  }

  @Test func `what BIND refuses is told with what to do`() throws {
    let server = try RealNameServer(Self.zones, on: loop)
    defer { server.end() }
    try waitUntilReady(server, ["example.test", "other.test"])
    let other = String(RealNameServer.secret.reversed().drop { $0 == "=" }) + "="
    #expect(try failure(settings(server, key: other)).contains("(BADSIG): compare the two"))
    var settings = try settings(server)
    settings.keyName = try name("unknown")
    #expect(try failure(settings).contains("does not know the key 'unknown' (BADKEY)"))
    // The key may change TXT records alone, and none of a zone that it is not for.
    settings = try self.settings(server)
    let call: DNSUpdateCall.Outcome = try wait { told in
      guard let zone = DNSName("version.bind"),
        let key = try? TSIGKey(
          name: settings.keyName, algorithm: .sha256, file: octets(RealNameServer.secret))
      else { return }
      told.call = DNSUpdateCall(
        [.add(zone, text: [0x61], seconds: 1)], of: zone, at: [server.address], key, on: loop
      ) { told.value = $0 }
    }
    guard case .failure(let error) = call else {
      Issue.record("an update of a zone that is not there")
      return
    }
    #expect("\(error)".contains("not the primary of the zone 'version.bind' (NOTAUTH)"))
  }

  @Test(arguments: [Int64(4000), -4000])
  func `a clock that is wrong is told`(ahead: Int64) throws {
    let server = try RealNameServer(Self.zones, on: loop)
    defer { server.end() }
    try waitUntilReady(server, ["example.test"])
    let (zone, keyName) = (try name("example.test"), try name("edge"))
    let key = try TSIGKey(name: keyName, algorithm: .sha256, file: octets(RealNameServer.secret))
    let outcome: DNSUpdateCall.Outcome = try wait { told in
      told.call = DNSUpdateCall(
        [.add(zone, text: [0x61], seconds: 1)], of: zone, at: [server.address], key, on: loop,
        clock: { WallTime.seconds - ahead }
      ) { told.value = $0 }
    }
    guard case .failure(let error) = outcome,
      case .signature(.clock(let told)) = error.failures[0].reason
    else {
      Issue.record("\(outcome)")
      return
    }
    #expect(abs(told - ahead) < 60)
    #expect("\(error)".contains(ahead < 0 ? "s behind ours" : "s ahead of ours"))
  }
}
