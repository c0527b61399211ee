import EventLoop
import Glibc
import TLS
import TestSupport
import Testing
import Wire

@testable import ACME

@Suite("An account at a CA, RFC 8555 §7")
final class ACMEClientTests {
  private let clock = ManualClock()
  private let loop: EventLoop
  private let key: SigningKey
  private let other: SigningKey
  private let ca: ScriptedCA
  private let caller: HTTPCaller
  private let client: ACMEClient

  init() throws {
    loop = try EventLoop(clock: clock)
    key = try SigningKey(making: .ecdsa)
    other = try SigningKey(making: .ecdsa)
    ca = try ScriptedCA(on: loop, [key, other])
    caller = HTTPCaller(ClientIdentity(), on: loop, userAgent: "tests/1")
    let url = try #require(HTTPURL("\(ca.origin)/directory"))
    client = ACMEClient(directoryURL: url, key: key, account: nil, caller: caller, on: loop)
  }

  deinit {
    client.close()
    caller.close()
    ca.end()
  }

  /// Asks, and lets both sides work until the answer is there.
  private func answer<Value>(
    _ location: SourceLocation = #_sourceLocation, _ ask: (@escaping ACMEClient.Done<Value>) -> Void
  ) throws -> Result<Value, ACMEError> {
    let told = Told<Value>()
    ask { told.results.append($0) }
    #expect(told.results.isEmpty, "told within the call", sourceLocation: location)
    for _ in 0..<200_000 {
      if let result = told.results.first { return result }
      if try !loop.turn(mayWait: false) { sched_yield() }
    }
    Issue.record("no answer comes", sourceLocation: location)
    return .failure(.local("no answer comes"))
  }

  private final class Told<Value> {
    var results: [Result<Value, ACMEError>] = []
  }

  private func begin(
    _ contact: [String] = ["ops@example.org"], _ external: ExternalAccount? = nil,
    _ location: SourceLocation = #_sourceLocation
  ) throws -> ACMEError? {
    let result: Result<Void, ACMEError> = try answer(location) {
      client.begin(contact: contact, externalAccount: external, $0)
    }
    if case .failure(let error) = result { return error }
    return nil
  }

  private func post(
    _ path: String, _ location: SourceLocation = #_sourceLocation
  ) throws -> Result<ACMEAnswer, ACMEError> {
    try answer(location) { client.post("\(ca.origin)\(path)", nil, $0) }
  }

  /// Time passes, and the loop sees it before anything is asked.
  private func advance(_ period: Duration) throws {
    clock.advance(by: period)
    try loop.turn(mayWait: false)
  }

  private func count(_ question: String) -> Int { ca.asked.count { $0 == question } }

  // MARK: The account

  @Test func `the first time it is made, with the contact, and the terms are agreed to`() throws {
    #expect(try begin() == nil)
    #expect(ca.asked == ["GET /directory", "HEAD /nonce", "POST /account"])
    #expect(ca.members.values.map(\.contact) == [["mailto:ops@example.org"]])
    #expect(client.accountURL == ca.members.keys.first)
    #expect(try JWS.thumbprint(key) == client.thumbprint())
    #expect(ca.complaints.isEmpty)
  }

