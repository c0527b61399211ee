import Glibc
import TLS
import TestSupport
import Testing

@testable import CertStore

@Suite("Which certificate answers for which name")
struct CertificateIndexTests {
  private let index: CertificateIndex

  init() throws {
    let authority = TestAuthority()
    var items: [EntryBuilder.Item] = []
    for names in [["a.w.test"], ["*.w.test", "w.test"], ["b.test"]] {
      let certificate = try Certificate(pem: authority.issue(names).bundle)
      items.append(
        try EntryBuilder.Item(
          certificate, source: "\(items.count)", now: certificate.notBefore))
    }
    index = CertificateIndex(items, defaultName: nil, now: 0)
  }

  @Test(arguments: [
    ("a.w.test", 0), ("b.w.test", 1), ("w.test", 1), ("b.test", 2), ("x.b.w.test", nil),
    ("x.a.w.test", nil), ("x.b.test", nil), ("test", nil), (".w.test", nil), ("", nil),
    ("xw.test", nil),
  ])
  func `an exact name beats a wildcard, which covers one label`(name: String, expected: Int?) {
    let bytes = Array(name.utf8)
    let found = index.lookup(bytes.span)
    #expect(found == expected)
  }

  @Test(arguments: [
    ("a.w.test", true), ("w.test", true), ("x.a.w.test", false), (".w.test", false),
    ("b.test", false), ("xw.test", false), ("", false),
  ])
  func `an entry covers a host by the same rule`(host: String, expected: Bool) {
    let bytes = Array(host.utf8)
    let covered = index.entries[1].covers(bytes.span)
    #expect(covered == expected)
  }
}

@Suite("Of several certificates for a name the best answers")
struct EntryBuilderTests {
  private let authority = TestAuthority()
  private let now = Int64(time(nil))

  private func item(
    _ source: String, _ names: [String], _ kind: TestAuthority.Key = .p256, from: Int = -3600,
    until: Int = 86_400
  ) throws -> EntryBuilder.Item {
    let issued = authority.issue(names, key: kind, from: from, until: until)
    return try EntryBuilder.Item(
      try Certificate(pem: issued.bundle), source: source, now: now)
  }

  /// The sources of what answers for a name, `later` seconds from now, in whatever order they came.
  private func answers(
    _ items: [EntryBuilder.Item], _ name: String, later: Int64 = 0
  ) throws -> [String] {
    let bytes = Array(name.utf8)
    var found: Set<[String]> = []
    for order in [items, items.reversed()] {
      let index = CertificateIndex(order, defaultName: nil, now: now + later)
      let number = index.lookup(bytes.span)
      found.insert(number.map { index.entries[$0].sources } ?? [])
    }
    #expect(found.count == 1)
    return found.first ?? []
  }

  @Test func `the newest one, also where it ends first`() throws {
    let old = try item("old", ["a.test", "b.test"], from: -9000)
    let new = try item("new", ["a.test"], from: -1000, until: 6000)
    #expect(try answers([old, new], "a.test") == ["new"])
    #expect(try answers([old, new], "b.test") == ["old"])
  }

  @Test func `of two that are equally new the one that ends later`() throws {
    let items = [
      try item("1", ["a.test"], until: 1000), try item("2", ["a.test"], until: 9000),
    ]
    #expect(try answers(items, "a.test") == ["2"])
  }

  @Test func `never an expired one beside one that is valid`() throws {
    let old = try item("old", ["a.test"], from: -9000)
    let new = try item("new", ["a.test"], from: -1000, until: 6000)
    let rsa = try item("rsa", ["a.test"], .rsa2048, until: 6000)
    #expect(try answers([old, new, rsa], "a.test") == ["new", "rsa"])
    #expect(try answers([old, new, rsa], "a.test", later: 7000) == ["old"])
    #expect(try answers([new, rsa], "a.test", later: 7000) == ["new", "rsa"])
    let wild = try item("wild", ["*.w.test"])
    let exact = try item("exact", ["a.w.test"], until: 6000)
    #expect(try answers([wild, exact], "a.w.test") == ["exact"])
    #expect(try answers([wild, exact], "a.w.test", later: 7000) == ["wild"])
  }

  @Test func `each kind of key is chosen by itself, whatever else the certificates name`() throws {
    let ecdsa = try item("ecdsa", ["a.test", "b.test"])
    let rsa = try item("rsa", ["a.test", "c.test"], .rsa2048)
    let items = [ecdsa, rsa]
    #expect(try answers(items, "a.test") == ["ecdsa", "rsa"])
    #expect(try answers(items, "b.test") == ["ecdsa"])
    #expect(try answers(items, "c.test") == ["rsa"])
    let index = CertificateIndex(items, defaultName: nil, now: now)
    #expect(index.entries.count == 3)
    // Either may have been shown: only what both cover is safe to answer on the connection.
    let both = try #require(index.entries.first { $0.sources.count == 2 })
    for (host, expected) in [("a.test", true), ("b.test", false), ("c.test", false)] {
      let bytes = Array(host.utf8)
      let covered = both.covers(bytes.span)
      #expect(covered == expected)
    }
    #expect(index.served.map(\.source) == ["ecdsa", "rsa"])
    let served = index.served.map { Set($0.nameTexts) }
    #expect(served == [["a.test", "b.test"], ["a.test", "c.test"]])
  }

