import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Prefixes that are taken off, and names that clients are sent to")
struct PrefixServingTests {
  private let node: ScriptedNode
  private let server: InProcessServer

  init() throws {
    node = try ScriptedNode(overTCP: false)
    server = try InProcessServer(
      """
      trusted: []
      upstreams:
        app: { protocol: http, nodes: ["\(node.address)"] }
      routes:
        - { host: a.test, path: /app, strip_prefix: /app, upstream: app }
        - { host: a.test, path: /api/v1/, strip_prefix: /api, add_prefix: /inner, upstream: app }
        - { host: a.test, path: /old, redirect: { to: "/new{rest}{query}", status: 308 } }
        - { host: a.test, path: /away/, redirect: { to: "https://b.test/{rest}" } }
        - host: [b.test, www.b.test, "*.b.test"]
          canonical_host: b.test
          hsts: { max_age: 1h }
          respond: { body: here }
      """)
  }

  private func answer(_ request: String, host: String = "a.test", fields: String = "") throws
    -> String
  {
    let client = try server.connect()
    client.send("\(request) HTTP/1.1\r\nHost: \(host)\r\n\(fields)\r\n")
    try server.settle()
    return text(client.read().span)
  }

  /// What the application was asked for, or the status that the server answered with by itself.
  private func heard(_ target: String, fields: String = "") throws -> [String] {
    let client = try server.connect()
    client.send("GET \(target) HTTP/1.1\r\nHost: a.test\r\n\(fields)\r\n")
    try server.settle()
    guard let call = try node.accept() else {
      return [String(text(client.read().span).split(separator: " ").dropFirst().first ?? "")]
    }
    let lines = text(call.heard().span).split(separator: "\r\n").map(String.init)
    call.end()
    try server.settle()
    return lines
  }

  @Test(
    arguments: [
      ("/app", "/"), ("/app/x%2Fy//z?q", "/x%2Fy//z?q"),
      ("/api/v1/x", "/inner/v1/x"), ("/api/v1/../v1/x", "/inner/v1/../v1/x"),
      ("/app/x/../y", "/x/../y"),
    ])
  func `an application gets the path without the prefix`(target: String, expected: String) throws {
    #expect(try heard(target).first == "GET \(expected) HTTP/1.1")
  }

  @Test(arguments: [
    "/app/../app/x", "/app/%2e%2e/app/x", "/app/..;/x", "/./app/x", "/app%2Fx", "//app/x",
    "/api/v1/../../api/v1/x", "/api/../api/v1/x", "/api/v1/..%2f..%2fapi/v1/x",
    "/api/v1/..%5c..%5cx",
  ])
  func `no spelling leaves what stands in front`(target: String) throws {
    #expect(try heard(target) == ["400"])
  }

  @Test func `the prefix is told, whatever the client says of one`() throws {
    let lines = try heard("/app/x", fields: "X-Forwarded-Prefix: /evil\r\n")
    #expect(lines.filter { $0.hasPrefix("X-Forwarded-Prefix") } == ["X-Forwarded-Prefix: /app"])
  }

  @Test(
    arguments: [
      ("GET /old/a%2Fb//c?d", "/new/a%2Fb//c?d"), ("POST /old", "/new"), ("GET /old/", "/new/"),
      ("GET //old/a", "/new/a"), ("GET /old//evil.test/", "/new/evil.test/"),
      ("GET /away/x", "https://b.test/x"),
      ("GET /away/", "https://b.test/"), ("GET /away//evil.test", "https://b.test/evil.test"),
      ("GET /away/\\evil.test", "https://b.test/%5Cevil.test"),
    ])
  func `a redirect moves what is behind the path of its route`(request: String, location: String)
    throws
  {
    #expect(try answer(request).contains("\r\nLocation: \(location)\r\n"))
  }

  @Test(
    arguments: [
      ("GET /x%2F?y=%20", "www.b.test", "301", "https://b.test/x%2F?y=%20"),
      ("HEAD /", "other.b.test", "301", "https://b.test/"),
      ("POST /x", "WWW.b.test:443", "308", "https://b.test/x"),
    ])
  func `clients of another name are sent to the one that counts`(
    request: String, host: String, status: String, location: String
  ) throws {
    let answer = try answer(request, host: host)
    #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
    #expect(answer.contains("\r\nLocation: \(location)\r\n"))
    #expect(answer.contains("\r\nStrict-Transport-Security: max-age=3600\r\n"))
  }

  @Test func `clients of the name that counts are answered`() throws {
    #expect(try answer("GET /", host: "B.test.").hasSuffix("\r\n\r\nhere"))
  }
}

@Suite("A prefix that a proxy in front has taken off")
struct OuterPrefixTests {
  @Test(
    arguments: [
      ("/outer", "/outer/app"), ("/outer/", "/outer/app"), ("//evil.test", "/app"),
      ("/a/../b", "/app"), ("evil", "/app"), ("/a?b", "/app"), ("/a\\b", "/app"),
    ])
  func `is believed of trusted ones where it is a path`(said: String, told: String) throws {
    let node = try ScriptedNode(overTCP: false)
    let server = try InProcessServer(
      """
      trusted: ["198.51.100.7"]
      upstreams: { app: { protocol: http, nodes: ["\(node.address)"] } }
      routes: [{ host: a.test, path: /app, strip_prefix: /app, upstream: app }]
      """)
    let client = try server.connect()
    client.send("GET /app HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-Prefix: \(said)\r\n\r\n")
    try server.settle()
    let call = try #require(try node.accept())
    let lines = text(call.heard().span).split(separator: "\r\n").map(String.init)
    #expect(lines.filter { $0.hasPrefix("X-Forwarded-Prefix") } == ["X-Forwarded-Prefix: \(told)"])
  }
}
