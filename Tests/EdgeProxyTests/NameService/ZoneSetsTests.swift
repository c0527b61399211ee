import DNSCore
import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Sets of records and their size")
struct ZoneSetsTests {
  private let all = "all.fleet.example.org"

  /// A fleet of so many servers that all live.
  private func fleet(_ count: Int) throws -> ZoneFixture {
    var fixture = try ZoneFixture()
    fixture.content.servers = (1...count).map { number in
      ZoneContent.NameServer(
        number: number,
        addresses: [
          IPAddress(ipv4: 0x0a00_0000 + UInt32(number)),
          IPAddress(high: 0x2001_0db8 << 32, low: UInt64(number)),
        ])
    }
    fixture.content.living = fixture.content.servers.flatMap(\.addresses)
    return fixture
  }

  /// How often each address is the first one, and is in an answer at all, over some turns.
  private func places(
    _ fixture: ZoneFixture, turns: [Int]
  ) throws -> (first: [DNSRecord.Data: Int], any: [DNSRecord.Data: Int]) {
    let answers = ZoneAnswers(fixture.content)
    let query = try ZoneFixture.query(all, .ipv4)
    var (first, any): ([DNSRecord.Data: Int], [DNSRecord.Data: Int]) = ([:], [:])
    var out: [UInt8] = []
    for turn in turns {
      _ = answers.answer(query.span, over: .udp, turn: turn, into: &out)
      let answer = try DNSMessage(decoding: out)
      if let data = answer.answers.first?.data { first[data, default: 0] += 1 }
      for record in answer.answers { any[record.data, default: 0] += 1 }
    }
    return (first, any)
  }

  @Test(arguments: [1, 2, 3, 16, 17, 300], [1, 2])
  func `each address is first about as often, also where every second question is another`(
    count: Int, step: Int
  ) throws {
    let rounds = 20
    let turns = (0..<(count * rounds)).map { $0 * step }
    let places = try places(fleet(count), turns: turns)
    #expect(places.first.count == count && places.any.count == count)
    #expect(places.first.values.allSatisfy { (rounds / 2...rounds * 2).contains($0) })
    let each = rounds * min(count, 16)
    #expect(places.any.values.allSatisfy { (each / 2...each * 2).contains($0) })
  }

  @Test func `one answer has 16 addresses of a family at most, all different`() throws {
    let fixture = try fleet(300)
    for (type, turn) in [(DNSType.ipv4, 0), (.ipv6, 7), (.ipv4, .max), (.ipv6, .min), (.ipv4, -1)] {
      let answer = try fixture.answer(all, type, turn: turn)
      #expect(answer.answers.count == 16 && Set(answer.answers).count == 16)
      #expect(try fixture.answer(all, type, over: .tcp, turn: turn).answers.count == 16)
    }
  }

  @Test func `without living addresses of a family there is none, and the name is there`() throws {
    var fixture = try ZoneFixture()
    fixture.content.living = [IPAddress(ipv4: 1)]
    #expect(ZoneFixture.said(try fixture.answer(all, .ipv6)) == ["NOERROR aa", "5 SOA"])
    fixture.content.living = []
    fixture.content.servers = []
    #expect(ZoneFixture.said(try fixture.answer(all, .ipv4)) == ["NOERROR aa", "5 SOA"])
    let apex = try fixture.answer("fleet.example.org", .nameServer)
    #expect(ZoneFixture.said(apex) == ["NOERROR aa", "5 SOA"])
  }

