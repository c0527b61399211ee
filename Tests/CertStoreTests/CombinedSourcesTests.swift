import TLS
import TestSupport
import Testing

@testable import CertStore

@Suite("A directory and etcd feed one index")
struct CombinedSourcesTests {
  private let folder: Folder
  private let at: EtcdFixture

  init() throws {
    folder = try Folder()
    at = EtcdFixture(hosts: ["a.test"], directory: folder.path)
  }

  @Test(arguments: [true, false])
  func `of a name in both the one that is valid longer answers`(etcdIsLonger: Bool) throws {
    let (here, there) = (
      at.issue("a.test", until: 5000), at.issue("a.test", until: etcdIsLonger ? 9000 : 1000)
    )
    try folder.write("a.pem", here.bundle)
    #expect(at.store.load(now: at.now))
    #expect(at.list(["/c/a": there.bundle]))
    #expect(try at.serves(etcdIsLonger ? there : here, "a.test"))
    #expect(at.store.index.entries.count == 1)
  }

  @Test func `names of either are served`() throws {
    try folder.write("a.pem", at.issue("a.test").bundle)
    #expect(at.store.load(now: at.now))
    #expect(at.list(["/c/b": at.issue("b.test").bundle]))
    #expect(at.serials("a.test").count == 1)
    #expect(at.serials("b.test").count == 1)
  }

  @Test func `a deletion in etcd is done where the directory covers the names`() throws {
    #expect(at.list(["/c/a": at.issue("a.test").bundle]))
    #expect(!at.change(["/c/a": nil]))
    let here = at.issue("a.test")
    try folder.write("a.pem", here.bundle)
    #expect(at.store.load(now: at.now))
    #expect(try at.serves(here, "a.test"))
    #expect(at.store.index.entries.map(\.source) == [folder.path + "/a.pem"])
  }

  @Test func `an emptied directory lets go of what etcd covers`() throws {
    try folder.write("a.pem", at.issue("a.test").bundle)
    try folder.write("b.pem", at.issue("b.test").bundle)
    #expect(at.store.load(now: at.now))
    let there = at.issue("a.test")
    #expect(at.list(["/c/a": there.bundle]))
    folder.remove("a.pem")
    folder.remove("b.pem")
    #expect(at.store.load(now: at.now))
    #expect(try at.serves(there, "a.test"))
    #expect(at.serials("b.test").count == 1)
    #expect(at.reasons == ["no certificate is left in it; the last ones stay"])
  }

  @Test func `refusals of both are told`() throws {
    try folder.write("a.pem", "nothing")
    #expect(!at.store.load(now: at.now))
    #expect(!at.list(["/c/a": []]))
    #expect(at.sources == [folder.path + "/a.pem", "/c/a"])
  }
}

@Suite("Certificates that come near their end are told once for each threshold")
struct ExpiryNoticesTests {
  private static let day: Int64 = 86_400

  @Test(
    arguments: [
      (22 * day, nil), (21 * day + 1, nil), (21 * day, .days21), (14 * day + 1, .days21),
      (14 * day, .days14), (7 * day, .days7), (1, .days7), (0, .days7), (-1, .expired),
      (-1000 * day, .expired),
    ] as [(Int64, ExpiryThreshold?)])
  func `the last threshold that was crossed is the one`(left: Int64, expected: ExpiryThreshold?) {
    #expect(ExpiryThreshold.crossed(notAfter: 2_000_000_000 + left, now: 2_000_000_000) == expected)
  }

  @Test func `the ends of time do not trap`() {
    #expect(ExpiryThreshold.crossed(notAfter: .max, now: .min) == nil)
    #expect(ExpiryThreshold.crossed(notAfter: .min, now: .max) == .expired)
  }

  @Test func `each is told once, and a new certificate begins anew`() throws {
    let at = EtcdFixture()
    let issued = at.issue("a.test", until: 30 * 86_400)
    #expect(at.list(["/c/a": issued.bundle]))
    let end = try Certificate(pem: issued.bundle).notAfter
    var notices = ExpiryNotices()
    func due(_ days: Int64) -> [ExpiryThreshold] {
      notices.due(in: at.store.index, now: end - days * Self.day).map(\.threshold)
    }
    #expect(due(30) == [])
    #expect(due(20) == [.days21])
    #expect(due(19) == [])
    #expect(due(6) == [.days7])
    // The clock was set back and forth.
    #expect(due(20) == [])
    #expect(due(5) == [])
    #expect(due(-1) == [.expired])
    #expect(due(-2) == [])
    #expect(at.change(["/c/a": at.issue("a.test", until: 60 * 86_400).bundle]))
    #expect(due(-2) == [])
    #expect(due(-24) == [.days7])
  }

  @Test func `a notice names the source and the names`() throws {
    let at = EtcdFixture()
    #expect(at.list(["/c/a": at.issue("a.test", "b.test").bundle]))
    var notices = ExpiryNotices()
    let notice = try #require(notices.due(in: at.store.index, now: at.now).first)
    #expect(notice.source == "/c/a")
    #expect(notice.names == ["a.test", "b.test"])
    #expect(notice.threshold == .days7)
  }
}
