import TLS
import TestSupport
import Testing

@testable import CertStore

@Suite("Certificates from etcd are replaced by better ones only")
struct EtcdReplacementTests {
  @Test func `what is listed is served, and listed again without a change nothing happens`() throws
  {
    let at = EtcdFixture()
    let (a, b) = (at.issue("a.test"), at.issue("b.test"))
    #expect(at.list(["/c/a": a.bundle, "/c/b": b.bundle]))
    #expect(try at.serves(a, "a.test"))
    #expect(try at.serves(b, "b.test"))
    #expect(at.store.index.entries.map(\.source) == ["/c/a", "/c/b"])
    #expect(!at.list(["/c/a": a.bundle, "/c/b": b.bundle]))
    #expect(at.store.refusals.isEmpty)
  }

  @Test func `a changed value takes the place of the old one`() throws {
    let at = EtcdFixture(hosts: ["a.test"])
    #expect(at.list(["/c/a": at.issue("a.test").bundle]))
    let next = at.issue("a.test", until: 100)
    #expect(at.change(["/c/a": next.bundle]))
    #expect(try at.serves(next, "a.test"))
  }

  @Test(arguments: [
    "empty", "other key", "expired", "not yet valid", "cut", "binary", "weak", "no name", "large",
  ])
  func `a bad value is refused with its reason and the old one goes on`(how: String) throws {
    let at = EtcdFixture()
    let (good, other) = (at.issue("a.test"), at.issue("a.test"))
    #expect(at.list(["/c/a": good.bundle]))
    let (value, reason): ([UInt8], String) =
      switch how {
      case "empty": ([], "no certificate")
      case "other key": (Array((other.chain + good.key).utf8), "does not fit")
      case "expired": (at.issue("a.test", from: -2000, until: -1000).bundle, "expired at")
      case "not yet valid": (at.issue("a.test", from: 1000, until: 2000).bundle, "not valid before")
      case "cut": (Array(other.bundle.dropLast(40)), "not whole")
      case "binary": ((0...255).map { UInt8($0) }, "byte of zero")
      case "weak": (at.issue("a.test", key: .rsa(bits: 1024)).bundle, "1024")
      case "no name": (at.issue("w*.a.test").bundle, "no DNS name")
      default: ([UInt8](repeating: 65, count: 1 << 20), "1048576 bytes")
      }
    #expect(!at.change(["/c/a": value]))
    #expect(try at.serves(good, "a.test"))
    #expect(at.sources == ["/c/a"])
    #expect(at.reasons.count == 1)
    #expect(at.reasons[0].contains(reason), "\(at.reasons)")
    // Once mended it is taken.
    #expect(at.change(["/c/a": other.bundle]))
    #expect(try at.serves(other, "a.test"))
    #expect(at.store.refusals.isEmpty)
  }

  @Test func `one bad value does not keep the others out`() throws {
    let at = EtcdFixture()
    let b = at.issue("b.test")
    #expect(at.list(["/c/a": Array("nothing".utf8), "/c/b": b.bundle]))
    #expect(try at.serves(b, "b.test"))
    #expect(at.sources == ["/c/a"])
  }

  @Test func `an encrypted key is opened, and refused without the key file`() throws {
    let keys = try EncryptionKeys.fresh("k1")
    let (at, without) = (EtcdFixture(keys: keys), EtcdFixture())
    let issued = at.issue("a.test")
    let value = try CertificateBundle.write(
      chainPEM: issued.bundle, keyPEM: nil, keys: keys, now: at.now)
    #expect(at.list(["/c/a": value]))
    #expect(try at.serves(issued, "a.test"))
    #expect(!without.list(["/c/a": value]))
    #expect(without.reasons[0].contains("'k1'"))
  }

  @Test func `one that expires while it is served goes on, but is no replacement`() throws {
    let at = EtcdFixture()
    let issued = at.issue("a.test", until: 1000)
    #expect(at.list(["/c/a": issued.bundle]))
    #expect(!at.list(["/c/a": issued.bundle], later: 2000))
    #expect(try at.serves(issued, "a.test"))
    let other = EtcdFixture()
    #expect(!other.list(["/c/a": issued.bundle], later: 2000))
    #expect(other.store.index.isEmpty)
    #expect(other.reasons[0].contains("expired at"))
  }

