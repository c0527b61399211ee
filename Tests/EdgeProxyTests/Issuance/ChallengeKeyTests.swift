import ACME
import Etcd
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("What the servers of a fleet tell each other of challenges")
struct ChallengeKeyTests {
  private static let prefix = "/e/"
  private static let digest = String(repeating: "A", count: 43)

  private static func decode(_ key: String, _ value: String) -> ChallengeValue? {
    ChallengeKey.decode(key: octets(key), value: octets(value), prefix: prefix)
  }

  static let values: [(ChallengeValue, String, String)] = [
    (
      ChallengeValue(.http(token: "to-ken_1"), "to-ken_1.\(digest)"),
      "/e/acme/challenges/http/to-ken_1", "1 to-ken_1.\(digest)"
    ),
    (
      ChallengeValue(.dns(name: "a.test"), digest), "/e/acme/challenges/dns/a.test/\(digest)", "1"
    ),
    (
      ChallengeValue(.alpn(name: "a.test"), digest), "/e/acme/challenges/alpn/a.test",
      "1 \(digest)"
    ),
  ]

  @Test(arguments: values)
  func `each kind has its key and is read back`(
    value: ChallengeValue, key: String, stored: String
  ) throws {
    let made = try #require(ChallengeKey.encode(value, prefix: Self.prefix))
    #expect(text(made.key.span) == key && text(made.value.span) == stored)
    #expect(Self.decode(key, stored) == value)
    // A later version may say more.
    #expect(Self.decode(key, stored + " more words") == value)
  }

  static let foreign: [(String, String)] = [
    ("http/t", ""), ("http/t", "2 t.\(digest)"), ("http/t", "1"), ("http/t", "1 t"),
    ("http/t", "1 u.\(digest)"), ("http/t", "1 t.\(digest)A"), ("http/t", "1 t.<script>"),
    ("http/", "1 .\(digest)"), ("http/t/u", "1 t/u.\(digest)"), ("http/t.u", "1 t.u.\(digest)"),
    ("http/\(String(repeating: "t", count: 257))", "1 t"),
    ("dns/a.test", "1"), ("dns/a.test/x", "1"), ("dns/A.test/\(digest)", "1"),
    ("dns/*.a.test/\(digest)", "1"), ("dns/a..test/\(digest)", "1"), ("dns/a.test/\(digest)/", "1"),
    ("alpn/a.test", "1 \(digest.dropFirst())="), ("alpn/a.test", "1 \(digest.dropLast())B"),
    ("alpn/", "1 \(digest)"), ("alpn/a.test/x", "1 \(digest)"), ("", "1"), ("tls/a.test", "1"),
  ]

  @Test(arguments: foreign)
  func `what is of another form is passed over`(key: String, value: String) {
    #expect(Self.decode("/e/acme/challenges/" + key, value) == nil)
  }

  static let wrong: [ChallengeValue] = [
    ChallengeValue(.http(token: "../x"), "../x.\(digest)"),
    ChallengeValue(.http(token: "t"), "anything at all"),
    ChallengeValue(.alpn(name: "a.test/b"), digest), ChallengeValue(.dns(name: "*.a.test"), digest),
  ]

  @Test(arguments: wrong)
  func `a value that nobody would take is not written`(_ value: ChallengeValue) {
    #expect(ChallengeKey.encode(value, prefix: Self.prefix) == nil)
  }

  private static let words = [
    "http", "dns", "alpn", "/", "a.test", "t", "t.\(digest)", digest, "1", " ", "", "é", "%2F",
    "..",
  ].map(octets)

  @Test func `whatever lies in etcd, what is taken is written the same and read back`() {
    var taken = 0
    for bytes in FuzzInputs(seed: 11, count: 20_000, bytesMax: 24) {
      var input = FuzzInput(bytes)
      var key = octets("/e/acme/challenges/") + input.word(Self.words.prefix(3).map { $0 })
      for _ in 0..<input.below(4) { key += octets("/") + input.word(Self.words) }
      let value = octets("1 ") + input.word(Self.words)
      guard let read = ChallengeKey.decode(key: key, value: value, prefix: Self.prefix) else {
        continue
      }
      let written = ChallengeKey.encode(read, prefix: Self.prefix)
      #expect(written?.key == key)
      taken += 1
    }
    #expect(taken > 20)
  }
}

