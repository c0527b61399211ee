import DNSCore
import Testing

@testable import EdgeProxy

@Suite("What is entered at the provider")
struct ProviderRecordsTests {
  private func lines(_ records: ProviderRecords) -> [String] {
    records.records.map {
      "\($0.zone): \($0.name.relative(to: $0.zone)) \($0.type) \($0.value.text) \($0.purpose)"
    }
  }

  private static let delegation = [
    "example.org: fleet NS ns1.fleet.example.org. delegation",
    "example.org: fleet NS ns2.fleet.example.org. delegation",
    "example.org: ns1.fleet A 192.0.2.1 glue", "example.org: ns2.fleet A 192.0.2.2 glue",
    "example.org: ns2.fleet AAAA 2001:db8::2 glue",
  ]

  @Test func `the zone is delegated, and names lead to all of its servers`() {
    let records = ProviderRecords(
      FleetFixture.fleet, names: ["*.example.org", "www.example.org", "*.example.org"],
      ordered: ["*.example.org", "example.org", "shop.example.org"])
    #expect(
      lines(records)
        == Self.delegation + [
          "example.org: * CNAME all.fleet.example.org. clients",
          "example.org: www CNAME all.fleet.example.org. clients",
          "example.org: _acme-challenge CNAME _acme-challenge.example.org.fleet.example.org."
            + " certificates",
          "example.org: _acme-challenge.shop CNAME _acme-challenge.shop.example.org.fleet.example.org."
            + " certificates",
        ])
    #expect(records.remarks == [])
    #expect(records.zones == [FleetFixture.name("example.org")])
  }

  @Test func `an apex has addresses, and somebody is told what that means`() {
    let records = ProviderRecords(FleetFixture.fleet, names: ["Example.org"], ordered: [])
    #expect(
      lines(records)
        == Self.delegation + [
          "example.org: @ A 192.0.2.1 apex", "example.org: @ A 192.0.2.2 apex",
          "example.org: @ AAAA 2001:db8::2 apex",
        ])
    #expect(records.remarks.count == 1)
    #expect(records.remarks[0].contains("cannot have a CNAME"))
    #expect(records.remarks[0].contains("ALIAS"))
    #expect(records.apexes == [FleetFixture.name("example.org")])
  }

  @Test func `names of other zones are entered there`() {
    let names = ["*.shop.test", "www.a.b.test", "shop.example.org"]
    let guessed = ProviderRecords(FleetFixture.fleet, names: names, ordered: [])
    #expect(
      lines(guessed).dropFirst(5) == [
        "shop.test: * CNAME all.fleet.example.org. clients",
        "b.test: www.a CNAME all.fleet.example.org. clients",
        "example.org: shop CNAME all.fleet.example.org. clients",
      ])
    // A zone that was found out counts more than a guess, for the fleet's own, too.
    let zones = ["www.a.b.test": "a.b.test", "shop.example.org": "shop.example.org"]
    let found = ProviderRecords(
      FleetFixture.fleet, names: names, ordered: [],
      zones: Dictionary(
        uniqueKeysWithValues: zones.map { (FleetFixture.name($0), FleetFixture.name($1)) }))
    #expect(
      lines(found).dropFirst(5) == [
        "shop.test: * CNAME all.fleet.example.org. clients",
        "a.b.test: www CNAME all.fleet.example.org. clients",
        "shop.example.org: @ A 192.0.2.1 apex", "shop.example.org: @ A 192.0.2.2 apex",
        "shop.example.org: @ AAAA 2001:db8::2 apex",
      ])
  }

  @Test func `a zone may be entered further up than right above`() {
    let zone = FleetFixture.name("dns.edge.example.org")
    let fleet = FleetServers(zone: zone, servers: FleetFixture.fleet.servers, source: .etcd)
    let records = ProviderRecords(
      fleet, names: [], ordered: [],
      zones: [FleetFixture.name("edge.example.org"): FleetFixture.name("example.org")])
    #expect(lines(records).first == "example.org: dns.edge NS ns1.dns.edge.example.org. delegation")
  }

  @Test func `what cannot be entered is said`() {
    let long = (0..<4).map { _ in String(repeating: "x", count: 55) }.joined(separator: ".")
    let records = ProviderRecords(
      FleetFixture.fleet, names: ["www.fleet.example.org", "all.fleet.example.org"],
      ordered: ["*.fleet.example.org", long])
    #expect(lines(records) == Self.delegation)
    #expect(records.remarks.count == 3)
    #expect(records.remarks[0].hasPrefix("'www.fleet.example.org' lies in the zone of the fleet"))
    #expect(records.remarks[1].contains("'*.fleet.example.org', which lies in the zone"))
    #expect(records.remarks[2].contains("too long"))
  }

  @Test func `people get words for a form and lines for a zone file`() {
    let text = NamesText.setup(
      ProviderRecords(
        FleetFixture.fleet, names: ["*.example.org"], ordered: ["*.example.org"]))
    #expect(
      text == """
        'fleet.example.org' is answered by 2 servers, as the running server says:
          ns1  edge-1  192.0.2.1
          ns2  edge-2  192.0.2.2  2001:db8::2

        Enter in the zone 'example.org' at its provider:

          name             type   value                                           for
          fleet            NS     ns1.fleet.example.org.                          the fleet's zone
          fleet            NS     ns2.fleet.example.org.                          the fleet's zone
          ns1.fleet        A      192.0.2.1                                       glue
          ns2.fleet        A      192.0.2.2                                       glue
          ns2.fleet        AAAA   2001:db8::2                                     glue
          *                CNAME  all.fleet.example.org.                          clients
          _acme-challenge  CNAME  _acme-challenge.example.org.fleet.example.org.  certificates by dns-01

        The same as lines of a zone file:

          fleet.example.org.            3600  IN  NS     ns1.fleet.example.org.
          fleet.example.org.            3600  IN  NS     ns2.fleet.example.org.
          ns1.fleet.example.org.        3600  IN  A      192.0.2.1
          ns2.fleet.example.org.        3600  IN  A      192.0.2.2
          ns2.fleet.example.org.        3600  IN  AAAA   2001:db8::2
          *.example.org.                3600  IN  CNAME  all.fleet.example.org.
          _acme-challenge.example.org.  3600  IN  CNAME  _acme-challenge.example.org.fleet.example.org.

        """)
  }

  @Test func `a domain of its own is entered at its registrar`() {
    let fleet = FleetServers(
      zone: FleetFixture.name("fleet.test"), servers: FleetFixture.fleet.servers, source: .etcd)
    let text = NamesText.setup(ProviderRecords(fleet, names: [], ordered: []))
    #expect(text.contains("Enter at the registrar of 'fleet.test', as its name servers"))
  }

  @Test func `JSON has the records and what was found`() {
    let records = ProviderRecords(FleetFixture.fleet, names: ["*.example.org"], ordered: [])
    let json = NamesText.json(records, [.wrong("x")]).json()
    let text = String(decoding: json, as: UTF8.self)
    #expect(
      text.hasPrefix(
        #"{"zone":"fleet.example.org","source":"running","servers":[{"name":"ns1."#))
    #expect(
      text.contains(
        #"{"name":"*.example.org","zone":"example.org","relative":"*","type":"CNAME","#
          + #""value":"all.fleet.example.org.","ttl":3600,"for":"clients"}"#))
    #expect(text.hasSuffix(#""remarks":[],"checks":[{"verdict":"wrong","text":"x"}]}"# + "\n"))
    let unchecked = String(decoding: NamesText.json(records, nil).json(), as: UTF8.self)
    #expect(unchecked.hasSuffix(#""checks":null}"# + "\n"))
  }
}