  @Test func `later requests name it, and use the nonces of the answers before`() throws {
    #expect(try begin() == nil)
    for _ in 0..<3 { #expect(try post("/order/1").get().status == 200) }
    #expect(count("HEAD /nonce") == 1 && count("POST /order/1") == 3)
    #expect(ca.complaints.isEmpty)
  }

  @Test func `a key that the CA knows finds its account again`() throws {
    let account = "\(ca.origin)/account/7"
    ca.members[account] = .init(key: key, contact: ["mailto:ops@example.org"])
    #expect(try begin() == nil)
    #expect(client.accountURL == account && ca.members.count == 1)
    #expect(ca.asked.last == "POST /account")
  }

  @Test func `a new contact is told to the CA, once`() throws {
    #expect(try begin() == nil)
    #expect(try begin(["new@example.org", "mailto:two@example.org"]) == nil)
    let contacts = ca.members.values.map(\.contact)
    #expect(contacts == [["mailto:new@example.org", "mailto:two@example.org"]])
    let asked = ca.asked.count
    #expect(try begin(["new@example.org", "mailto:two@example.org"]) == nil)
    #expect(ca.asked.count == asked)
  }

  @Test func `a CA that does not say what contact it has is told once`() throws {
    ca.tellsContact = false
    ca.members["\(ca.origin)/account/7"] = .init(key: key, contact: [])
    #expect(try begin() == nil)
    #expect(count("POST /account/7") == 1)
    try advance(.seconds(86_400))
    #expect(try begin() == nil)
    #expect(count("POST /account/7") == 2)
    #expect(ca.payloads["/account/7"] == [])
  }

  @Test func `directory and account are looked at again after a day`() throws {
    #expect(try begin() == nil)
    try advance(.seconds(86_399))
    #expect(try begin() == nil)
    #expect(ca.asked.count == 3)
    try advance(.seconds(1))
    #expect(try begin() == nil)
    #expect(count("GET /directory") == 2)
  }

  @Test func `an account that the CA has forgotten is made anew, and the request repeated`() throws
  {
    #expect(try begin() == nil)
    let before = client.accountURL
    ca.members = [:]
    #expect(try post("/order/1").get().status == 200)
    #expect(client.accountURL != before && ca.members.count == 1)
    #expect(count("POST /order/1") == 2 && count("POST /account") == 2)
  }

  @Test func `a CA that never finds its accounts ends it`() throws {
    #expect(try begin() == nil)
    ca.special["POST /order/1"] = .problem("accountDoesNotExist")
    guard case .failure(let error) = try post("/order/1") else {
      Issue.record("it was answered")
      return
    }
    #expect(error.problem?.type == "accountDoesNotExist")
    #expect(count("POST /order/1") == 2)
  }

  @Test func `an account that is no longer valid is said to be so`() throws {
    ca.special["POST /account"] = .init(
      fields: ["Location: \(ca.origin)/account/1"], body: #"{"status": "deactivated"}"#)
    #expect(try begin()?.description.contains("the account is deactivated") == true)
  }

  @Test func `an account without an address is refused`() throws {
    ca.special["POST /account"] = .init(status: 201, body: #"{"status": "valid"}"#)
    #expect(try begin() == .malformed("the CA gives no address of the account"))
  }

  @Test func `a CA that wants to know its customers is shown the external account`() throws {
    let external = ExternalAccount(
      id: "kid-1", key: Array("secret of 32 bytes, or as many as".utf8))
    ca.external = external
    #expect(try begin()?.problem?.type == "externalAccountRequired")
    #expect(
      try begin(["ops@example.org"], .init(id: "kid-1", key: [1]))?.problem?.type == "unauthorized")
    #expect(try begin(["ops@example.org"], external) == nil)
    #expect(ca.members.count == 1 && ca.complaints.isEmpty)
  }

  // MARK: Nonces

  @Test(arguments: [20, 90])
  func `a CA that refuses many nonces is answered all the same`(percent: UInt64) throws {
    var random = SeededRandom(seed: 7)
    ca.refusesNonce = { random.next() % 100 < percent }
    #expect(try begin() == nil)
    for _ in 0..<10 { #expect(try post("/order/1").get().status == 200) }
    #expect(ca.complaints.isEmpty)
  }

  @Test func `a CA that refuses every nonce is given up`() throws {
    ca.refusesNonce = { true }
    #expect(try begin()?.problem?.type == "badNonce")
    #expect(count("POST /account") == SignedCalls.noncesRefusedMax + 1)
  }

  @Test func `nonces of a CA that was started anew are asked for again`() throws {
    #expect(try begin() == nil)
    ca.forgetNonces()
    #expect(try post("/order/1").get().status == 200)
    #expect(count("POST /order/1") == 2)
  }

  @Test func `a CA without nonces is not asked again and again`() throws {
    let url = try #require(HTTPURL("\(ca.origin)/directory"))
    ca.special["HEAD /nonce"] = .init(status: 503, fields: ["Retry-After: 7"], body: "")
    ca.fields = ["Replay-Nonce: no nonce!"]
    let lone = ACMEClient(directoryURL: url, key: key, account: nil, caller: caller, on: loop)
    defer { lone.close() }
    ca.givesNonces = false
    let result: Result<Void, ACMEError> = try answer {
      lone.begin(contact: [], externalAccount: nil, $0)
    }
    guard case .failure(let error) = result else {
      Issue.record("it was answered")
      return
    }
    #expect(error == .status(503, retryAfter: .seconds(7)))
    #expect(count("HEAD /nonce") == 1)
  }

  // MARK: Refusals and times

  @Test func `Retry-After is handed up, as a number and as a date`() throws {
    #expect(try begin() == nil)
    for field in ["Retry-After: 90", "Retry-After: Sun, 06 Nov 1994 08:51:07 GMT"] {
      ca.fields = ["Date: Sun, 06 Nov 1994 08:49:37 GMT"]
      ca.special["POST /order"] = .problem("rateLimited", 429, field)
      guard case .failure(let error) = try post("/order") else {
        Issue.record("it was answered")
        return
      }
      #expect(error.isRateLimited && error.status == 429)
      #expect(error.retryAfter == .seconds(90))
    }
    ca.special["POST /order"] = .init(status: 503, fields: ["Retry-After: 7"], body: "<html>")
    #expect(try post("/order") == .failure(.status(503, retryAfter: .seconds(7))))
  }

  @Test func `what was made and when to ask again come with the answer`() throws {
    #expect(try begin() == nil)
    ca.special["POST /order"] = .init(
      status: 201, fields: ["Location: \(ca.origin)/order/9", "Retry-After: 3"], body: "x")
    let answer = try post("/order").get()
    #expect(
      answer
        == ACMEAnswer(
          status: 201, body: [0x78], location: "\(ca.origin)/order/9", retryAfter: .seconds(3)))
  }

  @Test func `the CA's clock is compared with ours`() throws {
    ca.fields = ["Date: Sun, 06 Nov 1994 08:49:37 GMT"]
    #expect(client.clockDifference == nil)
    let before = WallTime.seconds
    #expect(try begin() == nil)
    let difference = try #require(client.clockDifference)
    #expect((784_111_777 - WallTime.seconds...784_111_777 - before).contains(difference))
  }

  @Test func `a redirect is refused, not followed`() throws {
    #expect(try begin() == nil)
    ca.special["POST /order"] = .init(status: 302, fields: ["Location: \(ca.origin)/x"], body: "")
    #expect(try post("/order") == .failure(.status(302, retryAfter: nil)))
    #expect(count("POST /x") == 0)
  }

  @Test func `a CA that is not there is unreachable`() throws {
    let url = try #require(HTTPURL("http://127.77.0.3:1/directory"))
    let lone = ACMEClient(directoryURL: url, key: key, account: nil, caller: caller, on: loop)
    defer { lone.close() }
    let result: Result<Void, ACMEError> = try answer {
      lone.begin(contact: [], externalAccount: nil, $0)
    }
    guard case .failure(.unreachable) = result else {
      Issue.record("\(result)")
      return
    }
  }

  @Test func `nothing is asked before it has begun`() throws {
    guard case .failure(.local) = try post("/order") else {
      Issue.record("it was asked")
      return
    }
    #expect(ca.asked.isEmpty)
  }

  @Test func `nothing is told after it was closed`() throws {
    var told = 0
    client.begin(contact: [], externalAccount: nil) { _ in told += 1 }
    client.post("\(ca.origin)/x", nil) { _ in told += 1 }
    client.close()
    for _ in 0..<2000 where try !loop.turn(mayWait: false) { sched_yield() }
    #expect(told == 0)
  }

  // MARK: Renewal, revocation, another key

  @Test func `the CA says when to renew`() throws {
    #expect(try begin() == nil)
    let info = try answer { client.renewalInfo("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", $0) }.get()
    #expect(ca.asked.last == "GET /renewal/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
    #expect(info.end - info.start == 86_400 && info.retryAfter == .seconds(21_600))
  }

  @Test func `a directory without renewal information says so`() throws {
    ca.hasRenewalInfo = false
    #expect(try begin() == nil)
    let result = try answer { client.renewalInfo("a.b", $0) }
    #expect(result == .failure(.unsupported("renewalInfo")))
  }

  @Test func `the first certificate of a chain is revoked, with the reason`() throws {
    #expect(try begin() == nil)
    let chain = TestAuthority().issue(["a.test"]).certificate
    let result: Result<Void, ACMEError> = try answer {
      client.revoke(chainPEM: Array(chain.utf8), reason: .keyCompromise, $0)
    }
    #expect(throws: Never.self) { try result.get() }
    let payload = try #require(ca.payloads["/revoke"])
    let said = String(decoding: payload, as: UTF8.self)
    let der = try #require(
      Base64URL.decode(SignedRequest.members(payload)["certificate"]?.first ?? ""))
    #expect(said.hasSuffix(#","reason":1}"#))
    #expect(
      Base64.encode(der).elementsEqual(
        chain.split(separator: "\n").dropFirst().dropLast().joined().utf8))
    ca.special["POST /revoke"] = .problem("alreadyRevoked")
    let again: Result<Void, ACMEError> = try answer {
      client.revoke(chainPEM: Array(chain.utf8), reason: .superseded, $0)
    }
    #expect(throws: Never.self) { try again.get() }
  }

