import Testing

@testable import EdgeProxy

@Suite("Commands about certificates on the admin socket")
struct CertificateCommandTests {
  @Test("they are read from the path and the query")
  func read() {
    let issue = CertificateCommand(
      path: "/acme/issue", query: "name=a.test&name=%2A.b.test&force=1")
    #expect(issue?.action == .issue(isForced: true))
    #expect(issue?.names == ["a.test", "*.b.test"])
    #expect(
      CertificateCommand(path: "/acme/issue", query: "name=a&staging=1")?.action == .rehearse)
    #expect(CertificateCommand(path: "/acme/renew", query: "name=a")?.action == .renew)
    #expect(
      CertificateCommand(path: "/acme/revoke", query: "name=a&reason=1")?.action
        == .revoke(reason: 1))
    #expect(CertificateCommand(path: "/acme/account", query: "rotate=1")?.action == .rotate)
  }

  @Test(
    "what makes no sense is refused",
    arguments: [
      ("/acme/issue", "name"), ("/acme/issue", "name=%zz"), ("/acme/issue", "name=%C3"),
      ("/acme/issue", "name=%ff"), ("/acme/revoke", "name=a&reason=7"),
      ("/acme/revoke", "name=a&reason=99999999999999999999"), ("/acme/revoke", "reason=-1"),
      ("/acme/account", ""), ("/acme/other", "name=a"), ("/acme", "name=a"),
    ])
  func refused(_ path: String, _ query: String) {
    #expect(CertificateCommand(path: path, query: query) == nil)
  }

  @Test("thousands of names are refused")
  func bound() {
    let query = (0..<1001).map { "name=h\($0).test" }.joined(separator: "&")
    #expect(CertificateCommand(path: "/acme/issue", query: query) == nil)
  }
}
