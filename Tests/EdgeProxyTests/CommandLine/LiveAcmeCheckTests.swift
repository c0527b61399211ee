import Configuration
import EventLoop
import Testing
import Wire

@testable import EdgeProxy

@Suite("What a CA and the addresses of names answer to a check")
struct LiveAcmeCheckTests {
  private static let issuer = AcmeSettings.Issuer(
    directory: "https://ca.test/directory", name: "letsencrypt")

  private static let directory =
    #"{"newNonce":"https://ca.test/n","newAccount":"https://ca.test/a","newOrder":"https://ca.test/o","#
    + #""meta":{"profiles":{"classic":"","tlsserver":""},"externalAccountRequired":true}}"#

  /// What is said of an answer that came at 2026-12-01T00:00:00Z.
  private func judge(
    _ issuer: AcmeSettings.Issuer = issuer, _ status: Int = 200, body: String = directory,
    date: String = "Tue, 01 Dec 2026 00:04:59 GMT"
  ) throws -> [String] {
    let url = try #require(HTTPURL(issuer.directory))
    let response = HTTPResponse(
      status: status, fields: [("Date", date)], body: Array(body.utf8))
    return LiveAcmeCheck.judge(issuer, url, .success(response), time: 1_796_083_200)
  }

  private static var known: AcmeSettings.Issuer {
    var issuer = issuer
    issuer.externalAccount = AcmeSettings.ExternalAccount(id: "k", keyFile: "/k")
    issuer.profile = "tlsserver"
    return issuer
  }

  @Test func `nothing is said of a CA that does what is asked of it`() throws {
    #expect(try judge(Self.known) == [])
  }

  @Test func `what a CA wants or does not have is said`() throws {
    #expect(try judge() == ["'letsencrypt' wants an 'external_account'"])
    var other = Self.known
    other.profile = "shortlived"
    #expect(
      try judge(other) == [
        "'letsencrypt' has no profile 'shortlived': it lists classic or tlsserver"
      ])
  }

  @Test func `what is no directory is said`() throws {
    #expect(
      try judge(Self.known, 404) == ["'letsencrypt' answers 404 where its directory should be"])
    let lines = try judge(Self.known, body: "<html>")
    #expect(lines.count == 1)
    #expect(lines[0].hasPrefix("'letsencrypt' gives no directory of ACME: "))
    let url = try #require(HTTPURL("https://ca.test/directory"))
    #expect(
      LiveAcmeCheck.judge(Self.known, url, .failure(.timedOut), time: 0) == [
        "'letsencrypt' does not answer: no answer in time"
      ])
  }

  @Test func `a clock that the CA would not take is said`() throws {
    #expect(
      try judge(Self.known, date: "Tue, 01 Dec 2026 00:05:01 GMT") == [
        "the clock here is 301 s behind that of 'letsencrypt': nothing is ordered while it is more than"
          + " 300 s"
      ])
    #expect(try judge(Self.known, date: "Mon, 30 Nov 2026 23:00:00 GMT").count == 1)
    #expect(try judge(Self.known, date: "yesterday") == [])
  }

  @Test func `an address is this fleet's where the name of a server comes back`() throws {
    func answer(_ status: Int, _ text: String) -> Result<HTTPResponse, HTTPCallError> {
      .success(HTTPResponse(status: status, fields: [], body: Array(text.utf8)))
    }
    #expect(LiveAcmeCheck.isOurs(answer(200, "edge-1\n"), "edge-1"))
    #expect(LiveAcmeCheck.isOurs(answer(200, "edge-1"), "edge-1"))
    #expect(!LiveAcmeCheck.isOurs(answer(200, "edge-12"), "edge-1"))
    #expect(!LiveAcmeCheck.isOurs(answer(404, "edge-1"), "edge-1"))
    #expect(!LiveAcmeCheck.isOurs(.failure(.timedOut), "edge-1"))
    let address = try #require(SocketAddress("192.0.2.7:80"))
    #expect(
      LiveAcmeCheck.stranger("a.test", address, answer(404, ""))
        == "a CA asks for 'a.test' at 192.0.2.7:80, where no running server of this fleet answers, but"
        + " another one with 404")
    #expect(
      LiveAcmeCheck.stranger("a.test", address, .failure(.connection("Connection refused")))
        == "a CA asks for 'a.test' at 192.0.2.7:80, where nobody answers: Connection refused")
  }
}
