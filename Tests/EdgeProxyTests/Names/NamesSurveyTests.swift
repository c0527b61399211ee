import DNS
import DNSCore
import EventLoop
import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("A look at names from outside")
struct NamesSurveyTests {
  private let loop: EventLoop
  /// The resolver, the provider's server at 192.0.2.53, and those of the fleet.
  private let resolver: ScriptedNameServer
  private let provider: ScriptedNameServer
  private let edge: ScriptedNameServer

  private final class World {
    var records: [DNSRecord] = []
    var isDelegated = true
    var edgeCode = DNSCode.noError
  }

  private let world = World()

  private static let delegation = [
    FleetFixture.nameServer("ns1.fleet.example.org"),
    FleetFixture.nameServer("ns2.fleet.example.org"),
  ]
  private static let glue = [
    FleetFixture.address("ns1.fleet.example.org", "192.0.2.1"),
    FleetFixture.address("ns2.fleet.example.org", "192.0.2.2"),
    FleetFixture.address("ns2.fleet.example.org", "2001:db8::2"),
  ]

  init() throws {
    loop = try EventLoop()
    let world = world
    resolver = try ScriptedNameServer(on: loop) { message, _ in
      [Self.resolve(message)]
    }
    provider = try ScriptedNameServer(on: loop) { message, _ in
      [Self.provide(message, world)]
    }
    edge = try ScriptedNameServer(on: loop) { message, _ in
      [NameServerAnswers.answer(to: message, world.edgeCode, Self.delegation)]
    }
  }

  private func end() { for server in [resolver, provider, edge] { server.end() } }

  private static func asked(_ message: [UInt8]) -> DNSQuestion {
    (try? DNSMessage(decoding: message))?.questions.first
      ?? DNSQuestion(name: .root, type: .any)
  }

  private static func resolve(_ message: [UInt8]) -> [UInt8] {
    let records: [DNSRecord] =
      switch ("\(asked(message).name)", asked(message).type) {
      case ("example.org", .nameServer):
        [FleetFixture.nameServer("ns.provider.test", of: "example.org")]
      case ("ns.provider.test", .ipv4): [FleetFixture.address("ns.provider.test", "192.0.2.53")]
      case ("all.fleet.example.org", .ipv4):
        [FleetFixture.address("all.fleet.example.org", "192.0.2.2")]
      default: []
      }
    return NameServerAnswers.answer(to: message, .noError, records)
  }

  private static func provide(_ message: [UInt8], _ world: World) -> [UInt8] {
    let name = asked(message).name
    guard name.isWithin(FleetFixture.zone), world.isDelegated else {
      let found = world.records.filter { $0.name == name }
      let wild = world.records.filter { $0.name == FleetFixture.name("*.example.org") }.map {
        DNSRecord(name: name, seconds: 60, data: $0.data)
      }
      return NameServerAnswers.answer(to: message, .noError, found.isEmpty ? wild : found)
    }
    guard var answer = try? DNSMessage(decoding: message) else { return [] }
    answer.isAnswer = true
    answer.authorities = delegation
    answer.additionals = glue
    return (try? answer.encoded()) ?? []
  }

  private var survey: NamesSurvey {
    let (provider, edge) = (provider.address, edge.address)
    return NamesSurvey(
      NamesSurvey.Wire(resolvers: [resolver.address]) {
        $0 == FleetFixture.address("192.0.2.53") ? provider : edge
      }, on: loop)
  }

  private func check(
    _ names: [String], ordered: [String] = []
  ) throws -> (records: ProviderRecords, findings: [NamesFinding]) {
    let survey = survey
    let setup = NamesSetup(fleet: FleetFixture.fleet, names: names, ordered: ordered)
    let records = setup.records(zones: try setup.zones(survey))
    return (records, try survey.check(records))
  }

