import DNSCore
import Testing

@Suite("Names, RFC 1035 §3.1 and §5.1")
struct DNSNameTests {
  @Test(arguments: [
    ("example.org", "example.org", [7, 3]), ("example.org.", "example.org", [7, 3]),
    (".", ".", []), ("_acme-challenge.A.b", "_acme-challenge.A.b", [15, 1, 1]),
    ("a\\.b.c", "a\\.b.c", [3, 1]), ("\\032x\\255", "\\032x\\255", [3]), ("*.x", "*.x", [1, 1]),
  ])
  func `a name is read with and without the dot at its end`(
    text: String, printed: String, lengths: [Int]
  ) throws {
    let name = try #require(DNSName(text))
    #expect(name.description == printed)
    #expect(name.labels.map(\.count) == lengths)
    #expect(DNSName(name.absolute) == name && name.absolute.hasSuffix("."))
  }

  @Test(arguments: [
    "", "..", "a..b", ".a", "a b", "a\u{e9}", "\\", "\\25", "\\256", "a\n",
    String(repeating: "x", count: 64),
    Array(repeating: String(repeating: "x", count: 63), count: 4).joined(separator: "."),
  ])
  func `what is no name is refused`(text: String) {
    #expect(DNSName(text) == nil)
  }

  @Test func `a name has 255 bytes at most, and a label 63`() throws {
    let label = String(repeating: "x", count: 63)
    let longest = "\(label).\(label).\(label).\(label.dropLast(2))"
    #expect(try #require(DNSName(longest)).wire.count == DNSName.bytesMax)
    #expect(DNSName(longest + "x") == nil)
    #expect(DNSName(longest)?.prepending("a") == nil)
  }

  @Test func `names that differ in the case of letters alone are equal and keep it`() throws {
    let one = try #require(DNSName("WwW.Example.org"))
    let other = try #require(DNSName("www.example.ORG"))
    #expect(one == other && Set([one, other]).count == 1)
    #expect("\(one)" == "WwW.Example.org")
    #expect(one != DNSName("www.example.net"))
  }

  @Test(arguments: [
    ("a.example.org", "example.org", true), ("example.org", "EXAMPLE.org", true),
    ("badexample.org", "example.org", false), ("org", "example.org", false),
    ("a.b", ".", true), ("a\\.example.org", "example.org", false),
  ])
  func `a name is within a zone by its labels`(name: String, zone: String, isSo: Bool) throws {
    #expect(try #require(DNSName(name)).isWithin(try #require(DNSName(zone))) == isSo)
  }

  @Test func `a name goes below a label`() throws {
    let name = try #require(DNSName("example.org")?.prepending("_acme-challenge"))
    #expect(name.absolute == "_acme-challenge.example.org.")
  }

  @Test func `a name lies below its enclosing one, up to the root`() throws {
    var name = try #require(DNSName("a\\.b.example.org"))
    var above: [String] = []
    while let next = name.enclosing {
      above.append("\(next)")
      name = next
    }
    #expect(above == ["example.org", "org", "."])
    #expect(name == .root)
  }

  @Test(arguments: [
    ("www.Example.org", "example.org", "www"), ("a.b.example.org", "example.org", "a.b"),
    ("example.org", "example.org", "@"), ("example.net", "example.org", "example.net."),
    ("example.org", ".", "example.org"), (".", ".", "@"), ("a\\.b.org", "org", "a\\.b"),
  ])
  func `a name is written within a zone as its page has it`(
    name: String, zone: String, text: String
  ) throws {
    #expect(try #require(DNSName(name)).relative(to: try #require(DNSName(zone))) == text)
  }
}