  @Test func `one that is not yet valid is taken when it is, and the store says when`() throws {
    let at = EtcdFixture()
    let issued = at.issue("a.test", from: 1000, until: 5000)
    #expect(!at.list(["/c/a": issued.bundle]))
    let begin = try Certificate(pem: issued.bundle).notBefore
    #expect(at.store.holds(at: begin - 1) && !at.store.holds(at: begin))
    #expect(at.store.load(now: begin))
    #expect(try at.serves(issued, "a.test"))
    #expect(at.store.refusals.isEmpty)
  }

  @Test func `one refused as expired by a clock that was ahead is taken once the clock is right`()
    throws
  {
    let at = EtcdFixture()
    let (old, new) = (at.issue("a.test"), at.issue("a.test", from: -60))
    #expect(at.list(["/c/a": old.bundle]))
    let ahead: Int64 = 90 * 86_400
    #expect(!at.change(["/c/a": new.bundle], later: ahead))
    #expect(at.store.holds(at: at.now + ahead + 1) && !at.store.holds(at: at.now))
    #expect(at.store.load(now: at.now))
    #expect(try at.serves(new, "a.test"))
  }

  @Test func `a store that takes over what another has judged serves it at its first load`() throws
  {
    let at = EtcdFixture()
    #expect(at.list(["/c/a": at.issue("a.test").bundle, "/c/b": at.issue("b.test").bundle]))
    let next = CertStore(directory: nil, etcd: at.store.etcd, defaultName: "b.test")
    #expect(next.load(now: at.now))
    #expect(next.index.fallback == 1)
  }

  @Test func `a replacement that forgets a name of a routed wildcard is refused`() throws {
    let at = EtcdFixture(hosts: ["*.w.test"])
    let good = at.issue("c.w.test", "unrouted.test")
    #expect(at.list(["/c/site": good.bundle]))
    #expect(!at.change(["/c/site": at.issue("d.w.test", "unrouted.test").bundle]))
    #expect(try at.serves(good, "c.w.test"))
    #expect(
      at.reasons == ["it would leave the routed host c.w.test without a certificate"])
    #expect(at.change(["/c/site": at.issue("c.w.test").bundle]))
    #expect(at.change(["/c/site": at.issue("*.w.test").bundle]))
  }

  @Test func `a replacement that forgets a routed host is refused`() throws {
    let at = EtcdFixture(hosts: ["a.test", "x.w.test", "*.w.test"])
    let good = at.issue("a.test", "*.w.test")
    #expect(at.list(["/c/a": good.bundle]))
    #expect(!at.change(["/c/a": at.issue("a.test", "x.w.test").bundle]))
    #expect(try at.serves(good, "x.w.test"))
    #expect(
      at.reasons == ["it would leave the routed host *.w.test without a certificate"])
    // Names without a route may go.
    let next = at.issue("*.w.test", "a.test", "new.test")
    #expect(at.change(["/c/a": next.bundle]))
    #expect(at.change(["/c/a": at.issue("*.w.test", "a.test").bundle]))
  }

  @Test func `a host that moves to another key in the same change is no loss`() throws {
    let at = EtcdFixture(hosts: ["a.test", "b.test"])
    #expect(
      at.list(["/c/a": at.issue("a.test", "b.test").bundle, "/c/b": at.issue("c.test").bundle]))
    let (a, b) = (at.issue("a.test"), at.issue("b.test"))
    #expect(at.change(["/c/a": a.bundle, "/c/b": b.bundle]))
    #expect(try at.serves(a, "a.test"))
    #expect(try at.serves(b, "b.test"))
    #expect(at.store.refusals.isEmpty)
  }

  @Test func `two replacements that lose a host together: one is taken, one stays`() throws {
    let at = EtcdFixture(hosts: ["a.test"])
    #expect(
      at.list([
        "/c/1": at.issue("a.test", "b.test").bundle, "/c/2": at.issue("a.test", "c.test").bundle,
      ]))
    #expect(
      at.change(["/c/1": at.issue("b.test").bundle, "/c/2": at.issue("c.test").bundle]))
    #expect(at.serials("a.test").count == 1)
    #expect(at.store.refusals.count == 1)
  }

  @Test func `more keys than are read are reported, and those that are known stay`() throws {
    let at = EtcdFixture()
    let issued = at.issue("a.test")
    var values = ["/c/z": issued.bundle]
    #expect(at.list(values))
    for number in 0...EtcdCertificates.sourcesMax { values["/c/\(number)"] = [1] }
    #expect(!at.list(values))
    #expect(try at.serves(issued, "a.test"))
    let unread = at.store.refusals.filter { $0.reason.hasPrefix("it is not read") }
    #expect(unread.count == 2)
    let limit = EtcdCertificates.sourcesMax
    #expect(unread[0].reason == "it is not read: there are more than \(limit) keys")
    #expect(at.store.refusals.count == EtcdCertificates.sourcesMax + 1)
    // Once they are gone nothing is reported of them any more.
    _ = at.list(["/c/z": issued.bundle])
    #expect(at.store.refusals.isEmpty)
  }

  @Test func `strange keys are shown as ASCII, and endless ones are not read`() throws {
    let at = EtcdFixture()
    let strange = StoredValue(key: [0x2f, 0x0a, 0xff, 0x5c, 0x61], value: [])
    let endless = StoredValue(key: [UInt8](repeating: 0x61, count: 5000), value: [])
    #expect(!at.store.update { $0.apply([.put(strange), .put(endless)], now: at.now) })
    #expect(at.sources[0] == "/\\x0a\\xff\\x5ca")
    #expect(at.sources[1].utf8.count < 210)
  }
}

