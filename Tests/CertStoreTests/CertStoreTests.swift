import Glibc
import TLS
import TestSupport
import Testing

@testable import CertStore

/// A store over a folder of its own.
private struct Fixture {
  let folder: Folder
  let store: CertStore
  let authority = TestAuthority()

  init(defaultName: String? = nil) throws {
    folder = try Folder()
    store = CertStore(
      directory: CertificateDirectory(folder.path), defaultName: defaultName)
  }

  var now: Int64 { Int64(time(nil)) }

  /// The serial numbers of what is served for a name; empty for nothing.
  func serials(_ name: String) -> [String] {
    let bytes = Array(name.utf8)
    guard let entry = store.index.lookup(bytes.span) else { return [] }
    return store.index.entries[entry].certificates.map(\.serial)
  }

  func serial(_ issued: TestAuthority.Issued) throws -> [String] {
    [try Certificate(pem: issued.bundle).serial]
  }

  var reasons: [String] { store.refusals.map(\.reason) }
  var sources: [String] { store.refusals.map { String($0.source.dropFirst(folder.path.count)) } }
}

@Suite("Certificates are replaced by better ones only")
struct CertStoreTests {
  @Test func `what lies there is served, and read again without a change nothing happens`() throws {
    let at = try Fixture()
    let issued = at.authority.issue(["a.test"])
    try at.folder.write("a.pem", issued.bundle)
    #expect(at.store.load(now: at.now))
    #expect(at.serials("a.test") == (try at.serial(issued)))
    #expect(!at.store.load(now: at.now))
    #expect(at.store.refusals.isEmpty)
  }

  @Test func `a new pair takes the place of the old one`() throws {
    let at = try Fixture()
    try at.folder.write("a.pem", at.authority.issue(["a.test"]).bundle)
    #expect(at.store.load(now: at.now))
    let next = at.authority.issue(["a.test"])
    try at.folder.write("a.pem", next.bundle)
    #expect(at.store.load(now: at.now))
    #expect(at.serials("a.test") == (try at.serial(next)))
  }

  @Test(arguments: ["empty", "other key", "expired", "not yet valid", "cut", "unreadable", "weak"])
  func `a bad replacement is refused with its reason and the old one goes on`(how: String) throws {
    let at = try Fixture()
    let good = at.authority.issue(["a.test"])
    try at.folder.write("a.pem", good.bundle)
    try at.folder.write("b.pem", at.authority.issue(["b.test"]).bundle)
    #expect(at.store.load(now: at.now))
    let other = at.authority.issue(["a.test"])
    let reason: String
    switch how {
    case "empty": (_, reason) = (try at.folder.write("a.pem", ""), "no certificate")
    case "other key":
      (_, reason) = (try at.folder.write("a.pem", other.chain + good.key), "does not fit")
    case "expired":
      let old = at.authority.issue(["a.test"], from: -2000, until: -1000)
      (_, reason) = (try at.folder.write("a.pem", old.bundle), "expired at")
    case "not yet valid":
      let young = at.authority.issue(["a.test"], from: 1000, until: 2000)
      (_, reason) = (try at.folder.write("a.pem", young.bundle), "not valid before")
    case "cut":
      (_, reason) = (
        try at.folder.write("a.pem", Array(other.bundle.dropLast(40))), "not whole"
      )
    case "unreadable":
      at.folder.remove("a.pem")
      (_, reason) = (try at.folder.link("a.pem", to: "nowhere"), "open")
    default:
      let weak = at.authority.issue(["a.test"], key: .rsa(bits: 1024))
      (_, reason) = (try at.folder.write("a.pem", weak.bundle), "1024")
    }
    #expect(!at.store.load(now: at.now))
    #expect(at.serials("a.test") == (try at.serial(good)))
    #expect(at.sources == ["/a.pem"])
    #expect(at.reasons.count == 1)
    #expect(at.reasons[0].contains(reason), "\(at.reasons)")
    // Once mended it is taken.
    at.folder.remove("a.pem")
    try at.folder.write("a.pem", other.bundle)
    #expect(at.store.load(now: at.now))
    #expect(at.serials("a.test") == (try at.serial(other)))
    #expect(at.store.refusals.isEmpty)
  }

