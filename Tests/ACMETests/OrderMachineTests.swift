import TLS
import TestSupport
import Testing

@testable import ACME

@Suite("The life of an order, RFC 8555 §7.4")
struct OrderMachineTests {
  private static let end = ["post finalize/1", "wait", "read order/1", "read cert/1"]

  // MARK: All is well

  @Test(arguments: ChallengeType.allCases)
  func `a name is ordered, stored, shown, proved and issued, in this order`(
    challenge: ChallengeType
  ) throws {
    var life = try Life(["a.test"], challenge)
    let last = try life.live()
    #expect(last.chain == Array(ACMEDocuments.chain.utf8))
    #expect(
      life.trace == [
        "post order", "key", "store", "read authz/0", "publish 1", "post challenge/0", "wait",
        "read authz/0", "read order/1",
      ] + Self.end)
    #expect(
      life.payloads["order"] == #"{"identifiers":[{"type":"dns","value":"a.test"}]}"#)
    #expect(life.payloads["challenge/0"] == "{}")
    #expect(life.payloads["finalize/1"]?.hasPrefix(#"{"csr":"MI"#) == true)
    let stored = try #require(life.stored)
    #expect(stored.order == "https://ca.test/order/1")
    #expect(stored.issuer == "https://ca.test/directory" && stored.names == ["a.test"])
    #expect(try stored.key == life.key.pem())
    if case .finished(_, let key) = last { #expect(try key == life.key.pem()) }
    let digest = Base64URL.encode(Hash.sha256(Array("token-0.thumb".utf8)))
    let value =
      switch challenge {
      case .http: ChallengeValue(.http(token: "token-0"), "token-0.thumb")
      case .dns: ChallengeValue(.dns(name: "a.test"), digest)
      case .alpn: ChallengeValue(.alpn(name: "a.test"), digest)
      }
    #expect(life.published == [value])
  }