@Suite("Certificates are taken away from etcd with care")
struct EtcdRemovalTests {
  @Test
  func `a deletion is kept while nothing else covers the names, and done once something does`()
    throws
  {
    let at = EtcdFixture()
    let (a, b) = (at.issue("a.test", "x.w.test"), at.issue("b.test"))
    #expect(at.list(["/c/a": a.bundle, "/c/b": b.bundle]))
    #expect(!at.change(["/c/a": nil]))
    #expect(try at.serves(a, "a.test"))
    #expect(
      at.store.refusals == [
        CertStore.Refusal(
          source: "/c/a", reason: "deleted in etcd, kept: nothing else covers a.test")
      ])
    let wild = at.issue("*.w.test", "a.test")
    #expect(at.change(["/c/w": wild.bundle]))
    #expect(try at.serves(wild, "x.w.test"))
    #expect(at.store.index.entries.map(\.source) == ["/c/b", "/c/w"])
    #expect(at.store.refusals.isEmpty)
  }

  @Test func `an empty listing takes away nothing that is needed`() throws {
    let at = EtcdFixture()
    let (short, long) = (at.issue("a.test", until: 1000), at.issue("a.test", until: 2000))
    #expect(at.list(["/c/1": short.bundle, "/c/2": long.bundle]))
    // The two cover each other: the one that is valid longer stays.
    _ = at.list([:])
    #expect(try at.serves(long, "a.test"))
    #expect(at.sources == ["/c/2"])
  }

  @Test func `an expired certificate is no cover`() throws {
    let at = EtcdFixture()
    let (short, long) = (at.issue("a.test", until: 1000), at.issue("a.test", until: 5000))
    #expect(at.list(["/c/1": short.bundle, "/c/2": long.bundle]))
    #expect(!at.change(["/c/2": nil], later: 2000))
    #expect(at.sources == ["/c/2"])
  }

  @Test(arguments: ["EDGEPROXY REMOVED", "EDGEPROXY REMOVED \r\nby whom\n"])
  func `a value that says so confirms the removal`(text: String) throws {
    let at = EtcdFixture(hosts: ["a.test"])
    #expect(at.list(["/c/a": at.issue("a.test").bundle, "/c/b": at.issue("b.test").bundle]))
    #expect(at.change(["/c/a": Array(text.utf8)]))
    #expect(at.serials("a.test").isEmpty)
    #expect(at.store.refusals.isEmpty)
    #expect(!at.change(["/c/a": nil]))
    #expect(at.store.index.entries.count == 1)
  }

  @Test(arguments: ["EDGEPROXY REMOVEDX", " EDGEPROXY REMOVED", "EDGEPROXY"])
  func `a value that nearly says so does not`(text: String) throws {
    let at = EtcdFixture()
    #expect(at.list(["/c/a": at.issue("a.test").bundle]))
    #expect(!at.change(["/c/a": Array(text.utf8)]))
    #expect(at.reasons == ["no certificate in it"])
  }

  @Test func `what was deleted and comes back is served again`() throws {
    let at = EtcdFixture()
    let issued = at.issue("a.test")
    #expect(at.list(["/c/a": issued.bundle]))
    #expect(!at.change(["/c/a": nil]))
    #expect(!at.change(["/c/a": issued.bundle]))
    #expect(at.store.refusals.isEmpty)
    #expect(!at.change(["/c/a": nil]))
    #expect(!at.change(["/c/a": []]))
    #expect(at.reasons == ["no certificate in it"])
  }
}

