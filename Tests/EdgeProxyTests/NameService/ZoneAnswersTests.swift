import DNSCore
import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Answers of the fleet's zone")
struct ZoneAnswersTests {
  @Test(arguments: [
    ("all.fleet.example.org", DNSType.ipv4, ["10 A 203.0.113.1", "10 A 203.0.113.2"]),
    ("all.fleet.example.org", .ipv6, ["10 AAAA 2001:db8::1"]),
    ("ns1.fleet.example.org", .ipv4, ["3600 A 203.0.113.1"]),
    ("NS1.Fleet.Example.ORG", .ipv6, ["3600 AAAA 2001:db8::1"]),
    ("ns3.fleet.example.org", .ipv4, ["3600 A 203.0.113.2"]),
    (
      "fleet.example.org", .nameServer,
      ["3600 NS ns1.fleet.example.org", "3600 NS ns3.fleet.example.org"]
    ),
    (
      "fleet.example.org", .authority,
      ["5 SOA ns1.fleet.example.org hostmaster.fleet.example.org 7 5"]
    ),
    ("_acme-challenge.example.org.fleet.example.org", .text, ["1 TXT one", "1 TXT two"]),
    ("_ACME-challenge.deep.under.Example.net.fleet.example.org", .text, ["1 TXT three"]),
    // Below the zone there is no provider where one could lead elsewhere.
    ("_acme-challenge.all.fleet.example.org", .text, ["1 TXT four"]),
    ("_acme-challenge.all.fleet.example.org.fleet.example.org", .text, ["1 TXT four"]),
    ("all.fleet.example.org", .any, ["3600 HINFO \u{7}RFC8482\u{0}"]),
    ("fleet.example.org", .any, ["3600 HINFO \u{7}RFC8482\u{0}"]),
  ])
  func `a name has its records`(name: String, type: DNSType, records: [String]) throws {
    let answer = try ZoneFixture().answer(name, type)
    #expect(ZoneFixture.said(answer) == ["NOERROR aa"] + records)
    #expect(answer.id == 0x1234 && answer.additionals.map(\.type) == [.options])
  }

  @Test(arguments: [
    ("fleet.example.org", DNSType.ipv4, "NOERROR"), ("all.fleet.example.org", .text, "NOERROR"),
    ("ns3.fleet.example.org", .ipv6, "NOERROR"), ("ns1.fleet.example.org", .authority, "NOERROR"),
    ("fleet.example.org", DNSType(rawValue: 43), "NOERROR"),
    // Names above others are there, RFC 8020.
    ("example.org.fleet.example.org", .ipv4, "NOERROR"),
    ("org.fleet.example.org", .text, "NOERROR"),
    ("under.example.net.fleet.example.org", .any, "NOERROR"),
    ("_acme-challenge.later.example.com.fleet.example.org", .text, "NOERROR"),
    ("com.fleet.example.org", .nameServer, "NOERROR"),
    ("ns2.fleet.example.org", .ipv4, "NXDOMAIN"), ("a.all.fleet.example.org", .ipv4, "NXDOMAIN"),
    ("*.all.fleet.example.org", .any, "NXDOMAIN"), ("al.fleet.example.org", .ipv4, "NXDOMAIN"),
    ("_acme-challenge.fleet.example.org", .text, "NXDOMAIN"),
    ("a._acme-challenge.example.org.fleet.example.org", .text, "NXDOMAIN"),
    ("all\\.fleet.fleet.example.org", .ipv4, "NXDOMAIN"),
  ])
  func `where there is nothing, the zone says so for five seconds`(
    name: String, type: DNSType, code: String
  ) throws {
    let answer = try ZoneFixture().answer(name, type)
    #expect(ZoneFixture.said(answer) == ["\(code) aa", "5 SOA"])
    #expect(answer.authorities.map { "\($0.name)" } == [zone])
  }

  private let zone = "fleet.example.org"

  @Test(arguments: [
    "example.org", "org", ".", "fleet.example.com", "evilfleet.example.org",
    // The bytes of the zone's name, but within a label.
    "evil\\005fleet.example.org", "fleet.example.org.evil", "fleet.example.orgs",
    "leet.example.org", "fleet\\007example.org",
  ])
  func `what is outside the zone is refused`(name: String) throws {
    for type in [DNSType.ipv4, .any, .authority, .nameServer, .text] {
      let answer = try ZoneFixture().answer(name, type)
      #expect(ZoneFixture.said(answer) == ["REFUSED"] && answer.questions.count == 1)
    }
  }

  @Test(arguments: [0, 3, 4, 254, 255] as [UInt16])
  func `other classes than that of the internet are refused`(number: UInt16) throws {
    let answer = try ZoneFixture().answer(
      "all.fleet.example.org", .ipv4, DNSClass(rawValue: number))
    #expect(ZoneFixture.said(answer) == ["REFUSED"])
  }

