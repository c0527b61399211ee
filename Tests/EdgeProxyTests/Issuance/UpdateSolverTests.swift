import ACME
import DNS
import DNSCore
import EventLoop
import Glibc
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Challenge values by dynamic updates")
struct UpdateSolverTests {
  private static let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
  private let loop: EventLoop
  private let clock = ManualClock()
  private let directory: TemporaryDirectory
  private let zone: ScriptedZone
  private let log = KeptLog()
  private let values = [
    ChallengeValue(.dns(name: "example.org"), "one"),
    ChallengeValue(.dns(name: "example.org"), "two"),
    ChallengeValue(.dns(name: "shop.Example.org"), "three"),
    ChallengeValue(.http(token: "t"), "not for DNS"),
  ]

  init() throws {
    loop = try EventLoop(clock: clock)
    directory = try TemporaryDirectory()
    try directory.write("key", "key edge { algorithm hmac-sha256; secret \(Self.base64); };")
    let key = try TSIGKey(name: Self.name("edge"), algorithm: .sha256, file: octets(Self.base64))
    zone = try ScriptedZone(Self.name("example.org"), key, on: loop)
  }

  private static func name(_ text: String) throws -> DNSName { try #require(DNSName(text)) }

  private func settings() throws -> UpdateSolver.Settings {
    try UpdateSolver.Settings(
      servers: [#require(zone.address)], zone: Self.name("example.org"), keyName: Self.name("edge"),
      keyFile: directory.path + "/key", algorithm: .sha256, resolver: zone.address)
  }

  private final class Answer {
    var failure: SolverFailure?
    var isTold = false
  }

  private func present(
    _ values: [ChallengeValue], _ solver: UpdateSolver
  ) throws -> SolverFailure? {
    // The time passes as fast as turns do.
    let answer = Answer()
    solver.present(values) {
      answer.failure = $0
      answer.isTold = true
    }
    #expect(!answer.isTold)
    while !answer.isTold {
      try loop.turn(mayWait: false)
      clock.advance(by: .milliseconds(10))
    }
    return answer.failure
  }

  private func remove(_ values: [ChallengeValue], _ solver: UpdateSolver) throws {
    let answer = Answer()
    solver.remove(values) { answer.isTold = true }
    #expect(!answer.isTold)
    while !answer.isTold { try loop.turn(mayWait: true) }
  }

  /// Why values do not come into DNS with other settings than those that work.
  private func failure(
    _ change: (inout UpdateSolver.Settings) throws -> Void = { _ in },
    values: [ChallengeValue]? = nil
  ) throws -> String {
    var settings = try settings()
    try change(&settings)
    let solver = UpdateSolver(settings, on: loop, logger: log.logger)
    let failure = try present(values ?? self.values, solver)
    solver.close()
    #expect(zone.updates.isEmpty)
    return failure?.description ?? ""
  }

  @Test func `all values of an order come into the zone at once, and go again`() throws {
    let solver = UpdateSolver(try settings(), on: loop, logger: log.logger)
    #expect(try present(values, solver) == nil)
    let place = try Self.name("_acme-challenge.example.org")
    let other = try Self.name("_acme-challenge.shop.example.org")
    #expect(zone.updates.count == 1 && zone.updates.first?.count == 3)
    #expect(zone.texts == [place: [octets("one"), octets("two")], other: [octets("three")]])
    #expect(zone.updates.first?.allSatisfy { $0.seconds == 60 } == true)
    try remove(Array(values.prefix(1)), solver)
    #expect(zone.texts[place] == [octets("two")])
    try remove(values, solver)
    #expect(zone.texts.values.allSatisfy(\.isEmpty) && log.take().isEmpty)
    solver.close()
    zone.end()
  }

  @Test func `values go where an alias leads, and are taken away there`() throws {
    let place = try Self.name("validation.example.org")
    zone.aliases = try [
      Self.name("_acme-challenge.other.test"): Self.name("middle.other.test"),
      Self.name("middle.other.test"): place,
    ]
    let solver = UpdateSolver(try settings(), on: loop, logger: log.logger)
    let values = [ChallengeValue(.dns(name: "other.test"), "one")]
    #expect(try present(values, solver) == nil)
    #expect(zone.texts == [place: [octets("one")]])
    // The alias is another by now.
    zone.aliases = [:]
    try remove(values, solver)
    #expect(zone.texts == [place: []] && log.take().isEmpty)
    solver.close()
    zone.end()
  }

  @Test func `a resolver tells the alias that the servers of the zone do not have`() throws {
    let place = try Self.name("validation.example.org")
    let resolver = try ScriptedNameServer(on: loop) { message, _ in
      guard let name = try? DNSMessage(decoding: message).questions.first?.name else { return [] }
      let alias = DNSRecord(name: name, seconds: 60, data: .alias(place))
      return [NameServerAnswers.answer(to: message, .noError, [alias])]
    }
    var settings = try settings()
    settings.resolver = resolver.address
    let solver = UpdateSolver(settings, on: loop, logger: log.logger)
    #expect(try present([ChallengeValue(.dns(name: "other.test"), "one")], solver) == nil)
    #expect(zone.texts == [place: [octets("one")]])
    #expect(resolver.asked.map(\.message.wantsRecursion) == [true])
    #expect(resolver.asked.first?.message.questions.first?.type == .alias)
    solver.close()
    resolver.end()
    zone.end()
  }

  @Test func `aliases in a circle, or without end, are refused`() throws {
    let one = try Self.name("_acme-challenge.example.org")
    let two = try Self.name("two.example.org")
    zone.aliases = [one: two, two: one]
    #expect(try failure().contains("leads through more than 8 aliases"))
    zone.aliases = [one: one]
    #expect(try failure().contains("leads through more than 8 aliases"))
    zone.end()
  }

  @Test func `a name that is elsewhere is told with what is missing`() throws {
    let resolver = try ScriptedNameServer(on: loop) { message, _ in
      [NameServerAnswers.answer(to: message, .noSuchName)]
    }
    let address = try #require(zone.address)
    let text = try failure(
      { $0.resolver = resolver.address }, values: [ChallengeValue(.dns(name: "other.test"), "one")])
    #expect(
      text.hasPrefix(
        "'_acme-challenge.other.test' is not in the zone 'example.org' of \(address) ("))
    #expect(text.hasSuffix(", nor an alias (CNAME) of a name in it"))
    let other = try failure { $0.zone = try Self.name("example.net") }
    #expect(other.contains("is in the zone 'example.org', and 'example.net' is to be changed"))
    resolver.end()
    zone.end()
  }

  @Test func `a resolver that does not answer is told`() throws {
    let resolver = try ScriptedNameServer(on: loop) { message, _ in
      [NameServerAnswers.answer(to: message, .serverFailed)]
    }
    let text = try failure(
      { $0.resolver = resolver.address }, values: [ChallengeValue(.dns(name: "other.test"), "one")])
    #expect(text.contains("no resolver says whether it is an alias (CNAME)"))
    #expect(text.contains("\(resolver.address): it answers SERVFAIL"))
    resolver.end()
    zone.end()
  }

  @Test func `a key file that others can read, or without the key, is refused with its path`()
    throws
  {
    let path = directory.path + "/key"
    #expect(try failure { $0.keyName = try Self.name("other") }.contains("other keys: edge"))
    #expect(try failure { $0.algorithm = .sha512 }.contains("hmac-sha256"))
    #expect(try failure { $0.keyFile += "s" }.contains("\(path)s': open: No such file"))
    // SAFETY: the path is a C string for the length of the call.
    #expect(unsafe chmod(path, 0o604) == 0)
    let text = try failure()
    #expect(text.contains("'\(path)'") && text.contains("its mode is 0604"))
    #expect(!text.contains(Self.base64))
    zone.end()
  }

  @Test func `a server that refuses is told, and nothing is taken for present`() throws {
    zone.code = .refused
    #expect(try failure().contains("allow-update"))
    let solver = UpdateSolver(try settings(), on: loop, logger: log.logger)
    try remove(values, solver)
    let lines = log.take()
    #expect(lines.count == 1 && lines.first?.metadata["error"]?.contains("REFUSED") == true)
    solver.close()
    zone.end()
  }

  @Test func `a CA is told to look when each secondary has all values`() throws {
    var later = 3
    let secondary = try ScriptedNameServer(on: loop) { message, _ in
      later -= 1
      let name = try? DNSMessage(decoding: message).questions.first?.name
      let texts = later > 0 ? [octets("one")] : [octets("two"), octets("one"), octets("three")]
      let records = texts.compactMap { text in
        name.map { DNSRecord(name: $0, seconds: 60, data: .text(text)) }
      }
      return [NameServerAnswers.answer(to: message, .noError, records)]
    }
    var settings = try settings()
    settings.secondaries = [secondary.address]
    let solver = UpdateSolver(settings, on: loop, logger: log.logger)
    #expect(try present(values, solver) == nil)
    // Twice without all of one name, then once for each of the two.
    #expect(secondary.asked.count == 4)
    #expect(secondary.asked.allSatisfy { $0.message.questions.first?.type == .text })
    solver.close()
    secondary.end()
    zone.end()
  }

  @Test func `a secondary that does not follow is told after a minute`() throws {
    let secondary = try ScriptedNameServer(on: loop) { message, _ in
      [NameServerAnswers.answer(to: message, .noSuchName)]
    }
    var settings = try settings()
    settings.secondaries = [secondary.address]
    let solver = UpdateSolver(settings, on: loop, logger: log.logger)
    let failure = try #require(try present(Array(values.prefix(2)), solver))
    #expect(
      failure.description.hasSuffix(
        "\(secondary.address) has not 2 of 2 values for '_acme-challenge.example.org' yet"))
    #expect((30...70).contains(secondary.asked.count))
    solver.close()
    secondary.end()
    zone.end()
  }

  @Test func `nothing is told after the end`() throws {
    let answer = Answer()
    let solver = UpdateSolver(try settings(), on: loop, logger: log.logger)
    solver.present(values) { _ in answer.isTold = true }
    solver.remove(values) { answer.isTold = true }
    solver.close()
    let other = UpdateSolver(try settings(), on: loop, logger: log.logger)
    #expect(try present(values, other) == nil)
    #expect(!answer.isTold)
    other.close()
    zone.end()
  }
}
