import TLS
import TestSupport
import Testing

@testable import CertStore

@Suite("Which certificate answers for which name")
struct CertificateIndexTests {
  private let index: CertificateIndex

  init() throws {
    let authority = TestAuthority()
    var entries: [CertificateEntry] = []
    for names in [["a.w.test"], ["*.w.test", "w.test"], ["b.test"]] {
      let certificate = try Certificate(pem: authority.issue(names).bundle)
      entries.append(
        CertificateEntry(
          certificates: [certificate], names: names.map { Array($0.utf8) }, source: names[0]))
    }
    index = CertificateIndex(entries: entries, defaultName: nil)
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

  @Test func `of two for a name the one that is valid longer answers, in whatever order`() throws {
    let authority = TestAuthority()
    let short = try Certificate(pem: authority.issue(["a.test"], until: 1000).bundle)
    let long = try Certificate(pem: authority.issue(["a.test"], until: 9000).bundle)
    let names = [Array("a.test".utf8)]
    let entries = [short, long].map {
      CertificateEntry(certificates: [$0], names: names, source: $0.serial)
    }
    for order in [entries, entries.reversed()] {
      let index = CertificateIndex(entries: order, defaultName: nil)
      let name = names[0]
      let answer = index.lookup(name.span)
      let found = try #require(answer)
      #expect(index.entries[found].certificates == [long])
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