  @Test func `one bad pair does not keep the others out`() throws {
    let at = try Fixture()
    try at.folder.write("a.pem", "nothing")
    let issued = at.authority.issue(["b.test"])
    try at.folder.write("b.pem", issued.bundle)
    #expect(at.store.load(now: at.now))
    #expect(at.serials("b.test") == (try at.serial(issued)))
    #expect(at.sources == ["/a.pem"])
  }

  @Test func `a pair written in two steps is taken when both are there`() throws {
    let at = try Fixture()
    let (old, new) = (at.authority.issue(["a.test"]), at.authority.issue(["a.test"]))
    try at.folder.makeFolder("a")
    try at.folder.write("a/fullchain.pem", old.chain)
    try at.folder.write("a/privkey.pem", old.key)
    #expect(at.store.load(now: at.now))
    try at.folder.write("a/fullchain.pem", new.chain)
    #expect(!at.store.load(now: at.now))
    #expect(at.serials("a.test") == (try at.serial(old)))
    #expect(at.sources == ["/a/fullchain.pem"])
    try at.folder.write("a/privkey.pem", new.key)
    #expect(at.store.load(now: at.now))
    #expect(at.serials("a.test") == (try at.serial(new)))
  }

  @Test(arguments: ["fullchain.pem", "privkey.pem"])
  func `a pair of which one file is gone goes on as it was`(name: String) throws {
    let at = try Fixture()
    let issued = at.authority.issue(["a.test"])
    try at.folder.makeFolder("a")
    try at.folder.write("a/fullchain.pem", issued.chain)
    try at.folder.write("a/privkey.pem", issued.key)
    try at.folder.write("b.pem", at.authority.issue(["b.test"]).bundle)
    #expect(at.store.load(now: at.now))
    at.folder.remove("a/" + name)
    #expect(!at.store.load(now: at.now))
    #expect(at.serials("a.test") == (try at.serial(issued)))
    #expect(at.sources == ["/a/" + name])
  }

  @Test func `a pair that is removed is no longer served`() throws {
    let at = try Fixture()
    try at.folder.write("a.pem", at.authority.issue(["a.test"]).bundle)
    try at.folder.write("b.pem", at.authority.issue(["b.test"]).bundle)
    #expect(at.store.load(now: at.now))
    at.folder.remove("a.pem")
    #expect(at.store.load(now: at.now))
    #expect(at.serials("a.test").isEmpty)
    #expect(!at.serials("b.test").isEmpty)
  }

  @Test func `the last certificates are not taken away by an empty directory, nor by its absence`()
    throws
  {
    let at = try Fixture()
    let issued = at.authority.issue(["a.test"])
    try at.folder.write("a.pem", issued.bundle)
    #expect(at.store.load(now: at.now))
    at.folder.remove("a.pem")
    #expect(!at.store.load(now: at.now))
    #expect(at.serials("a.test") == (try at.serial(issued)))
    #expect(at.reasons == ["no certificate is left in it; the last ones stay"])
    at.folder.remove("")
    #expect(!at.store.load(now: at.now))
    #expect(at.serials("a.test") == (try at.serial(issued)))
    #expect(at.reasons.count == 1)
  }

  @Test func `an expired certificate is not served from the start, but goes on once served`() throws
  {
    let at = try Fixture()
    let issued = at.authority.issue(["a.test"], until: 1000)
    try at.folder.write("a.pem", issued.bundle)
    #expect(!at.store.load(now: at.now + 2000))
    #expect(at.store.index.isEmpty)
    #expect(at.reasons.count == 1)
    #expect(at.store.load(now: at.now))
    #expect(!at.store.load(now: at.now + 2000))
    #expect(at.serials("a.test") == (try at.serial(issued)))
    #expect(at.reasons.count == 1)
  }

  @Test func `a certificate that is not yet valid is taken when it is, and the store says when`()
    throws
  {
    let at = try Fixture()
    let issued = at.authority.issue(["a.test"], from: 1000, until: 5000)
    let later = at.authority.issue(["b.test"], from: 2000, until: 5000)
    try at.folder.write("a.pem", issued.bundle)
    try at.folder.write("b.pem", later.bundle)
    #expect(!at.store.load(now: at.now))
    let begin = try Certificate(pem: issued.bundle).notBefore
    #expect(at.store.holds(at: begin - 1) && !at.store.holds(at: begin))
    #expect(at.store.load(now: begin))
    #expect(at.serials("a.test") == (try at.serial(issued)))
    let next = try Certificate(pem: later.bundle).notBefore
    #expect(at.store.holds(at: next - 1) && !at.store.holds(at: next))
  }

