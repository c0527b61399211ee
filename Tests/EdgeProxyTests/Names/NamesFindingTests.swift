import DNS
import DNSCore
import EventLoop
import Glibc
import Testing

@testable import EdgeProxy

@Suite("What is said of the names as the world sees them")
struct NamesFindingTests {
  private static let servers = [
    FleetFixture.nameServer("ns1.fleet.example.org"),
    FleetFixture.nameServer("ns2.fleet.example.org"),
  ]

  private func port(
    _ udp: DNSProbe.Outcome, _ tcp: DNSProbe.Outcome = right, at address: String = "192.0.2.2"
  ) -> [NamesFinding] {
    NamesFinding.port(FleetFixture.address(address), udp: udp, tcp: tcp, FleetFixture.fleet)
  }

  private static func answer(_ message: DNSMessage) -> DNSProbe.Outcome {
    .success(DNSProbe.Answer(message: message, after: .milliseconds(1)))
  }

  private static let right = answer(FleetFixture.message(answers: servers))

  @Test func `a server that answers over both is one line`() {
    #expect(
      port(Self.right) == [
        .ok(
          "192.0.2.2 (ns2, edge-2) answers for 'fleet.example.org' on port 53, over UDP and TCP")
      ])
  }

  @Test func `silence over one carrier is told apart from the other`() {
    let findings = port(.failure(.timedOut))
    #expect(findings.map(\.verdict) == [.wrong, .ok])
    #expect(
      findings[0].text.hasPrefix(
        "192.0.2.2 (ns2, edge-2): no answer on port 53 over UDP: no answer in time; let UDP port 53"
      ))
    let refused = DNSProbe.Outcome.failure(
      .connection(SystemError("connect", code: ECONNREFUSED)))
    #expect(port(Self.right, refused)[1].text.contains("nothing listens on port 53 over TCP"))
  }

  @Test func `a machine without a way there says that it cannot see`() {
    let none = DNSProbe.Outcome.failure(.connection(SystemError("connect", code: ENETUNREACH)))
    let findings = port(none, none, at: "2001:db8::2")
    #expect(findings.map(\.verdict) == [.unknown])
  }

  @Test(arguments: [
    FleetFixture.message(.refused), FleetFixture.message(.noError, isAuthoritative: false),
    FleetFixture.message(.serverFailed),
  ])
  func `another name server at the address is told apart`(_ message: DNSMessage) {
    let other = Self.answer(message)
    let findings = port(other, other)
    #expect(findings.count == 1 && findings[0].verdict == .wrong)
    #expect(findings[0].text.contains("another name server answers there"))
  }

  @Test func `a server that knows another fleet is told apart`() {
    let other = Self.answer(FleetFixture.message(answers: [Self.servers[0]]))
    let findings = port(other, other)
    #expect(findings.count == 1)
    #expect(
      findings[0].text.contains(
        "it knows other servers than are known here: ns1.fleet.example.org; compare"))
  }

  // MARK: Names

  private func alias(
    _ answer: DNSMessage, _ owner: String = "www.example.org", asked: String? = nil
  ) -> NamesFinding {
    let fleet = FleetFixture.fleet
    let record = ProviderRecords.Record(
      name: FleetFixture.name(owner), zone: FleetFixture.name("example.org"), purpose: .clients,
      value: .alias(fleet.all))
    return NamesFinding.alias(
      record, to: fleet.all, asked: FleetFixture.name(asked ?? owner), .success(answer))
  }

  @Test func `a name that leads to the fleet is well, by itself or over another one`() {
    let whole = FleetFixture.message(
      .noSuchName, answers: [FleetFixture.alias("WWW.example.org", "All.fleet.example.org")])
    #expect(alias(whole) == .ok("'www.example.org' leads to 'all.fleet.example.org'"))
    let over = FleetFixture.message(answers: [
      FleetFixture.alias("web.example.org", "all.fleet.example.org"),
      FleetFixture.alias("www.example.org", "web.example.org"),
    ])
    #expect(alias(over).verdict == .ok)
    let below = FleetFixture.message(answers: [
      FleetFixture.alias("x.example.org", "all.fleet.example.org")
    ])
    #expect(
      alias(below, "*.example.org", asked: "x.example.org")
        == .ok("'*.example.org' leads to 'all.fleet.example.org'"))
  }

  @Test func `a name that leads elsewhere, has addresses or is not there is wrong`() {
    let circle = FleetFixture.message(answers: [
      FleetFixture.alias("www.example.org", "a.example.org"),
      FleetFixture.alias("a.example.org", "www.example.org"),
    ])
    #expect(alias(circle).verdict == .wrong)
    let elsewhere = FleetFixture.message(answers: [
      FleetFixture.alias("www.example.org", "cdn.test")
    ])
    #expect(
      alias(elsewhere)
        == .wrong(
          "'www.example.org' leads to 'cdn.test': enter 'www.example.org' CNAME"
            + " 'all.fleet.example.org' instead"))
    let addresses = FleetFixture.message(answers: [
      FleetFixture.address("www.example.org", "192.0.2.1")
    ])
    #expect(alias(addresses).text.contains("has records of its own"))
    for code in [DNSCode.noError, .noSuchName] {
      #expect(
        alias(FleetFixture.message(code))
          == .wrong(
            "'www.example.org' is missing: enter 'www.example.org' CNAME 'all.fleet.example.org'"))
    }
    #expect(
      alias(FleetFixture.message(isAuthoritative: false)).text.contains("a zone of its own"))
  }

  @Test func `an apex has addresses of the fleet and no other`() {
    let name = FleetFixture.name("example.org")
    func apex(_ texts: [String], _ failure: String? = nil) -> NamesFinding {
      NamesFinding.apex(
        name, Set(texts.map(FleetFixture.address)), failure: failure, FleetFixture.fleet)
    }
    #expect(apex(["192.0.2.1", "192.0.2.2"]) == .ok("'example.org' has 2 of the 3 addresses"))
    #expect(
      apex(["192.0.2.1", "198.51.100.7"])
        == .wrong(
          "'example.org' has addresses of no server of the fleet: 198.51.100.7; remove them"))
    #expect(apex([]).verdict == .wrong)
    #expect(apex([], "no answer").verdict == .unknown)
  }

  // MARK: The zone above

  @Test func `servers that say the same are in one line`() {
    let good = FleetFixture.message(
      isAuthoritative: false, authorities: Self.servers,
      additionals: [
        FleetFixture.address("ns1.fleet.example.org", "192.0.2.1"),
        FleetFixture.address("ns2.fleet.example.org", "192.0.2.2"),
        FleetFixture.address("ns2.fleet.example.org", "2001:db8::2"),
      ])
    func findings(_ outcomes: [DNSQuery.Outcome]) -> [NamesFinding] {
      NamesFinding.delegation(
        outcomes.enumerated().map {
          NamesFinding.ParentAnswer(server: "s\($0.offset)", outcome: $0.element)
        }, in: FleetFixture.name("example.org"), FleetFixture.fleet)
    }
    let away = DNSQuery.Outcome.failure(DNSQueryError(description: "no answer in time"))
    #expect(
      findings([.success(good), .success(good)]) == [
        .ok(
          "'fleet.example.org' is delegated to ns1, ns2, with their addresses (all servers of"
            + " 'example.org': s0, s1)")
      ])
    let none = FleetFixture.message(.noSuchName)
    let mixed = findings([.success(good), away, .success(none)])
    #expect(mixed.map(\.verdict) == [.ok, .wrong])
    #expect(mixed.map(\.text).allSatisfy { $0.hasSuffix("(s0)") || $0.hasSuffix("(s2)") })
    // Where nobody says anything, nothing is well.
    #expect(findings([away, away]).map(\.verdict) == [.wrong])
  }

  @Test func `a resolver has to get addresses of the fleet`() {
    func resolved(_ texts: [String]) -> NamesFinding.Verdict {
      NamesFinding.resolved(
        Set(texts.map(FleetFixture.address)), failure: nil, FleetFixture.fleet
      ).verdict
    }
    #expect(resolved(["192.0.2.1"]) == .ok)
    #expect(resolved([]) == .wrong)
    #expect(resolved(["192.0.2.1", "192.0.2.9"]) == .wrong)
  }
}