  @Test func `a wildcard and its name are shown together before the CA is told of one`() throws {
    var life = try Life(["*.a.test", "a.test"], .dns)
    #expect(try life.live().chain != nil)
    #expect(
      life.trace == [
        "post order", "key", "store", "read authz/0", "read authz/1", "publish 2",
        "post challenge/0", "post challenge/1", "wait", "read authz/0", "read authz/1",
        "read order/1",
      ] + Self.end)
    #expect(life.published.map(\.place) == [.dns(name: "a.test"), .dns(name: "a.test")])
    #expect(Set(life.published.map(\.value)).count == 2)
  }

  @Test func `names that are proved already are neither shown nor proved again`() throws {
    var life = try Life(["a.test", "b.test"])
    life.answers["authz/0"] = [Life.said(ACMEDocuments.authorization("a.test", 0, "valid"))]
    life.answers["authz/1"] = [Life.said(ACMEDocuments.authorization("b.test", 1, "valid"))]
    #expect(try life.live().chain != nil)
    #expect(
      life.trace == [
        "post order", "key", "store", "read authz/0", "read authz/1", "read order/1",
      ] + Self.end)
  }

  @Test func `only the names that are not proved are shown`() throws {
    var life = try Life(["a.test", "b.test"])
    life.answers["authz/0"] = [Life.said(ACMEDocuments.authorization("a.test", 0, "valid"))]
    #expect(try life.live().chain != nil)
    #expect(life.published == [ChallengeValue(.http(token: "token-1"), "token-1.thumb")])
  }

  @Test func `an order that is ready from the start is finalized`() throws {
    var life = try Life()
    life.answers["order"] = [Life.made(ACMEDocuments.order("ready", ["a.test"]))]
    life.answers["order/1"] = [Life.said(ACMEDocuments.order("valid", ["a.test"]))]
    #expect(try life.live().chain != nil)
    #expect(life.trace == ["post order", "key", "store"] + Self.end)
  }

  @Test func `a CA that issues at once is not asked again`() throws {
    var life = try Life()
    life.answers["finalize/1"] = [Life.said(ACMEDocuments.order("valid", ["a.test"]))]
    #expect(try life.live().chain != nil)
    #expect(life.trace.suffix(2) == ["post finalize/1", "read cert/1"])
  }

  @Test func `a profile and what is replaced are sent where the CA knows them`() throws {
    var life = try Life()
    (life.profile, life.replaces) = ("short", "aki.serial")
    #expect(try life.live().chain != nil)
    let wanted = #"{"identifiers":[{"type":"dns","value":"a.test"}],"profile":"short","#
    #expect(life.payloads["order"] == wanted + #""replaces":"aki.serial"}"#)
    life = try Life()
    life.profile = "unknown"
    #expect(try life.live().chain != nil)
    #expect(life.payloads["order"]?.contains("profile") == false)
  }

  @Test(arguments: [("alreadyReplaced", 409), ("malformed", 404)])
  func `a certificate that the CA will not see replaced is ordered without that`(
    type: String, status: Int
  ) throws {
    var life = try Life()
    life.replaces = "aki.serial"
    life.answers["order"]?.insert(Life.refused(type, status), at: 0)
    #expect(try life.live().chain != nil)
    #expect(life.trace.prefix(2) == ["post order", "post order"])
    #expect(life.payloads["order"]?.contains("replaces") == false)
  }

  // MARK: Waiting

  @Test(arguments: [(0, 1), (1, 1), (7, 7), (60, 60), (4000, 60)])
  func `the CA says how long to wait, within bounds`(asked: Int, waited: Int) throws {
    var life = try Life()
    let processing = ACMEDocuments.order("processing", ["a.test"])
    life.answers["order"] = [Life.made(ACMEDocuments.order("ready", ["a.test"]))]
    life.answers["finalize/1"] = [Life.said(processing, retryAfter: .seconds(asked))]
    life.answers["order/1"] = [Life.said(ACMEDocuments.order("valid", ["a.test"]))]
    #expect(try life.live().chain != nil)
    #expect(life.waited == .seconds(waited))
  }

  @Test func `the longest wait that was asked for by a name is kept`() throws {
    var life = try Life(["a.test", "b.test"])
    for (number, name) in life.names.enumerated() {
      let pending = ACMEDocuments.authorization(name, number, "pending")
      life.answers["authz/\(number)"] = [
        Life.said(pending), Life.said(pending, retryAfter: .seconds(20 - number * 10)),
        Life.said(ACMEDocuments.authorization(name, number, "valid")),
      ]
    }
    #expect(try life.live().chain != nil)
    #expect(life.waited == .seconds(21))
  }

  @Test func `an order that takes long is waited for, and given up after 15 minutes`() throws {
    var life = try Life()
    let processing = Life.said(ACMEDocuments.order("processing", ["a.test"]))
    life.answers["finalize/1"] = [processing]
    life.answers["order/1"] = [Life.said(ACMEDocuments.order("ready", ["a.test"])), processing]
    let failure = try #require(try life.live().failure)
    #expect(failure.kind == .server)
    #expect(failure.reason.contains("15 minutes"))
    #expect((OrderMachine.longest...OrderMachine.longest + .seconds(5)).contains(life.waited))
    #expect(life.trace.count < 500)
  }

  @Test func `a name that nobody looks at is named after 15 minutes`() throws {
    var life = try Life(["a.test", "b.test"])
    life.answers["authz/1"] = [Life.said(ACMEDocuments.authorization("b.test", 1, "pending"))]
    let failure = try #require(try life.live().failure)
    #expect(failure.name == "b.test" && failure.kind == .server)
    #expect(failure.reason.contains("b.test"))
  }

  @Test func `the time that answers take counts too`() throws {
    var life = try Life()
    life.took = .seconds(301)
    #expect(try life.live().failure?.reason.contains("15 minutes") == true)
    #expect(life.trace.last == "publish 1")
  }

  // MARK: It goes wrong

  @Test(arguments: ["invalid", "expired", "deactivated", "revoked"])
  func `a name that is not proved is named, with what the CA saw`(status: String) throws {
    var life = try Life(["a.test", "b.test"])
    let problem = ACMEDocuments.problem("connection", "192.0.2.1: refused")
    life.answers["authz/1"]?[1] = Life.said(
      ACMEDocuments.authorization("b.test", 1, status, challenge: "invalid", error: problem))
    let failure = try #require(try life.live().failure)
    #expect(failure.kind == .validation(name: "b.test"))
    #expect(failure.name == "b.test" && failure.problem?.type == "connection")
    #expect(failure.reason.contains("b.test") && failure.reason.contains("192.0.2.1: refused"))
  }

  @Test func `a challenge that has failed ends it before the authorization says so`() throws {
    var life = try Life()
    life.answers["authz/0"]?[1] = Life.said(
      ACMEDocuments.authorization("a.test", 0, "pending", challenge: "invalid"))
    #expect(try life.live().failure?.kind == .validation(name: "a.test"))
  }

  @Test func `a name that CAA forbids is rejected, not to be tried again soon`() throws {
    var life = try Life()
    life.answers["authz/0"]?[1] = Life.said(
      ACMEDocuments.authorization(
        "a.test", 0, "invalid", error: ACMEDocuments.problem("caa", "forbids issuance")))
    let failure = try #require(try life.live().failure)
    #expect(failure.kind == .rejected && failure.name == "a.test")
  }

  @Test func `a name of several that the CA refuses is named`() throws {
    var life = try Life(["a.test", "b.test"])
    let problem = try Problem(
      Array(
        #"""
        {"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "some are refused",
        "subproblems": [{"type": "urn:ietf:params:acme:error:rejectedIdentifier",
        "detail": "on a list", "identifier": {"type": "dns", "value": "b.test"}}]}
        """#.utf8))
    life.answers["order"] = [.failure(.problem(problem, status: 400, retryAfter: nil))]
    let failure = try #require(try life.live().failure)
    #expect(failure.kind == .rejected && failure.name == "b.test")
    #expect(failure.reason.contains("on a list"))
  }

  @Test func `too many orders are not ordered again, and it is said when they may be`() throws {
    var life = try Life()
    life.answers["order"] = [Life.refused("rateLimited", 429, retryAfter: .seconds(3600))]
    #expect(try life.live().failure?.kind == .rateLimited(retryAfter: .seconds(3600)))
    #expect(life.trace == ["post order"])
    life = try Life()
    life.answers["order"] = [.failure(.status(429, retryAfter: .seconds(5)))]
    #expect(try life.live().failure?.kind == .rateLimited(retryAfter: .seconds(5)))
  }

  @Test func `a CA that is asked too often is left alone for as long as it says`() throws {
    var life = try Life()
    life.answers["authz/0"]?.insert(
      Life.refused("rateLimited", 429, retryAfter: .seconds(9)), at: 1)
    #expect(try life.live().chain != nil)
    #expect(life.waited == .seconds(10))
    life = try Life()
    life.answers["authz/0"]?.insert(
      Life.refused("rateLimited", 429, retryAfter: .seconds(61)), at: 1)
    #expect(try life.live().failure?.kind == .rateLimited(retryAfter: .seconds(61)))
  }

  private static let troubles: [Life.Answer] = [
    .failure(.status(500, retryAfter: nil)), .failure(.unreachable("no answer in time")),
    Life.refused("serverInternal", 500), Life.refused("badNonce", 400),
    .failure(.status(503, retryAfter: .seconds(3))),
  ]

  @Test(
    arguments: troubles, ["order", "authz/0", "challenge/0", "order/1", "finalize/1", "cert/1"])
  func `a CA that does not work for a moment is asked again`(
    trouble: Life.Answer, place: String
  ) throws {
    var life = try Life()
    life.answers[place]?.insert(trouble, at: 0)
    if place == "finalize/1" {
      // It has taken the request all the same.
      life.answers["order/1"] = ["ready", "processing", "valid"].map {
        Life.said(ACMEDocuments.order($0, ["a.test"]))
      }
    }
    #expect(try life.live().chain != nil)
    #expect(life.waited > .seconds(2))
    #expect(life.trace.count { $0 == "post finalize/1" } == 1)
  }

  @Test(arguments: troubles)
  func `a CA that does not work is left after some tries`(trouble: Life.Answer) throws {
    var life = try Life()
    life.answers["order"] = [trouble]
    #expect(try life.live().failure?.kind == .server)
    #expect(life.trace.count { $0 == "post order" } == OrderMachine.troublesMax + 1)
  }

  @Test func `a CA that asks for a long rest is not asked again`() throws {
    var life = try Life()
    life.answers["order"] = [.failure(.status(503, retryAfter: .seconds(600)))]
    #expect(try life.live().failure?.kind == .server)
    #expect(life.trace == ["post order"])
  }

  @Test(arguments: ["order", "authz/0", "order/1", "finalize/1"])
  func `an answer that is not valid ends it with a reason`(place: String) throws {
    var life = try Life()
    life.answers[place] = [Life.made(#"{"status": "pending"}"#)]
    let failure = try #require(try life.live().failure)
    #expect(failure.kind == .server)
    #expect(failure.reason.contains("is missing"))
  }

  @Test func `what is no certificate is not taken for one`() throws {
    var life = try Life()
    life.answers["cert/1"] = [Life.said("{}")]
    #expect(try life.live().failure?.kind == .server)
  }

  @Test func `a CA without the challenge says which it has`() throws {
    var life = try Life(["a.test"], .alpn)
    life.answers["authz/0"] = [
      Life.said(
        ACMEDocuments.authorization(
          "a.test", 0, "pending", kinds: ["http-01", "dns-persist-01"]))
    ]
    let failure = try #require(try life.live().failure)
    #expect(failure.kind == .rejected && failure.name == "a.test")
    #expect(
      failure.reason
        == "a.test: the CA offers no tls-alpn-01; it offers http-01, dns-persist-01")
  }

  @Test func `an order for other names than were asked for is refused`() throws {
    for names in [["b.test"], ["a.test", "b.test"], []] {
      var life = try Life()
      life.answers["order"] = [Life.made(ACMEDocuments.order("pending", names))]
      #expect(try life.live().failure?.kind == .server)
      #expect(life.trace == ["post order"])
    }
    var life = try Life()
    life.answers["authz/0"] = [Life.said(ACMEDocuments.authorization("b.test", 0, "pending"))]
    #expect(try life.live().failure?.reason.contains("b.test, which was not ordered") == true)
    #expect(!life.trace.contains("publish 1"))
  }

  @Test(arguments: ["valid", "processing"])
  func `a new order with a certificate of another key is refused`(status: String) throws {
    var life = try Life()
    life.answers["order"] = [Life.made(ACMEDocuments.order(status, ["a.test"]))]
    #expect(try life.live().failure?.kind == .server)
  }

  @Test func `addresses without TLS are not asked`() throws {
    for change in ["finalize", "authz", "cert", "challenge"] {
      var life = try Life()
      life.answers = life.answers.mapValues { answers in
        answers.map { answer in
          guard case .success(let said) = answer else { return answer }
          let plain = String(decoding: said.body, as: UTF8.self)
            .split(separator: "https://ca.test/\(change)/", omittingEmptySubsequences: false)
            .joined(separator: "http://ca.test/\(change)/")
          return .success(
            ACMEAnswer(status: said.status, body: Array(plain.utf8), location: said.location))
        }
      }
      #expect(try life.live().failure?.reason.contains("without TLS") == true, "\(change)")
    }
    var life = try Life()
    life.answers["order"] = [
      .success(
        ACMEAnswer(
          status: 201, body: Array(ACMEDocuments.order("pending", ["a.test"]).utf8),
          location: "http://ca.test/order/1"))
    ]
    #expect(try life.live().failure?.reason.contains("without TLS") == true)
  }

  @Test func `an account that the CA does not accept is the reason`() throws {
    for type in ["accountDoesNotExist", "externalAccountRequired", "unauthorized"] {
      var life = try Life()
      life.answers["order"] = [Life.refused(type)]
      #expect(try life.live().failure?.kind == .account)
    }
  }

  @Test func `a challenge that was told already is looked up instead`() throws {
    var life = try Life()
    life.answers["challenge/0"] = [Life.refused("malformed", 400)]
    #expect(try life.live().chain != nil)
    life = try Life()
    life.answers["challenge/0"] = [Life.refused("malformed", 400)]
    life.answers["authz/0"] = [Life.said(ACMEDocuments.authorization("a.test", 0, "pending"))]
    let failure = try #require(try life.live().failure)
    #expect(failure.kind == .rejected && failure.name == "a.test")
    #expect(life.waited < .seconds(1))
  }

  @Test func `a CA that is not ready to finalize is asked until it is`() throws {
    var life = try Life()
    life.answers["finalize/1"]?.insert(Life.refused("orderNotReady"), at: 0)
    life.answers["order/1"] = ["ready", "pending", "ready", "valid"].map {
      Life.said(ACMEDocuments.order($0, ["a.test"]))
    }
    #expect(try life.live().chain != nil)
    #expect(life.trace.count { $0 == "post finalize/1" } == 2)
  }

  @Test func `an order that the CA has given up says why`() throws {
    var life = try Life()
    life.answers["finalize/1"] = [
      Life.said(
        ACMEDocuments.order(
          "invalid", ["a.test"], error: ACMEDocuments.problem("badCSR", "weak key")))
    ]
    let failure = try #require(try life.live().failure)
    #expect(failure.kind == .rejected && failure.problem?.type == "badCSR")
    #expect(failure.reason.contains("weak key"))
  }

  // MARK: Inputs

  @Test func `whatever a CA answers, an order ends within its bounds`() {
    for (number, input) in FuzzInputs(seed: 18, count: 400, bytesMax: 300).enumerated() {
      guard let complaint = ParserProperties.acme(input) else { continue }
      Issue.record("input \(number), \(input): \(complaint)")
      return
    }
  }

  @Test func `what fuzzers begin with or found holds`() throws {
    let files = RepositoryFiles.list("Tests/Corpora/ACME")
    #expect(files.count > 20)
    for file in files {
      let input = try #require(RepositoryFiles.read(file))
      #expect(ParserProperties.acme(input) == nil, "\(file)")
    }
  }
}