  @Test func `what is no certificate is not revoked`() throws {
    #expect(try begin() == nil)
    let result: Result<Void, ACMEError> = try answer {
      client.revoke(chainPEM: Array("no certificate".utf8), reason: .unspecified, $0)
    }
    guard case .failure(.local) = result else {
      Issue.record("\(result)")
      return
    }
    #expect(count("POST /revoke") == 0)
  }

  @Test func `the account gets another key, which signs from then on`() throws {
    #expect(try begin() == nil)
    let result: Result<Void, ACMEError> = try answer { client.rotate(to: other, $0) }
    #expect(throws: Never.self) { try result.get() }
    #expect(ca.members.values.first?.key.jwk == other.jwk)
    #expect(try client.thumbprint() == JWS.thumbprint(other))
    #expect(try post("/order/1").get().status == 200)
    #expect(ca.complaints.isEmpty)
  }

  @Test func `a key change that the CA refuses leaves the old key in place`() throws {
    #expect(try begin() == nil)
    ca.special["POST /key"] = .problem("malformed", 409)
    let result: Result<Void, ACMEError> = try answer { client.rotate(to: other, $0) }
    #expect(throws: ACMEError.self) { try result.get() }
    #expect(try client.thumbprint() == JWS.thumbprint(key))
    #expect(try post("/order/1").get().status == 200)
  }
}