  @Test func `a certificate that names what is no DNS name is refused`() throws {
    let at = try Fixture()
    try at.folder.write("a.pem", at.authority.issue(["a.test", "w*.a.test"]).bundle)
    #expect(!at.store.load(now: at.now))
    #expect(at.reasons == ["the certificate names 'w*.a.test', which is no DNS name"])
  }

  @Test func `a key in place of another kind stands beside it`() throws {
    let at = try Fixture()
    let (ecdsa, rsa) = (
      at.authority.issue(["a.test"]), at.authority.issue(["A.test."], key: .rsa2048)
    )
    try at.folder.write("ecdsa.pem", ecdsa.bundle)
    try at.folder.write("rsa.pem", rsa.bundle)
    #expect(at.store.load(now: at.now))
    #expect(at.store.index.entries.count == 1)
    #expect(at.serials("a.test") == (try at.serial(ecdsa) + at.serial(rsa)))
  }

  @Test func `one refused as expired by a clock that was ahead is taken once the clock is right`()
    throws
  {
    let at = try Fixture()
    let (old, new) = (at.authority.issue(["a.test"]), at.authority.issue(["a.test"], from: -60))
    try at.folder.write("a.pem", old.bundle)
    #expect(at.store.load(now: at.now))
    try at.folder.write("a.pem", new.bundle)
    let ahead = at.now + 90 * 86_400
    #expect(!at.store.load(now: ahead))
    #expect(at.reasons.count == 1)
    #expect(at.store.holds(at: ahead + 1) && !at.store.holds(at: at.now))
    #expect(at.store.load(now: at.now))
    #expect(at.serials("a.test") == (try at.serial(new)))
    #expect(at.store.refusals.isEmpty)
  }

  @Test(arguments: ["*.w.test", "a.w.test"])
  func `neither a replacement nor a removal takes a routed name away`(route: String) throws {
    let at = try Fixture()
    at.store.route([Array(route.utf8)])
    let good = at.authority.issue(["a.w.test", "other.test"])
    try at.folder.write("a.pem", good.bundle)
    try at.folder.write("b.pem", at.authority.issue(["b.test"]).bundle)
    #expect(at.store.load(now: at.now))
    try at.folder.write("a.pem", at.authority.issue(["b.w.test"]).bundle)
    #expect(!at.store.load(now: at.now))
    #expect(at.serials("a.w.test") == (try at.serial(good)))
    let advice =
      "the old one goes on until a restart: put one there that covers the host, or take its route"
      + " away"
    #expect(
      at.reasons == ["it would leave the routed host a.w.test without a certificate; " + advice])
    at.folder.remove("a.pem")
    #expect(!at.store.load(now: at.now))
    #expect(
      at.reasons == ["it is gone, and nothing else covers the routed host a.w.test; " + advice])
    // Names without a route may go, and so may a name that another certificate covers.
    let wide = at.authority.issue(["*.w.test"])
    try at.folder.write("c.pem", wide.bundle)
    #expect(at.store.load(now: at.now))
    #expect(at.serials("a.w.test") == (try at.serial(wide)))
    #expect(at.serials("other.test").isEmpty)
    #expect(at.store.refusals.isEmpty)
  }

  @Test func `an expired certificate gives way to anything`() throws {
    let at = try Fixture()
    at.store.route([Array("a.test".utf8)])
    try at.folder.write("a.pem", at.authority.issue(["a.test"], until: 1000).bundle)
    #expect(at.store.load(now: at.now))
    let other = at.authority.issue(["b.test"])
    try at.folder.write("a.pem", other.bundle)
    #expect(at.store.load(now: at.now + 2000))
    #expect(at.serials("a.test").isEmpty)
  }

  @Test func `the default name decides what clients without a name get`() throws {
    for (name, expected) in [("b.test", 1), ("x.w.test", 2), ("nobody.test", 0), (nil, 0)]
      as [(String?, Int?)]
    {
      let at = try Fixture(defaultName: name)
      for (file, names) in [("a", ["a.test"]), ("b", ["b.test"]), ("c", ["*.w.test"])] {
        try at.folder.write(file + ".pem", at.authority.issue(names).bundle)
      }
      #expect(at.store.load(now: at.now))
      #expect(at.store.index.fallback == expected)
      // What nothing covers is told.
      #expect(at.store.index.uncoveredDefault == (name == "nobody.test" ? name : nil))
    }
  }
}