  @Test func `an exact name takes the other kind of key from the wildcard`() throws {
    let items = [try item("exact", ["a.w.test"]), try item("wild", ["*.w.test"], .rsa2048)]
    #expect(try answers(items, "a.w.test") == ["exact", "wild"])
    #expect(try answers(items, "b.w.test") == ["wild"])
  }

  @Test func `those that answer for none of their names, and who does, are told`() throws {
    let old = try item("old", ["a.w.test", "b.w.test"], from: -9000)
    let new = try item("new", ["a.w.test", "b.w.test", "*.w.test"], from: -1000)
    let exact = try item("exact", ["c.w.test"], from: -9000)
    let index = CertificateIndex([old, new, exact], defaultName: nil, now: now)
    #expect(index.idle == ["old"])
    #expect(
      index.rivals(of: old.certificate) == [
        .init(name: "a.w.test", source: "new", isExact: false),
        .init(name: "b.w.test", source: "new", isExact: false),
      ])
    #expect(
      index.rivals(of: new.certificate) == [
        .init(name: "c.w.test", source: "exact", isExact: true)
      ])
  }

  @Test func `a client without a name gets a valid certificate where there is one`() throws {
    let (first, second) = (try item("1", ["a.test"], until: 1000), try item("2", ["b.test"]))
    for (later, expected) in [(0, 0), (2000, 1), (90_000, 0)] as [(Int64, Int)] {
      let index = CertificateIndex([first, second], defaultName: nil, now: now + later)
      #expect(index.fallback == expected)
    }
  }
}

@Suite("What a changing set of certificates covers")
struct CoverageTests {
  private func item(_ names: [String]) throws -> EntryBuilder.Item {
    let certificate = try Certificate(pem: TestAuthority().issue(names).bundle)
    return try EntryBuilder.Item(certificate, source: "", now: certificate.notBefore)
  }

  @Test(arguments: [
    ("a.w.test", true), ("*.w.test", true), ("w.test", false), ("x.a.w.test", false),
    (".w.test", false), ("b.test", true), ("*.test", false), ("", false), ("test", false),
  ])
  func `names are covered by the rule of the table`(name: String, expected: Bool) throws {
    let item = try item(["*.w.test", "b.test"])
    let table = NameTable(item.names.map { ($0, true) })
    let bytes = Array(name.utf8)
    let found = table.lookup(bytes.span) != nil
    #expect(Coverage([item]).covers(bytes) == expected)
    #expect(found == expected)
  }

  @Test func `a name goes with the last certificate that has it`() throws {
    let (both, one) = (try item(["a.test", "b.test"]), try item(["a.test"]))
    let (a, b) = (Array("a.test".utf8), Array("b.test".utf8))
    var coverage = Coverage([both, one])
    coverage.remove(both)
    #expect(coverage.covers(a) && !coverage.covers(b))
    coverage.insert(both)
    coverage.remove(one)
    #expect(coverage.covers(a) && coverage.covers(b))
    coverage.remove(both)
    #expect(!coverage.covers(a) && !coverage.covers(b))
  }
}

@Suite("Names of certificates in one form")
struct CertificateNameTests {
  @Test(arguments: [
    ("A.Test", "a.test"), ("a.test.", "a.test"), ("*.A.test", "*.a.test"), ("*", nil),
    ("*.", nil), ("a.*.test", nil), ("**.test", nil), ("a b", nil), ("", nil), ("a..b", nil),
    ("xn--bcher-kva.test", "xn--bcher-kva.test"), ("bücher.test", nil), ("a.test\0.b", nil),
  ])
  func `names are lower-cased, and what is none is told`(name: String, expected: String?) {
    #expect(CertificateName.normalise(name) == expected.map { Array($0.utf8) })
  }
}

@Suite("The table of names")
struct NameTableTests {
  private func name(_ text: String) -> [UInt8] { Array(text.utf8) }

  private func find(_ text: String, in table: NameTable<Int>) -> Int? {
    let bytes = name(text)
    return table.lookup(bytes.span)
  }

  @Test func `a thousand names and wildcards are found again, and no others`() {
    var pairs: [(name: [UInt8], value: Int)] = []
    for number in 0..<1000 {
      pairs.append((name("n\(number).test"), number))
      pairs.append((name("*.n\(number).test"), 1000 + number))
    }
    let table = NameTable(pairs)
    #expect(table.count == 2000)
    for number in 0..<1000 {
      #expect(find("n\(number).test", in: table) == number)
      #expect(find("x.n\(number).test", in: table) == 1000 + number)
      #expect(find("x.x.n\(number).test", in: table) == nil)
    }
    #expect(find("n1000.test", in: table) == nil)
  }

  @Test func `of two equal names the later one wins`() {
    let table = NameTable([(name("a.test"), 1), (name("a.test"), 2)])
    #expect(table.count == 1)
    #expect(find("a.test", in: table) == 2)
  }

  @Test func `a wildcard is found as such only by its own name`() {
    let table = NameTable([(name("*.test"), 1)])
    let (wildcard, host) = (name("*.test"), name("a.test"))
    let (exact, none) = (table.exact(wildcard.span), table.exact(host.span))
    #expect(exact == 1)
    #expect(none == nil)
    #expect(find("a.test", in: table) == 1)
  }

  @Test func `an empty table finds nothing`() {
    let table = NameTable<Int>([])
    #expect(find("a.test", in: table) == nil)
    #expect(find("", in: table) == nil)
  }
}
