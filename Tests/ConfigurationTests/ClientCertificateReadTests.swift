import TLS
import TestSupport
import Testing

@testable import Configuration

@Suite("Client certificates of the configuration")
struct ClientCertificateReadTests {
  private static let files: [String: [UInt8]] = {
    let clients = TestAuthority("Clients")
    let leaf = clients.issue(["a.org"])
    return [
      "/clients.pem": clients.pem, "/copy.pem": clients.pem, "/empty.pem": "",
      "/others.pem": TestAuthority("Others").pem, "/key.pem": leaf.key,
      "/leaf.pem": clients.pem + leaf.certificate,
    ].mapValues { Array($0.utf8) }
  }()
  private static let top = "upstreams: { app: { nodes: [\"10.0.0.1:3031\"] } }\nroutes:\n"

  private static func routes(_ routes: [String]) -> String {
    top + routes.map { "  - { upstream: app, \($0) }\n" }.joined()
  }

  private func read(_ routes: String...) -> [String] {
    ConfigurationFixture.read(Array(Self.routes(routes).utf8), files: Self.files).lines
      .map { String($0.dropFirst("edge.yaml:".count)) }
  }

  private func rules(_ routes: String...) throws -> [ClientRule?] {
    try ConfigurationFixture.configuration(Self.routes(routes), files: Self.files).routes
      .map(\.clientCertificates)
  }

  private static let asking = "client_certificates: { ca: /clients.pem }"

  @Test func `what one route of a host says holds for all of them, and for no other host`() throws {
    let found = try rules(
      "host: a.org", "host: a.org, path: /in, \(Self.asking)", "host: b.org",
      "host: \"*.org\"")
    #expect(found[0] != nil && found[0] == found[1])
    #expect(found[0]?.isRequired == true)
    #expect(found[2] == nil && found[3] == nil)
  }

  @Test func `two routes of a host may say the same, whatever the file is called`() throws {
    let found = try rules(
      "host: a.org, \(Self.asking)",
      "host: a.org, path: /in, client_certificates: { ca: /copy.pem, mode: require }",
      "host: b.org, client_certificates: { ca: /clients.pem, mode: optional }")
    #expect(found[0] == found[1])
    #expect(found[2]?.isRequired == false)
  }

  @Test func `two rules for one host are refused`() {
    #expect(
      read(
        "host: a.org, \(Self.asking)",
        "host: a.org, path: /in, client_certificates: { ca: /others.pem }") == [
          "4:73: 'client_certificates' of host 'a.org' is other than on line 3: it holds for all"
            + " routes of a host"
        ])
    #expect(
      read(
        "host: a.org, \(Self.asking)",
        "host: a.org, path: /in, client_certificates: { ca: /clients.pem, mode: optional }"
      ).count == 1)
  }

  @Test func `a host whose other paths go to a wildcard with another rule is refused`() {
    #expect(
      read("host: \"*.a.org\", \(Self.asking)", "host: b.a.org, path: /api") == [
        "4:28: host 'b.a.org' has no route for all of '/', so that other requests for it go to '*.a.org',"
          + " whose 'client_certificates' is other; give 'b.a.org' the same, or a route for '/'"
      ])
    #expect(
      read("host: \"*\", \(Self.asking)", "host: b.a.org, match: { headers: { X-New: \"1\" } }")
        .count == 1)
    #expect(
      read("host: \"*\", \(Self.asking)", "host: b.a.org, path: /api", "host: \"*.a.org\"")
        .count == 0)
    #expect(read("host: \"*.a.org\", \(Self.asking)", "host: b.a.org") == [])
    #expect(
      read(
        "host: \"*.a.org\", \(Self.asking)", "host: b.a.org, path: /api, \(Self.asking)") == [])
  }

  /// What the second route says of client certificates, and the line that it gives.
  private static let mistakes: [(String, String)] = [
    ("{}", "4:57: missing required key 'ca' in routes[1].client_certificates"),
    ("{ ca: /nowhere.pem }", "4:63: '/nowhere.pem' cannot be read: No such file or directory"),
    ("{ ca: /empty.pem }", "4:63: '/empty.pem' is no file of authorities: no certificate in it"),
    (
      "{ ca: /key.pem }",
      "4:63: '/key.pem' is no file of authorities: it holds a private key; only the certificates of"
        + " authorities belong here"
    ),
    (
      "{ ca: /leaf.pem }",
      "4:64: '/leaf.pem' is no file of authorities: certificate 2 of it is not one of an authority"
        + " (CA:TRUE); name the authority that issues the clients' certificates, not the certificates"
    ),
    (
      "{ ca: /clients.pem, mode: off }",
      "4:83: 'mode' must be require or optional, found 'off'; a host asks for no certificate where"
        + " 'client_certificates' is left out"
    ),
    (
      "{ ca: /clients.pem, mode: optional_no_ca }",
      "4:83: 'mode' must be require or optional, found 'optional_no_ca'; every certificate that is"
        + " shown is verified: require or optional"
    ),
    (
      "{ ca: /clients.pem, verify_depth: 2 }",
      "4:77: unknown key 'verify_depth' in routes[1].client_certificates; four certificates at most"
        + " may stand between a client's and one of the file"
    ),
    (
      "/clients.pem",
      "4:57: 'routes[1].client_certificates' must be a mapping of keys, found '/clients.pem'; did you"
        + " mean { ca: /clients.pem }?"
    ),
  ]

  @Test(arguments: mistakes.indices)
  func `a mistake is told with its place and what to do`(index: Int) {
    let (text, line) = Self.mistakes[index]
    let found = read("host: a.org", "host: b.org, client_certificates: \(text)")
    // Columns are those of the text.
    let message = { (line: String) in line.drop { $0 != " " } }
    #expect(found.map(message) == [message(line)])
    #expect(found.allSatisfy { $0.hasPrefix("4:") })
  }

  @Test func `keys of other servers are told what is here`() {
    let advice =
      "; 'client_certificates: { ca: FILE, mode: require }' of a route holds for its host"
    #expect(
      read("host: a.org, ssl_verify_client: on") == [
        "3:35: unknown key 'ssl_verify_client' in routes[0]\(advice)"
      ])
    #expect(
      ConfigurationFixture.read(
        Array((Self.routes(["host: a.org"]) + "tls: { client_auth: x }\n").utf8)
      ).lines == ["edge.yaml:4:8: unknown key 'client_auth' in tls\(advice)"])
  }
}