  @Test func `everything is right where it was entered`() throws {
    world.records = [
      FleetFixture.alias("*.example.org", "all.fleet.example.org"),
      FleetFixture.alias(
        "_acme-challenge.example.org", "_acme-challenge.example.org.fleet.example.org"),
      FleetFixture.address("example.org", "192.0.2.1"),
    ]
    let (records, findings) = try check(
      ["*.example.org", "example.org"], ordered: ["*.example.org"])
    #expect(records.zones == [FleetFixture.name("example.org")])
    #expect(
      findings.map { NamesText.line($0) } == [
        "ok     'fleet.example.org' is delegated to ns1, ns2, with their addresses (all servers of"
          + " 'example.org': ns.provider.test at 127.0.0.1)",
        "ok     192.0.2.1 (ns1, edge-1) answers for 'fleet.example.org' on port 53, over UDP and TCP",
        "ok     192.0.2.2 (ns2, edge-2) answers for 'fleet.example.org' on port 53, over UDP and TCP",
        "ok     2001:db8::2 (ns2, edge-2) answers for 'fleet.example.org' on port 53, over UDP and"
          + " TCP",
        "ok     '*.example.org' leads to 'all.fleet.example.org'",
        "ok     '_acme-challenge.example.org' leads to"
          + " '_acme-challenge.example.org.fleet.example.org'",
        "ok     'example.org' has 1 of the 3 addresses",
        "ok     a resolver gets addresses for 'all.fleet.example.org': 192.0.2.2",
      ])
    // The servers of zones are asked for what they have themselves, over both carriers.
    #expect(provider.asked.allSatisfy { !$0.message.wantsRecursion })
    #expect(Set(edge.asked.map(\.carrier)) == [.udp, .tcp] && edge.asked.count == 6)
    end()
  }

  @Test func `before anything was entered, resolvers are not asked for it`() throws {
    world.isDelegated = false
    world.edgeCode = .refused
    let (_, findings) = try check(["*.example.org", "shop.example.org"])
    #expect(findings.map(\.verdict) == Array(repeating: .wrong, count: 6))
    #expect(findings[0].text.hasPrefix("'fleet.example.org' is not delegated in 'example.org'"))
    // They keep for minutes that it is not there.
    let asked = Set(resolver.asked.flatMap(\.message.questions).map { "\($0.name)" })
    #expect(asked == ["example.org", "ns.provider.test"])
    end()
  }

  @Test func `a resolver that is away is said, and every check that needs none is made`() throws {
    resolver.script = { message, _ in [NameServerAnswers.answer(to: message, .serverFailed)] }
    let (records, findings) = try check(["*.example.org"])
    // Its zone is guessed then.
    #expect(records.zones == [FleetFixture.name("example.org")])
    #expect(findings.map(\.verdict) == [.wrong, .ok, .ok, .ok, .unknown])
    #expect(findings[0].text.contains("it answers SERVFAIL; another resolver is asked with"))
    #expect(findings[4].text.contains("no server of the zone is known"))
    end()
  }

  @Test func `every server is asked and each answer is shown`() throws {
    let question = DNSQuestion(name: FleetFixture.zone, type: .nameServer)
    let silent = try FreePort.take()
    let places = [
      NamesRound.Place(name: "ns1, edge-1", address: edge.address),
      NamesRound.Place(name: "", address: silent),
    ]
    let outcomes = try NamesRound(question, over: .tcp).ask(places, on: loop)
    let texts = outcomes.map { NamesRound.text($0.0, $0.1) }
    let lines = texts[0].split(separator: "\n")
    #expect(lines[0].hasPrefix("\(edge.address) (ns1, edge-1): NOERROR, authoritative, "))
    #expect(lines[0].hasSuffix(" ms"))
    #expect(
      lines.dropFirst() == [
        "  fleet.example.org. 60 IN NS ns1.fleet.example.org.",
        "  fleet.example.org. 60 IN NS ns2.fleet.example.org.",
      ])
    #expect(texts[1] == "\(silent): connect: Connection refused\n")
    end()
  }
}
