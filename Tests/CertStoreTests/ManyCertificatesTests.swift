import Glibc
import TLS
import TestSupport
import Testing

@testable import CertStore

@Suite("Thousands of certificates are read once")
struct ManyCertificatesTests {
  private static let count = 1000
  private let authority = TestAuthority().intermediate()
  private let names = (0..<count).map { "h\($0).test" }
  private let now = Int64(time(nil))

  /// Where bytes lie: two decodings of the same lie in two places.
  private static func place(_ bytes: [UInt8]) -> Int {
    unsafe bytes.withUnsafeBytes { Int(bitPattern: $0.baseAddress) }
  }

  @Test func `when one of a thousand is replaced, the entries of the others stay the very same`()
    throws
  {
    let folder = try Folder()
    for (name, issued) in zip(names, authority.issueEach(names)) {
      try folder.write(name + ".pem", issued.bundle)
    }
    let store = CertStore(directory: CertificateDirectory(folder.path), defaultName: nil)
    #expect(store.load(now: now))
    #expect(store.refusals.isEmpty)
    let before = store.index.entries
    #expect(before.count == Self.count)
    for (entry, name) in zip(before, names.sorted()) {
      #expect(entry.names == [Array(name.utf8)])
    }
    let next = authority.issue(["h7.test"])
    try folder.write("h7.test.pem", next.bundle)
    #expect(store.load(now: now))
    let after = store.index.entries
    let changed = zip(before, after).filter { $0 !== $1 }
    #expect(changed.map { $0.1.names } == [[Array("h7.test".utf8)]])
    #expect(changed.allSatisfy { store.index.contains($0.1) && !store.index.contains($0.0) })
  }

  @Test func `bad pairs among a thousand are refused by their own names`() throws {
    let folder = try Folder()
    let issued = authority.issueEach(names)
    for (number, name) in names.enumerated() {
      let isBad = number % 100 == 50
      try folder.write(
        name + ".pem", isBad ? Array(issued[number].chain.utf8) : issued[number].bundle)
    }
    let store = CertStore(directory: CertificateDirectory(folder.path), defaultName: nil)
    #expect(store.load(now: now))
    let bad = stride(from: 50, to: Self.count, by: 100).map { "\(folder.path)/h\($0).test.pem" }
    #expect(store.refusals.map(\.source) == bad.sorted())
    #expect(store.refusals.allSatisfy { $0.reason == "no private key in it" })
    #expect(store.index.entries.count == Self.count - bad.count)
  }

  @Test func `a file that was only touched is not decoded again, and one that changed is`() throws {
    let folder = try Folder()
    let place = CertificateDirectory.Place(source: folder.path + "/a.pem")
    let tools = ParsingTools()
    let issued = authority.issue(["a.test"])
    try folder.write("a.pem", issued.bundle)
    let first = PairReading(place, old: nil, tools)
    folder.remove("a.pem")
    try folder.write("a.pem", issued.bundle)
    let again = PairReading(place, old: first, tools)
    let (once, twice) = (try first.result.get(), try again.result.get())
    #expect(Self.place(twice.chain[0]) == Self.place(once.chain[0]))
    try folder.write("a.pem", authority.issue(["a.test"]).bundle)
    let other = PairReading(place, old: again, tools)
    #expect(try other.result.get() != first.result.get())
  }

  @Test func `bytes that move from the chain to the key are another pair`() throws {
    let folder = try Folder()
    try folder.makeFolder("a")
    let place = CertificateDirectory.Place(folder: folder.path + "/a")
    let issued = authority.issue(["a.test"])
    try folder.write("a/fullchain.pem", issued.chain)
    try folder.write("a/privkey.pem", issued.key)
    let first = PairReading(place, old: nil, ParsingTools())
    try folder.write("a/fullchain.pem", issued.certificate)
    try folder.write("a/privkey.pem", issued.issuers.joined() + issued.key)
    let other = PairReading(place, old: first, ParsingTools())
    #expect(try first.result.get().chain.count == 3)
    #expect(try other.result.get().chain.count == 1)
  }

  @Test func `a file is only passed over when it was old as it was read, and looks the same`()
    throws
  {
    let old = CertificateDirectory.Place(source: "/usr/bin/true")
    #expect(PairReading(old, old: nil, ParsingTools()).isCertain(of: old))
    let folder = try Folder()
    let new = CertificateDirectory.Place(source: folder.path + "/a.pem")
    try folder.write("a.pem", "1")
    #expect(!PairReading(new, old: nil, ParsingTools()).isCertain(of: new))
    try folder.link("b.pem", to: "/usr/bin/true")
    let link = CertificateDirectory.Place(source: folder.path + "/b.pem")
    let reading = PairReading(link, old: nil, ParsingTools())
    #expect(reading.isCertain(of: link))
    folder.remove("b.pem")
    #expect(!reading.isCertain(of: link))
    try folder.link("b.pem", to: "/usr/bin/false")
    #expect(!reading.isCertain(of: link))
  }

  @Test func `the certificates above the servers' own lie in memory once`() throws {
    let tools = ParsingTools()
    let read = try authority.issueEach(["a.test", "b.test"]).map {
      try Certificate(pem: $0.bundle, with: tools)
    }
    #expect(Self.place(read[0].chain[1]) == Self.place(read[1].chain[1]))
  }

  @Test func `many values of etcd that come at once are what they are one by one`() throws {
    let names = Array(names.prefix(100))
    let values = zip(names, authority.issueEach(names)).map { name, issued in
      StoredChange.put(StoredValue(key: Array("/c/\(name)".utf8), value: issued.bundle))
    }
    let changes =
      values + [
        .put(StoredValue(key: Array("/c/h3.test".utf8), value: Array("nothing".utf8))),
        .deleted(key: Array("/c/h4.test".utf8)),
      ]
    var (together, single) = (
      EtcdCertificates(keys: nil, readsLegacy: false),
      EtcdCertificates(keys: nil, readsLegacy: false)
    )
    let isChanged = together.apply(changes, now: now)
    #expect(isChanged)
    for change in changes { _ = single.apply([change], now: now) }
    let sources = { (one: EtcdCertificates) in Set(one.items.map(\.source)) }
    // One by one `h3` and `h4` have been served before, and are kept.
    #expect(sources(single).subtracting(sources(together)) == ["/c/h3.test", "/c/h4.test"])
    #expect(together.items.count == names.count - 2)
    #expect(together.refusals.map(\.source) == ["/c/h3.test"])
  }

  @Test func `work that is shared comes back in its order`() {
    let things = Array(0..<10_001)
    let tools = ParsingTools()
    #expect(SharedWork.map(things, with: tools) { thing, _ in -thing } == things.map { -$0 })
    #expect(SharedWork.map([Int](), with: tools) { thing, _ in thing }.isEmpty)
  }
}
