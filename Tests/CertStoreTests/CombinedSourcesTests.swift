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
  func `of a name in both the newer one answers`(etcdIsNewer: Bool) throws {
    let here = at.issue("a.test", from: -2000, until: 5000)
    let there = at.issue("a.test", from: etcdIsNewer ? -1000 : -3000)
    try folder.write("a.pem", here.bundle)
    #expect(at.store.load(now: at.now))
    #expect(at.list(["/c/a": there.bundle]))
    #expect(try at.serves(etcdIsNewer ? there : here, "a.test"))
    #expect(at.store.index.entries.count == 1)
    #expect(at.store.index.idle == [etcdIsNewer ? folder.path + "/a.pem" : "/c/a"])
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
      (22 * day, nil), (21 * day + 1, nil), (21 * day, .third), (14 * day + 1, .third),
      (14 * day, .sixth), (7 * day, .twelfth), (1, .twelfth), (0, .twelfth), (-1, .expired),
      (-1000 * day, .expired),
    ] as [(Int64, ExpiryThreshold?)])
  func `of a long life the last threshold of 21, 14 and 7 days is the one`(
    left: Int64, expected: ExpiryThreshold?
  ) {
    let end: Int64 = 2_000_000_000
    #expect(
      ExpiryThreshold.crossed(from: end - 90 * Self.day, until: end, now: end - left) == expected)
  }

  @Test(
    arguments: [
      (6 * day, nil), (2 * day + 1, nil), (2 * day, .third), (day, .sixth), (day / 2, .twelfth),
      (-1, .expired),
    ] as [(Int64, ExpiryThreshold?)])
  func `of a short life a third, a sixth and a twelfth is left`(
    left: Int64, expected: ExpiryThreshold?
  ) {
    let end: Int64 = 2_000_000_000
    #expect(
      ExpiryThreshold.crossed(from: end - 6 * Self.day, until: end, now: end - left) == expected)
  }

  @Test func `the ends of time do not trap`() {
    #expect(ExpiryThreshold.crossed(from: .min, until: .max, now: .min) == nil)
    #expect(ExpiryThreshold.crossed(from: .max, until: .min, now: .max) == .expired)
    #expect(ExpiryThreshold.crossed(from: .max, until: 5, now: 5) == .twelfth)
  }

  @Test(arguments: [
    (3 * day + 5, "3 days"), (day, "1 day"), (day - 1, "23 hours"), (3600, "1 hour"),
    (3599, "59 minutes"), (60, "1 minute"), (10, "0 minutes"), (-3 * day, "-3 days"),
  ])
  func `what is left is told in days, then hours, then minutes`(left: Int64, text: String) {
    #expect(RemainingTime.text(left) == text)
  }

  @Test func `each is told at once and each day again, and a new certificate begins anew`() throws {
    let at = EtcdFixture()
    let issued = at.issue("a.test", from: -90 * 86_400, until: 30 * 86_400)
    #expect(at.list(["/c/a": issued.bundle]))
    let end = try Certificate(pem: issued.bundle).notAfter
    var notices = ExpiryNotices()
    func due(_ days: Int64, hours: Int64 = 0) -> [ExpiryThreshold] {
      notices.due(in: at.store.index, now: end - days * Self.day + hours * 3600).map(\.threshold)
    }
    #expect(due(30) == [])
    #expect(due(20) == [.third])
    #expect(due(20, hours: 23) == [])
    #expect(due(19) == [.third])
    #expect(due(19, hours: 1) == [])
    #expect(due(6) == [.twelfth])
    // The clock was set back and forth.
    #expect(due(20) == [])
    #expect(due(20, hours: 23) == [])
    #expect(due(5) == [.twelfth])
    #expect(due(0, hours: 1) == [.expired])
    #expect(due(-1) == [])
    #expect(due(-1, hours: 1) == [.expired])
    #expect(due(-1, hours: 2) == [])
    let next = at.issue("a.test", from: -90 * 86_400, until: 60 * 86_400)
    #expect(at.change(["/c/a": next.bundle]))
    #expect(due(-2) == [])
    #expect(due(-24) == [.twelfth])
  }

  @Test func `a notice has the certificate and its source`() throws {
    let at = EtcdFixture()
    let issued = at.issue("a.test", "b.test", from: -90 * 86_400)
    #expect(at.list(["/c/a": issued.bundle]))
    var notices = ExpiryNotices()
    let notice = try #require(notices.due(in: at.store.index, now: at.now).first)
    #expect(notice.source == "/c/a")
    #expect(notice.certificate == (try Certificate(pem: issued.bundle)))
    #expect(notice.threshold == .twelfth)
  }
}
