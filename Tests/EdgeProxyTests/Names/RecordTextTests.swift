import DNSCore
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Records as zone files have them")
struct RecordTextTests {
  @Test func `each type has its form, and nothing moves a cursor`() {
    let records = [
      FleetFixture.address("a.test", "192.0.2.1"), FleetFixture.address("a.test", "2001:db8::1"),
      FleetFixture.alias("a.test", "b.test"),
      FleetFixture.record("a.test", .text([octets("a \"b\"\u{1b}"), []])),
      FleetFixture.record("a.test", .other(DNSType(rawValue: 15), [0, 10, 255])),
      FleetFixture.record("a.test", .other(DNSType(rawValue: 99), [])),
      NameServerAnswers.authority(of: FleetFixture.name("a.test")),
    ]
    #expect(
      records.map(RecordText.line) == [
        "a.test. 60 IN A 192.0.2.1", "a.test. 60 IN AAAA 2001:db8::1",
        "a.test. 60 IN CNAME b.test.",
        ##"a.test. 60 IN TXT "a \"b\"\027" """##, ##"a.test. 60 IN TYPE15 \# 3 000aff"##,
        ##"a.test. 60 IN TYPE99 \# 0"##, "a.test. 60 IN SOA a.test. a.test. 1 60 60 60 60",
      ])
  }

  @Test func `an answer without records shows the zone that it is of`() {
    let authority = NameServerAnswers.authority(of: FleetFixture.name("a.test"))
    var answer = FleetFixture.message(.noSuchName, authorities: [authority])
    answer.isTruncated = true
    #expect(
      RecordText.lines(answer) == [
        "NXDOMAIN, authoritative, cut short",
        "authority: a.test. 60 IN SOA a.test. a.test. 1 60 60 60 60",
      ])
  }

  @Test func `types are read in any case, and by number`() {
    #expect(RecordText.type("aaaa") == .ipv6 && RecordText.type("Txt") == .text)
    #expect(RecordText.type("type257") == DNSType(rawValue: 257))
    for wrong in ["", "TYPE", "TYPE65536", "B", "OPT"] { #expect(RecordText.type(wrong) == nil) }
  }

  @Test(arguments: [
    ("all", "all.fleet.example.org"), ("@", "fleet.example.org"), ("org.", "org"),
    ("_acme-challenge.example.org", "_acme-challenge.example.org"),
  ])
  func `a name of one label is of the fleet`(_ text: String, _ name: String) {
    #expect(
      DNSQueryCommand.whole(text, in: FleetFixture.zone) == FleetFixture.name(name))
  }
}