  @Test func `the same record twice is one, RFC 2181 §5`() throws {
    var fixture = try ZoneFixture()
    let twice = [IPAddress(ipv4: 1), IPAddress(ipv4: 1)]
    fixture.content.living = twice
    fixture.content.servers = (0..<2).map { _ in .init(number: 1, addresses: twice) }
    fixture.content.texts = [try #require(DNSName("a.b")): [octets("x"), octets("x")]]
    #expect(ZoneFixture.said(try fixture.answer(all, .ipv4)).count == 2)
    #expect(ZoneFixture.said(try fixture.answer("ns1.fleet.example.org", .ipv4)).count == 2)
    #expect(ZoneFixture.said(try fixture.answer("fleet.example.org", .nameServer)).count == 2)
    let text = try fixture.answer("_acme-challenge.a.b.fleet.example.org", .text)
    #expect(ZoneFixture.said(text) == ["NOERROR aa", "1 TXT x"])
  }

  @Test func `texts that are too large for a datagram come whole over TCP`() throws {
    var fixture = try ZoneFixture()
    let values = (0..<16).map { octets("\($0 + 10)" + String(repeating: "x", count: 80)) }
    fixture.content.texts = [try #require(DNSName("a.b")): values]
    let name = "_acme-challenge.a.b.fleet.example.org"
    for size in [nil, 0, 512, 4096] as [UInt16?] {
      let answer = try fixture.answer(name, .text, size: size)
      #expect(answer.isTruncated && answer.isAuthoritative && answer.answers.isEmpty)
      #expect(answer.additionals.count == (size == nil ? 0 : 1))
    }
    let whole = try fixture.answer(name, .text, size: nil, over: .tcp)
    #expect(!whole.isTruncated && whole.answers.compactMap(\.text) == values)
  }

  @Test func `sixteen values of a CA go into one datagram with EDNS`() throws {
    var fixture = try ZoneFixture()
    let values = (0..<16).map { octets("\($0 + 10)" + String(repeating: "x", count: 41)) }
    fixture.content.texts = [try #require(DNSName("example.org")): values]
    let name = "_acme-challenge.example.org.fleet.example.org"
    #expect(try fixture.answer(name, .text).answers.compactMap(\.text) == values)
    #expect(try fixture.answer(name, .text, size: nil).isTruncated)
  }

  @Test func `the name servers of a large fleet come whole over TCP`() throws {
    let fixture = try fleet(300)
    #expect(try fixture.answer("fleet.example.org", .nameServer).isTruncated)
    let whole = try fixture.answer("fleet.example.org", .nameServer, over: .tcp)
    #expect(Set(whole.answers).count == 300 && !whole.isTruncated)
    let last = try fixture.answer("ns300.fleet.example.org", .ipv4)
    #expect(ZoneFixture.said(last) == ["NOERROR aa", "3600 A 10.0.1.44"])
  }

  @Test(arguments: [0, 1, 255, 256, 600])
  func `a text of any length comes back whole`(count: Int) throws {
    var fixture = try ZoneFixture()
    let value = [UInt8](repeating: 0x78, count: count)
    fixture.content.texts = [try #require(DNSName("a.b")): [value]]
    let name = "_acme-challenge.a.b.fleet.example.org"
    #expect(try fixture.answer(name, .text).answers.map(\.text) == [value])
  }

  @Test func `the name of a certificate may be as long as the whole has room for it`() throws {
    var fixture = try ZoneFixture()
    let label = String(repeating: "x", count: 63)
    // Beside 16 bytes of `_acme-challenge` and 19 of the zone.
    let rest = String(repeating: "x", count: 255 - 16 - 19 - 3 * 64 - 1)
    let longest = try #require(DNSName("\(label).\(label).\(label).\(rest)"))
    let longer = try #require(DNSName("\(label).\(label).\(label).\(rest)x"))
    fixture.content.texts = [longest: [octets("a")], longer: [octets("b")]]
    let place = try #require(ZoneAnswers.challenge(of: longest, in: fixture.content.zone))
    #expect(place.wire.count == 255)
    #expect(ZoneFixture.said(try fixture.answer("\(place)", .text)) == ["NOERROR aa", "1 TXT a"])
    #expect(ZoneAnswers.challenge(of: longer, in: fixture.content.zone) == nil)
  }

  @Test(arguments: [(10, 10), (.max, 0x7fff_ffff), (0, 0)] as [(UInt32, UInt32)])
  func `an address may be kept for as long as is configured, RFC 2181 §8`(
    seconds: UInt32, kept: UInt32
  ) throws {
    var fixture = try ZoneFixture()
    fixture.content.seconds = seconds
    #expect(try fixture.answer(all, .ipv4).answers.allSatisfy { $0.seconds == kept })
  }

  @Test func `each of thousands of names is found`() throws {
    var fixture = try ZoneFixture()
    fixture.content.texts = [:]
    for number in 0..<3000 {
      fixture.content.texts[try #require(DNSName("h\(number).example.org"))] = [octets("\(number)")]
    }
    let answers = ZoneAnswers(fixture.content)
    var out: [UInt8] = []
    for number in 0..<3000 {
      let query = try ZoneFixture.query(
        "_acme-challenge.H\(number).example.org.fleet.example.org", .text)
      _ = answers.answer(query.span, over: .udp, turn: 0, into: &out)
      #expect(try DNSMessage(decoding: out).answers.map(\.text) == [octets("\(number)")])
    }
  }
}