@Suite("The challenges that etcd has")
struct KnownChallengesTests {
  private var known = KnownChallenges(prefix: "/e/")

  private func pair(_ number: Int) -> KeyValue {
    let digest = String(repeating: "A", count: 43)
    return KeyValue(
      key: octets("/e/acme/challenges/http/t\(number)"), value: octets("1 t\(number).\(digest)"))
  }

  @Test mutating func `come and go, and foreign keys are none`() {
    let foreign = KeyValue(key: octets("/e/acme/challenges/http/x"), value: octets("hello"))
    known.apply(Changes(put: [pair(1), pair(2), foreign], isListing: true))
    #expect(known.values.count == 2)
    known.apply(Changes(removed: [pair(1).key, octets("/e/acme/challenges/http/never")]))
    #expect(known.values.map(\.place) == [.http(token: "t2")])
  }

  @Test mutating func `one that becomes nonsense is not shown any more`() {
    known.apply(Changes(put: [pair(1)], isListing: true))
    known.apply(Changes(put: [KeyValue(key: pair(1).key, value: octets("1 t1"))]))
    #expect(known.values.isEmpty)
  }

  @Test mutating func `a thousand are taken, those beyond are counted until the next listing`() {
    known.apply(Changes(put: (0..<1100).map(pair), isListing: true))
    #expect(known.values.count == 1000 && known.refused == 100)
    // Those that are known may still change.
    known.apply(Changes(put: [pair(0)]))
    #expect(known.refused == 100)
    known.apply(Changes(removed: (0..<1000).map { pair($0).key }, isListing: true))
    known.apply(Changes(put: [pair(1050)]))
    #expect(known.values.count == 1 && known.refused == 0)
  }
}

@Suite("Which servers show a challenge")
struct SightingsTests {
  private var sightings = Sightings(prefix: "/e/", node: "a")

  private func pair(_ node: String, _ value: String) -> KeyValue {
    KeyValue(key: octets("/e/acme/seen/\(node)"), value: octets(value))
  }

  @Test mutating func `a server that is there is waited for, one that is gone is not`() {
    sightings.apply(Changes(put: [pair("b", "1 5"), pair("c", "1 7")], isListing: true))
    #expect(sightings.unseen(7) == ["a", "b"])
    sightings.reached(9)
    #expect(sightings.unseen(7) == ["b"])
    sightings.apply(Changes(put: [pair("b", "1 7 more")]))
    #expect(sightings.unseen(7).isEmpty)
    #expect(sightings.unseen(8) == ["b", "c"])
    sightings.apply(Changes(removed: [pair("b", "").key, pair("c", "").key]))
    #expect(sightings.unseen(8).isEmpty)
  }

  @Test mutating func `what etcd tells of this server is older than what it knows itself`() {
    sightings.reached(7)
    sightings.apply(Changes(put: [pair("a", "1 3")]))
    #expect(sightings.unseen(7).isEmpty)
    #expect(text(sightings.value.span) == "1 7" && text(sightings.key.span) == "/e/acme/seen/a")
  }

  static let nonsense = ["", "1", "2 5", "1 -5", "1 x", "1 99999999999999999999", "5"]

  @Test(arguments: nonsense)
  mutating func `nobody waits for what cannot be read`(_ value: String) {
    sightings.reached(9)
    sightings.apply(Changes(put: [pair("b", value), pair("b c", "1 5"), pair("", "1 5")]))
    #expect(sightings.unseen(9).isEmpty)
    sightings.apply(Changes(put: [pair("b", "1 5")]))
    sightings.apply(Changes(put: [pair("b", value)]))
    #expect(sightings.unseen(9).isEmpty)
  }

  @Test mutating func `many keys that somebody wrote are not all kept`() {
    sightings.reached(9)
    sightings.apply(Changes(put: (0..<3000).map { pair("n\($0)", "1 1") }, isListing: true))
    #expect(sightings.unseen(9).count == 1000)
  }
}
