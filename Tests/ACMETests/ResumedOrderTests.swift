import TLS
import TestSupport
import Testing

@testable import ACME

@Suite("An order that another issuer has begun")
struct ResumedOrderTests {
  private func order(_ status: String) -> Life.Answer {
    Life.said(ACMEDocuments.order(status, ["a.test"]))
  }

  @Test(arguments: [
    (
      "pending", ["pending", "ready", "valid"],
      [
        "read authz/0", "publish 1", "post challenge/0", "wait", "read authz/0", "read order/1",
        "post finalize/1", "wait", "read order/1", "read cert/1",
      ]
    ),
    ("ready", ["ready", "valid"], ["post finalize/1", "wait", "read order/1", "read cert/1"]),
    ("processing", ["processing", "valid"], ["wait", "read order/1", "read cert/1"]),
    ("valid", ["valid"], ["read cert/1"]),
  ])
  func `goes on where it is, with the key that was stored`(
    state: String, statuses: [String], rest: [String]
  ) throws {
    var life = try Life()
    try life.resume()
    life.answers["order/1"] = statuses.map(order)
    let last = try life.live()
    guard case .finished(_, let key) = last else {
      Issue.record("\(last)")
      return
    }
    #expect(try key == life.key.pem())
    #expect(life.trace == ["read order/1"] + rest)
  }

  @Test func `a challenge that the CA was told of is shown, and not told again`() throws {
    var life = try Life()
    try life.resume()
    life.answers["order/1"] = ["pending", "ready", "valid"].map(order)
    life.answers["authz/0"]?[0] = Life.said(
      ACMEDocuments.authorization("a.test", 0, "pending", challenge: "processing"))
    #expect(try life.live().chain != nil)
    #expect(
      life.trace.prefix(5)
        == ["read order/1", "read authz/0", "publish 1", "wait", "read authz/0"])
  }

  private static let forgotten: [Life.Answer] = [
    .failure(.status(404, retryAfter: nil)), Life.refused("malformed", 400),
    Life.refused("unauthorized", 403),
    Life.said(ACMEDocuments.order("invalid", ["a.test"])),
    Life.said(ACMEDocuments.order("pending", ["b.test"])),
  ]

  @Test(arguments: forgotten)
  func `an order that the CA does not know any more begins anew`(answer: Life.Answer) throws {
    var life = try Life()
    try life.resume(order: "https://ca.test/order/0")
    life.answers["order/0"] = [answer]
    #expect(try life.live().chain != nil)
    #expect(life.trace.prefix(4) == ["read order/0", "post order", "key", "store"])
  }

  @Test(arguments: ["invalid", "expired", "deactivated"])
  func `an authorization that has ended begins the order anew, once`(status: String) throws {
    var life = try Life()
    try life.resume()
    life.answers["order/1"] = ["pending", "ready", "valid"].map(order)
    life.answers["authz/0"]?.insert(
      Life.said(ACMEDocuments.authorization("a.test", 0, status)), at: 0)
    #expect(try life.live().chain != nil)
    #expect(life.trace.prefix(3) == ["read order/1", "read authz/0", "post order"])
    life = try Life()
    try life.resume()
    life.answers["order/1"] = [order("pending")]
    life.answers["authz/0"] = [Life.said(ACMEDocuments.authorization("a.test", 0, status))]
    #expect(try life.live().failure?.kind == .validation(name: "a.test"))
    #expect(life.trace.count { $0 == "post order" } == 1)
  }

  @Test func `a CA that cannot be reached has not forgotten`() throws {
    var life = try Life()
    try life.resume()
    life.answers["order/1"] = [.failure(.unreachable("no route"))]
    #expect(try life.live().failure?.kind == .server)
    #expect(!life.trace.contains("post order"))
  }

  @Test func `a record that belongs to something else is not followed`() throws {
    let other = TestAuthority().issue(["a.test"], key: .rsa2048).key
    let records: [(inout Life) throws -> Void] = [
      { try $0.resume(issuer: "https://other.test/directory") },
      { try $0.resume(order: "http://ca.test/order/1") },
      { try $0.resume(order: "no address") },
      { try $0.resume(names: ["a.test", "b.test"]) },
      { try $0.resume(key: Array("no key".utf8)) },
      { try $0.resume(key: Array(other.utf8)) },
    ]
    for record in records {
      var life = try Life()
      try record(&life)
      #expect(try life.live().chain != nil)
      #expect(life.trace.first == "post order")
    }
  }
}