@Suite("The copy on disk stands in for etcd until it answers")
struct EtcdCopyTests {
  private func copied(_ at: EtcdFixture) -> [CopyRecord] { at.store.etcd?.copy ?? [] }

  @Test func `the copy is served at once, and what etcd tells takes its place`() throws {
    let at = EtcdFixture()
    let (a, b) = (at.issue("a.test"), at.issue("b.test"))
    #expect(at.list(["/c/a": a.bundle, "/c/b": b.bundle]))
    let next = EtcdFixture()
    let records = copied(at)
    #expect(next.store.update { $0.loadCopy(records, now: at.now) })
    #expect(try next.serves(a, "a.test"))
    let fresh = at.issue("a.test")
    #expect(next.list(["/c/a": fresh.bundle]))
    #expect(try next.serves(fresh, "a.test"))
    // Deleted while this server was away.
    #expect(try next.serves(b, "b.test"))
    #expect(next.sources == ["/c/b"])
  }

  @Test func `a copy does not overrule what etcd has told`() throws {
    let at = EtcdFixture()
    let (old, new) = (at.issue("a.test"), at.issue("a.test"))
    #expect(at.list(["/c/a": new.bundle]))
    let record = CopyRecord([EtcdFixture.stored("/c/a", old.bundle)])
    #expect(!at.store.update { $0.loadCopy([record], now: at.now) })
    #expect(try at.serves(new, "a.test"))
  }

  @Test func `the copy holds what is served and not what was refused`() throws {
    let at = EtcdFixture()
    let issued = at.issue("a.test")
    #expect(at.list(["/c/a": issued.bundle, "/c/b": [1, 2]]))
    #expect(!at.change(["/c/a": [3, 4]]))
    #expect(copied(at) == [CopyRecord([EtcdFixture.stored("/c/a", issued.bundle)])])
  }

  @Test func `a wrong clock at the start does not make it forget the copy`() throws {
    let at = EtcdFixture()
    let record = CopyRecord([EtcdFixture.stored("/c/a", at.issue("a.test").bundle)])
    #expect(!at.store.update { $0.loadCopy([record], now: 0) })
    #expect(copied(at) == [record])
    #expect(at.store.load(now: at.now))
    #expect(at.serials("a.test").count == 1)
  }

  @Test func `a copy is believed no more than etcd`() throws {
    let at = EtcdFixture()
    let records = [
      CopyRecord([EtcdFixture.stored("/c/a", [0, 1])]), CopyRecord([]),
      CopyRecord([EtcdFixture.stored("/c/b", at.issue("b.test", from: -9, until: -1).bundle)]),
    ]
    #expect(!at.store.update { $0.loadCopy(records, now: at.now) })
    #expect(at.sources == ["/c/a", "/c/b"])
  }
}
