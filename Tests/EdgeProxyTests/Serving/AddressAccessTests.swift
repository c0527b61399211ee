import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Clients that are let in or kept out by their address")
struct AddressAccessTests {
  /// The status that a client of this address gets from a server with these rules.
  private func status(
    _ address: String, top: String = "", route: String = "", path: String = "/",
    to kind: ListenerKind = .https, _ fields: String = ""
  ) throws -> Int {
    let server = try InProcessServer(
      """
      \(top)
      routes: [{ host: a.test, respond: { body: "let in" }, \(route) }]
      """, logging: true)
    let known = IPAddress(Array(address.utf8).span)
    let from = try #require(known)
    let client = try server.connect(to: kind, from: from)
    client.send("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\(fields)\r\n")
    try server.settle()
    let answer = try #require(client.answer())
    #expect((answer.status == 403) == (try server.accessLines().first?.cause == "address-denied"))
    return answer.status
  }

  static let rules: [(rules: String, address: String, isIn: Bool)] = [
    ("allow: [192.0.2.0/24]", "192.0.2.7", true),
    ("allow: [192.0.2.0/24]", "192.0.3.7", false),
    ("allow: [192.0.2.0/24]", "2001:db8::1", false),
    ("allow: [192.0.2.0/24]", "::ffff:192.0.2.7", true),
    ("allow: [\"::ffff:192.0.2.0/120\"]", "192.0.2.7", true),
    ("allow: [\"2001:db8::/32\"]", "2001:db8:ffff::1", true),
    ("allow: [\"2001:db8::/32\"]", "2001:db9::1", false),
    ("deny: [192.0.2.7]", "192.0.2.7", false),
    ("deny: [192.0.2.7]", "::ffff:192.0.2.7", false),
    ("deny: [192.0.2.7]", "192.0.2.8", true),
    ("deny: [\"::/0\"]", "192.0.2.8", true),
    ("deny: [\"::/0\"]", "2001:db8::1", false),
    ("allow: [0.0.0.0/0], deny: [192.0.2.0/24]", "192.0.2.8", false),
    ("allow: [192.0.2.8], deny: [192.0.2.0/24]", "192.0.2.8", false),
  ]

  @Test(arguments: rules) func `by a route, and by the whole server`(
    rules: String, address: String, isIn: Bool
  ) throws {
    let expected = isIn ? 200 : 403
    #expect(try status(address, route: rules) == expected)
    let top = rules.replacing("], ", with: "]\n")
    #expect(try status(address, top: top) == expected)
  }

  @Test func `a route cannot admit whom the server keeps out`() throws {
    #expect(
      try status("192.0.2.7", top: "deny: [192.0.2.7]", route: "allow: [192.0.2.7]") == 403)
    #expect(
      try status("192.0.2.7", top: "allow: [192.0.2.0/24]", route: "deny: [192.0.2.7]") == 403)
  }

  @Test func `the address behind a trusted proxy counts, and a word of the client's does not`()
    throws
  {
    let said = "X-Forwarded-For: 10.1.1.1\r\n"
    let rules = "allow: [10.0.0.0/8]"
    #expect(try status("192.0.2.7", top: "trusted: [192.0.2.7]", route: rules, said) == 200)
    #expect(try status("192.0.2.7", route: rules, said) == 403)
    // The proxy itself is no client that is let in.
    let proxies = "trusted: [10.0.0.9]"
    #expect(
      try status("10.0.0.9", top: proxies, route: rules, "X-Forwarded-For: 192.0.2.1\r\n") == 403)
  }

  @Test func `the health endpoint and challenges are for everybody, redirects are not`() throws {
    let challenges = try TemporaryDirectory()
    try challenges.write("token", "answer")
    let top = "deny: [192.0.2.7]\nacme_challenges: \"\(challenges.path)\""
    #expect(try status("192.0.2.7", top: top, path: "/healthz") == 200)
    #expect(try status("192.0.2.7", top: top, path: "/healthz", to: .http) == 200)
    #expect(
      try status("192.0.2.7", top: top, path: "/.well-known/acme-challenge/token", to: .http)
        == 200)
    #expect(try status("192.0.2.7", top: top, to: .http) == 403)
    #expect(try status("192.0.2.8", top: top, to: .http) == 301)
  }

  @Test func `a stream of HTTP/2 and one that asks for a WebSocket pass the same gate`() throws {
    let server = try InProcessServer(
      "routes: [{ host: a.test, respond: { body: \"let in\" }, deny: [198.51.100.7] }]",
      logging: true)
    let client = try server.connect(.http2)
    client.send(HTTP2Frames.greeting + HTTP2Frames.request(1, "GET", "/"))
    try server.settle()
    #expect(try server.accessLines().map(\.cause) == ["address-denied"])
    #expect(try server.accessLines().first?["protocol"] == "HTTP/2.0")
  }
}
