import TestSupport
import Testing
import Wire

@testable import ACME

@Suite("Documents of a CA, RFC 8555 §7.1")
struct DocumentTests {
  private let home: HTTPURL

  init() throws { home = try #require(HTTPURL("https://ca.test/directory")) }

  private func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

  private func fault(_ read: () throws(ACMEError) -> Void) -> String? {
    do throws(ACMEError) {
      try read()
      return nil
    } catch {
      return error.description
    }
  }

  @Test func `a directory says where to ask for what`() throws {
    let directory = try Directory(octets(ACMEDocuments.directory), from: home)
    #expect(directory.newOrder.description == "https://ca.test/order")
    #expect(directory.renewalInfo?.description == "https://ca.test/renewal")
    #expect(directory.profiles == ["classic", "short"])
    #expect(directory.caaIdentities == ["ca.test"] && !directory.needsExternalAccount)
    #expect(directory.termsOfService == "https://ca.test/terms")
  }

  @Test func `a directory needs no more than nonces, accounts and orders`() throws {
    let least = octets(
      #"""
      {"newNonce": "https://ca.test/n", "newAccount": "https://ca.test/a",
      "newOrder": "https://ca.test/o", "meta": {"externalAccountRequired": true, "profiles": 5}}
      """#)
    let directory = try Directory(least, from: home)
    #expect(directory.renewalInfo == nil && directory.keyChange == nil)
    #expect(directory.revokeCert == nil && directory.profiles.isEmpty)
    #expect(directory.needsExternalAccount)
  }

  @Test(arguments: [
    ("", "no JSON"), ("{", "no JSON"), ("[]", "another type"), ("{}", "'newNonce' is missing"),
    (#"{"newNonce": 5}"#, "'newNonce' has a value of another type"),
  ])
  func `what is no directory is refused with the reason`(text: String, reason: String) {
    let said = fault { () throws(ACMEError) in _ = try Directory(octets(text), from: home) }
    #expect(said?.contains("the directory") == true)
    #expect(said?.contains(reason) == true, "\(said ?? "nothing")")
  }

  @Test func `addresses have TLS unless the directory itself has none`() throws {
    let plain = octets(
      #"""
      {"newNonce": "http://ca.test/n", "newAccount": "http://ca.test/a",
      "newOrder": "http://ca.test/o"}
      """#)
    let said = fault { () throws(ACMEError) in _ = try Directory(plain, from: home) }
    #expect(said?.contains("newNonce is an address without TLS: http://ca.test/n") == true)
    let test = try #require(HTTPURL("http://ca.test/directory"))
    #expect(try Directory(plain, from: test).newNonce.isSecure == false)
    for bad in ["ftp://ca.test/", "https://", "https://user@ca.test/", "/o", "https://ca.test/ o"] {
      #expect(throws: ACMEError.self) { try LinkRule(directory: home).read(bad, "it") }
    }
  }

  @Test func `what is deep, large or long is refused`() {
    let deep = String(repeating: "[", count: 33) + String(repeating: "]", count: 33)
    let large = #"{"a": ""# + String(repeating: "a", count: 1 << 20) + #""}"#
    for text in [#"{"a": \#(deep)}"#, large, String(repeating: "{\"a\":", count: 100_000)] {
      #expect(throws: ACMEError.self) { try Directory(octets(text), from: home) }
    }
    let names = (0...1000).map { "a\($0).test" }
    let rule = LinkRule(directory: home)
    let many = octets(ACMEDocuments.order("pending", names))
    #expect(throws: ACMEError.self) { try Order(many, rule) }
    let most = octets(ACMEDocuments.order("pending", names.dropLast()))
    #expect(throws: Never.self) { try Order(most, rule) }
  }

  @Test func `brackets within a text are not depth`() throws {
    let text = String(repeating: "[{", count: 40) + #"\"["#
    let problem = try Problem(octets(#"{"type": "a", "detail": "\#(text)"}"#))
    #expect(problem.detail.hasPrefix("[{[{"))
  }

  @Test func `an order has names in small letters, and other things than names apart`() throws {
    let text = ACMEDocuments.order("pending", ["A.Test", "*.b.test"])
      .replacing(#""type": "dns", "value": "*.b"#, with: #""type": "ip", "value": "*.b"#)
    let order = try Order(octets(text), LinkRule(directory: home))
    #expect(order.names == ["a.test", "ip:*.b.test"])
    #expect(order.authorizations.map(\.description).last == "https://ca.test/authz/1")
  }

  @Test func `an authorization has the challenges that are known and the names of all`() throws {
    let text = ACMEDocuments.authorization(
      "*.A.test", 3, "pending", kinds: ["dns-01", "dns-persist-01", "http-01"])
    let authorization = try Authorization(octets(text))
    #expect(authorization.name == "*.a.test")
    #expect(authorization.challenges.map(\.type) == [.dns, .http])
    #expect(authorization.offered == ["dns-01", "dns-persist-01", "http-01"])
    #expect(authorization.challenge(.dns)?.token == "token-3")
    #expect(authorization.challenge(.alpn) == nil)
  }

  @Test(arguments: ["", "../a", "a/b", "a b", "ä", "a.b", String(repeating: "a", count: 513)])
  func `a token with other letters than base64url's is none`(token: String) throws {
    let text = ACMEDocuments.authorization("a.test", 0, "pending")
      .replacing("token-0", with: token)
    #expect(try Authorization(octets(text)).challenges.isEmpty)
  }

  @Test func `a problem says what went wrong with which name`() throws {
    let problem = try Problem(
      octets(
        #"""
        {"type": "urn:ietf:params:acme:error:malformed", "detail": "Some were rejected", "status": 400,
        "subproblems": [
          {"type": "urn:ietf:params:acme:error:malformed", "detail": "Invalid underscore",
           "identifier": {"type": "dns", "value": "_example.org"}},
          {"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "Not here",
           "identifier": {"type": "dns", "value": "example.net"}}]}
        """#))
    #expect(
      problem.type == "malformed" && problem.parts.map(\.name) == ["_example.org", "example.net"])
    #expect(
      problem.description == "malformed: Some were rejected; _example.org: malformed: "
        + "Invalid underscore; example.net: rejectedIdentifier: Not here")
  }

  @Test func `members of a problem that are of another type count as missing`() throws {
    let problem = try Problem(octets(#"{"type": 5, "detail": [], "subproblems": {}}"#))
    #expect(problem == Problem(type: "about:blank", detail: ""))
  }

  @Test func `a text of a CA is one short line, whatever stands in it`() throws {
    let problem = try Problem(
      octets(#"{"type": "a", "detail": "one\r\ntwo\u001b[31m\u202ethree\u0000"}"#))
    #expect(problem.detail == "one  two [31m three ")
    let long = Document.line(String(repeating: "ü", count: 2000))
    #expect(long.utf8.count == 1000 && long.allSatisfy { $0 == "ü" })
  }

  @Test func `an account may keep its contact to itself`() throws {
    let account = try Account(octets(#"{"status": "valid"}"#))
    #expect(account.status == "valid" && account.contact == nil)
    let other = try Account(octets(#"{"status": "revoked", "contact": ["mailto:a@b.test"]}"#))
    #expect(other.status == "revoked" && other.contact == ["mailto:a@b.test"])
  }
}

@Suite("Times that a CA names")
struct TimeTests {
  @Test(arguments: [
    ("0", 0), ("120", 120), ("007", 7), ("99999999999999999999999999", 31 * 86_400),
    ("Sun, 06 Nov 1994 08:49:37 GMT", 37), ("Sunday, 06-Nov-94 08:49:37 GMT", 37),
    ("Sun Nov  6 08:49:37 1994", 37), ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
    ("Sun, 06 Nov 2094 08:49:37 GMT", 31 * 86_400),
  ])
  func `Retry-After is a number of seconds or a date, RFC 9110 §10.2.3`(text: String, wait: Int) {
    #expect(RetryAfter.read(text, now: 784_111_740) == .seconds(wait))
  }

  @Test(arguments: ["", "-1", "1.5", "1 s", "soon", "٣"])
  func `what is neither a number nor a date says nothing`(text: String) {
    #expect(RetryAfter.read(text, now: 0) == nil)
  }

  @Test(arguments: [
    ("1970-01-01T00:00:00Z", 0), ("2026-11-30T12:00:00Z", 1_796_040_000),
    ("2026-11-30t13:30:00.987654+01:30", 1_796_040_000),
    ("2026-11-30T00:00:00-12:00", 1_796_040_000),
    ("2024-02-29T00:00:00z", 1_709_164_800), ("2016-12-31T23:59:60Z", 1_483_228_800),
    ("9999-12-31T23:59:59Z", 253_402_300_799),
  ])
  func `a timestamp is read as RFC 3339 has it`(text: String, seconds: Int64) {
    #expect(Timestamp.seconds(text) == seconds)
  }

  @Test(arguments: [
    "", "2026-11-30", "2026-11-30T12:00:00", "2026-11-30 12:00:00Z", "2026-13-01T00:00:00Z",
    "2026-02-29T00:00:00Z", "2026-11-31T00:00:00Z", "2026-11-30T24:00:00Z", "2026-11-30T12:00:00.Z",
    "2026-11-30T12:00:00+1:00", "+026-11-30T12:00:00Z", "2026-11-30T12:00:00ZZ",
    "0000-01-01T00:00:00Z",
  ])
  func `what is no timestamp is refused`(text: String) {
    #expect(Timestamp.seconds(text) == nil)
  }

  private func info(_ start: String, _ end: String) throws(ACMEError) -> RenewalInfo {
    try RenewalInfo(
      Array(
        #"""
        {"suggestedWindow": {"start": "\#(start)", "end": "\#(end)"},
        "explanationURL": "https://ca.test/why"}
        """#.utf8))
  }

  @Test func `renewal information is a window, RFC 9773 §4.2`() throws {
    let read = try info("2025-01-02T04:00:00Z", "2025-01-03T04:00:00Z")
    #expect(read.end - read.start == 86_400 && read.explanation == "https://ca.test/why")
    #expect(throws: ACMEError.self) { try info("2025-01-03T04:00:00Z", "2025-01-02T04:00:00Z") }
    #expect(throws: ACMEError.self) { try info("2025-01-03T04:00:00Z", "2025-01-03T04:00:00Z") }
    #expect(throws: ACMEError.self) { try info("tomorrow", "2025-01-03T04:00:00Z") }
  }

  @Test func `a reason for revocation is RFC 5280's word`() {
    #expect(RevocationReason(word: "keyCompromise")?.rawValue == 1)
    #expect(RevocationReason(word: "KEYCOMPROMISE") == .keyCompromise)
    #expect(RevocationReason(word: "superseded")?.rawValue == 4)
    #expect(RevocationReason(word: "cessationofoperation")?.word == "cessationOfOperation")
    #expect(RevocationReason(word: "7") == nil && RevocationReason(word: "") == nil)
    #expect(RevocationReason.allCases.count == 10)
  }
}
