import TLS
import TestSupport
import Testing

@testable import Configuration
@testable import EdgeProxy

@Suite("What hosts ask of their clients' certificates")
struct ClientRuleTests {
  private static func rule(_ name: String) throws -> ClientRule {
    let pem = Array(TestAuthority(name).pem.utf8)
    return ClientRule(try ClientAuthorities(pem: pem), isRequired: true)
  }

  private static func route(_ hosts: String..., asking rule: ClientRule?) -> RouteSettings {
    var route = RouteSettings(
      hosts: hosts, path: "/", upstream: 0, bodyBytesMax: 0, idempotencyKey: false, webSocket: true)
    route.clientCertificates = rule
    return route
  }

  private static func rule(in rules: ClientRules?, for name: String) -> ClientRule? {
    let name = Array(name.utf8)
    return rules?.rule(for: name.span)
  }

  @Test func `a name is asked for what its own routes say, exact before wildcard before all`()
    throws
  {
    let (one, two) = (try Self.rule("one"), try Self.rule("two"))
    let rules = ClientRules([
      Self.route("*.a.test", asking: one), Self.route("free.a.test", "b.test", asking: nil),
      Self.route("*", asking: two),
    ])
    for (name, expected) in [
      ("x.a.test", one), ("free.a.test", nil), ("b.test", nil), ("c.test", two),
      ("x.y.a.test", two),
      ("", two),
    ] {
      #expect(Self.rule(in: rules, for: name) == expected, "\(name)")
    }
    #expect(ClientRules([Self.route("a.test", asking: nil)]) == nil)
  }

  @Test func `tables are the same where every name is asked for the same`() throws {
    let (one, two) = (try Self.rule("one"), try Self.rule("two"))
    let free = Self.route("b.test", asking: nil)
    let rules = ClientRules([Self.route("a.test", asking: one), free])
    #expect(rules == ClientRules([free, Self.route("a.test", asking: one)]))
    #expect(rules != ClientRules([Self.route("a.test", asking: two), free]))
    #expect(rules != ClientRules([Self.route("a.test", asking: one)]))
  }

  /// The connection has no TLS at all, and so none that has asked for a certificate.
  @Test func `a request over a connection made under another rule is misdirected`() throws {
    let files = try TemporaryDirectory()
    try files.write("clients.pem", TestAuthority("Clients").pem)
    let free = """
      routes:
      - { host: free.test, respond: { body: "free" } }
      - { host: guarded.test, respond: { body: "guarded" }
      """
    let guarded = free + ", client_certificates: { ca: \"\(files.path)/clients.pem\", mode: "
    let server = try InProcessServer(guarded + "require } }")
    let client = try server.connect()
    func status(_ host: String) throws -> Int? {
      client.send("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n")
      try server.settle()
      return client.answer()?.status
    }
    #expect(try status("free.test") == 200)
    #expect(try status("guarded.test") == 421)
    try server.install(guarded + "optional } }")
    #expect(try status("guarded.test") == 421)
    try server.install(free + " }")
    #expect(try status("guarded.test") == 200)
  }
}