  @Test(
    arguments: [
      (41, "FORMERR"), (128, "FORMERR"), (250, "FORMERR"), (249, "NOTIMP"), (253, "NOTIMP"),
      (254, "NOTIMP"), (251, "REFUSED"), (252, "REFUSED"),
    ] as [(UInt16, String)])
  func `types that no record has are not answered`(type: UInt16, code: String) throws {
    for name in ["fleet.example.org", "all.fleet.example.org", "example.org"] {
      let answer = try ZoneFixture().answer(name, DNSType(rawValue: type), over: .tcp)
      #expect(ZoneFixture.said(answer) == [code])
    }
  }

  @Test func `the letters of the question come back as they came`() throws {
    let query = try ZoneFixture.query("aLL.fLeEt.eXAMPLe.OrG", .ipv4, size: nil)
    var out: [UInt8] = []
    let answers = ZoneAnswers(try ZoneFixture().content)
    #expect(answers.answer(query.span, over: .udp, turn: 0, into: &out) == sent(.addresses))
    #expect(out[12..<query.count] == query[12...])
    let names = try DNSMessage(decoding: out).answers.map { "\($0.name)" }
    #expect(names == ["aLL.fLeEt.eXAMPLe.OrG", "aLL.fLeEt.eXAMPLe.OrG"])
  }

  private func sent(_ kind: ZoneReply.Kind) -> ZoneReply { .sent(.noError, kind) }

  @Test func `of the flags only the wish for recursion comes back, which is not had`() throws {
    var query = try ZoneFixture.query("all.fleet.example.org", .ipv4)
    var out: [UInt8] = []
    let answers = ZoneAnswers(try ZoneFixture().content)
    (query[2], query[3]) = (0x07, 0xff)
    _ = answers.answer(query.span, over: .udp, turn: 0, into: &out)
    #expect(out[2] == 0x85 && out[3] == 0)
    query[2] = 0
    _ = answers.answer(query.span, over: .udp, turn: 0, into: &out)
    #expect(out[2] == 0x84 && out[3] == 0)
  }

  @Test func `EDNS is answered where it is asked with, and DO is repeated`() throws {
    let fixture = try ZoneFixture()
    let plain = try fixture.answer("all.fleet.example.org", .ipv4, size: nil)
    #expect(plain.additionals == [])
    var query = try ZoneFixture.query("all.fleet.example.org", .ipv4)
    query[query.count - 4] = 0xff
    query[query.count - 3] = 0xff
    var out: [UInt8] = []
    _ = ZoneAnswers(fixture.content).answer(query.span, over: .udp, turn: 0, into: &out)
    // 1232 bytes, no code, version 0, DO alone of the flags, no options.
    #expect(out.suffix(11) == [0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0])
  }

  @Test func `an answer and a stump get nothing`() throws {
    let answers = ZoneAnswers(try ZoneFixture().content)
    var query = try ZoneFixture.query("all.fleet.example.org", .ipv4)
    let stump = Array(query[..<11])
    var out: [UInt8] = [1]
    #expect(answers.answer(stump.span, over: .udp, turn: 0, into: &out) == .none)
    #expect(out.isEmpty)
    query[2] |= 0x80
    for carrier in [DNSCarrier.udp, .tcp] {
      out = [1]
      #expect(answers.answer(query.span, over: carrier, turn: 0, into: &out) == .none)
      #expect(answers.lead(query.span, into: &out) == .none && out.isEmpty)
    }
  }

  @Test func `the longest name is not there, and one more label would be malformed`() throws {
    let label = String(repeating: "x", count: 63)
    let rest = String(repeating: "x", count: 255 - 3 * 64 - 1 - 19)
    let answer = try ZoneFixture().answer("\(label).\(label).\(label).\(rest).\(zone)", .ipv4)
    #expect(answer.questions.first?.name.wire.count == 255)
    #expect(ZoneFixture.said(answer) == ["NXDOMAIN aa", "5 SOA"])
  }

  @Test func `an answer beyond a limit leads to TCP and has no records`() throws {
    let answers = ZoneAnswers(try ZoneFixture().content)
    for name in ["all.fleet.example.org", "fleet.example.org", "a.fleet.example.org", "a.b"] {
      for size in [nil, 1232] as [UInt16?] {
        let query = try ZoneFixture.query(name, .ipv4, size: size)
        var out: [UInt8] = []
        #expect(answers.lead(query.span, into: &out) == .sent(.noError, .truncated))
        let answer = try DNSMessage(decoding: out)
        #expect(answer.isTruncated && answer.answers.isEmpty && answer.authorities.isEmpty)
        #expect(out.count == query.count)
      }
    }
  }

  @Test func `a query is answered in memory that is there already`() throws {
    let answers = ZoneAnswers(try ZoneFixture().content)
    var out: [UInt8] = []
    out.reserveCapacity(1232)
    // SAFETY: addresses are compared, never followed.
    let place = unsafe out.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) }
    for turn in 0..<20 {
      for (name, type) in [("all", DNSType.ipv4), ("ns1", .ipv6), ("x", .text), ("all", .any)] {
        let query = try ZoneFixture.query("\(name).fleet.example.org", type)
        _ = answers.answer(query.span, over: .udp, turn: turn, into: &out)
        // SAFETY: as above.
        let now = unsafe out.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) }
        #expect(now == place)
      }
    }
  }
}
