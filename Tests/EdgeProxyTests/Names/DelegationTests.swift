import DNSCore
import Testing

@testable import EdgeProxy

@Suite("The delegation of the fleet's zone")
struct DelegationTests {
  private static let all = [
    FleetFixture.nameServer("ns1.fleet.example.org"),
    FleetFixture.nameServer("NS2.Fleet.example.org"),
  ]
  private static let glue = [
    FleetFixture.address("ns1.fleet.example.org", "192.0.2.1"),
    FleetFixture.address("ns2.fleet.example.org", "192.0.2.2"),
    FleetFixture.address("ns2.fleet.example.org", "2001:db8::2"),
  ]

  private func mistakes(_ servers: [DNSRecord], _ glue: [DNSRecord]) throws -> [String] {
    let referral = FleetFixture.message(
      isAuthoritative: false, authorities: servers, additionals: glue)
    guard case .delegated(let found) = Delegation.read(referral, of: FleetFixture.zone) else {
      Issue.record("no delegation")
      return []
    }
    return found.mistakes(FleetFixture.fleet)
  }

  @Test func `a referral with every server and its addresses is right`() throws {
    #expect(try mistakes(Self.all, Self.glue) == [])
  }

  @Test func `an answer of a server that has both zones is a delegation too`() {
    let answer = FleetFixture.message(answers: Self.all)
    #expect(
      Delegation.read(answer, of: FleetFixture.zone)
        == .delegated(
          Delegation(
            servers: [
              FleetFixture.name("ns1.fleet.example.org"),
              FleetFixture.name("ns2.fleet.example.org"),
            ], glue: [:])))
  }

  @Test func `each thing that is missing or too much is said with what to do`() throws {
    #expect(
      try mistakes([Self.all[0], FleetFixture.nameServer("ns9.fleet.example.org")], Self.glue) == [
        "enter the NS record 'fleet.example.org' to 'ns2.fleet.example.org', which is missing",
        "remove the NS record to 'ns9.fleet.example.org', which is no server of the fleet as it is known"
          + " here",
      ])
    #expect(
      try mistakes(Self.all, []) == [
        "enter the glue of 'ns1.fleet.example.org', which is missing: 192.0.2.1",
        "enter the glue of 'ns2.fleet.example.org', which is missing: 192.0.2.2, 2001:db8::2",
      ])
    let other = FleetFixture.address("ns2.fleet.example.org", "192.0.2.9")
    #expect(
      try mistakes(Self.all, [Self.glue[0], Self.glue[1], other]) == [
        "enter the glue 'ns2.fleet.example.org' AAAA 2001:db8::2, which is missing",
        "remove the glue 'ns2.fleet.example.org' 192.0.2.9, which is no address of that server",
      ])
  }

  @Test(arguments: [DNSCode.noError, .noSuchName])
  func `a server that has the zone above and no delegation says so`(_ code: DNSCode) {
    let authority = FleetFixture.record(
      "example.org",
      .authority(
        DNSAuthority(
          primary: FleetFixture.zone, mailbox: FleetFixture.zone, serial: 1, refresh: 1, retry: 1,
          expire: 1, minimum: 1)))
    let answer = FleetFixture.message(code, authorities: [authority])
    #expect(Delegation.read(answer, of: FleetFixture.zone) == .missing)
  }

  @Test func `an alias in place of a delegation is no delegation`() {
    func read(_ target: String) -> Delegation.Reading {
      Delegation.read(
        FleetFixture.message(answers: [FleetFixture.alias("fleet.example.org", target)]),
        of: FleetFixture.zone)
    }
    #expect(
      read("elsewhere.test")
        == .other(
          "it has a CNAME to 'elsewhere.test', of its own or of a wildcard: enter the NS records and the"
            + " glue instead"))
    // The wildcard of clients was entered first.
    #expect(read("all.fleet.example.org") == .missing)
  }

  @Test func `a server without the zone above says nothing about the delegation`() {
    #expect(
      Delegation.read(FleetFixture.message(.refused), of: FleetFixture.zone)
        == .stranger("it answers REFUSED"))
    let upwards = FleetFixture.message(
      isAuthoritative: false, authorities: [FleetFixture.nameServer("a.root.test", of: ".")])
    #expect(
      Delegation.read(upwards, of: FleetFixture.zone)
        == .stranger("it does not have the zone above 'fleet.example.org'"))
  }
}
