import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Which route answers a request")
struct RouteChoiceTests {
  private let server: InProcessServer

  init() throws {
    server = try InProcessServer(
      """
      groups: { read: { methods: [GET] } }
      routes:
        - { host: [a.test, b.test], respond: { body: ab } }
        - { host: a.test, path: /admin, use: read, respond: { body: admin } }
        - { host: a.test, path: /admin, methods: [DELETE], respond: { body: delete } }
        - { host: a.test, path: /beta, match: { headers: { X-Beta: "1" } }, respond: { body: beta } }
        - { host: a.test, path: /beta, match: { query: { v: "2" }, headers: { X-Beta: "*" } }, respond: { body: v2 } }
        - { host: "*", path: /all, respond: { body: all } }
      """)
  }

  /// The body of the answer, or its status and Allow.
  private func outcome(_ request: String, host: String, fields: String = "") throws -> String {
    let client = try server.connect()
    client.send("\(request) HTTP/1.1\r\nHost: \(host)\r\n\(fields)\r\n")
    try server.settle()
    let answer = text(client.read().span)
    let lines = answer.split(separator: "\r\n", omittingEmptySubsequences: false)
    let status = answer.split(separator: " ").dropFirst().first ?? ""
    let allow = lines.first { $0.hasPrefix("Allow: ") }.map { " " + $0.dropFirst(7) } ?? ""
    return status == "200" ? String(lines.last ?? "") : status + allow
  }

  @Test(
    arguments: [
      ("GET /", "a.test", "ab"), ("GET /x", "b.test", "ab"), ("GET /", "c.test", "404"),
      ("GET /all/x", "c.test", "all"), ("GET /all", "a.test", "ab"),
      ("GET /all", "192.0.2.7", "all"),
      ("GET /admin", "a.test", "admin"), ("DELETE /admin/x", "a.test", "delete"),
      ("POST /admin/x", "a.test", "405 GET, HEAD, DELETE"),
      ("POST //admin", "a.test", "405 GET, HEAD, DELETE"), ("POST /admin", "b.test", "ab"),
      ("OPTIONS /admin", "a.test", "405 GET, HEAD, DELETE"), ("GET /beta", "a.test", "ab"),
    ])
  func `is a matter of host, path and method`(request: String, host: String, expected: String)
    throws
  {
    #expect(try outcome(request, host: host) == expected)
  }

  @Test(
    arguments: [
      ("/beta", "X-Beta: 1\r\n", "beta"), ("/beta?v=2", "X-Beta: 1\r\n", "v2"),
      ("/beta?v=2", "X-Beta: 3\r\n", "v2"), ("/beta?v=3", "X-Beta: 3\r\n", "ab"),
      ("/beta?v=2", "", "ab"),
    ])
  func `is a matter of fields and query where routes say so`(
    target: String, fields: String, expected: String
  ) throws {
    #expect(try outcome("GET \(target)", host: "a.test", fields: fields) == expected)
  }

  @Test func `is one that is not there any more after a reload`() throws {
    try server.install("routes: [{ host: a.test, respond: { body: new } }]")
    #expect(try outcome("GET /all", host: "c.test") == "404")
    #expect(try outcome("POST /admin", host: "a.test") == "new")
  }
}

@Suite("A path that some routes of a host take conditionally")
struct ConditionalPathTests {
  @Test(arguments: ["/x/%2e%2e/admin", "/admin%2Fx", "/admin;x", "/x/..%2fadmin"])
  func `is refused where some reading of it has another route`(path: String) throws {
    let node = try ScriptedNode(overTCP: false)
    let server = try InProcessServer(
      """
      upstreams: { a: { protocol: http, nodes: ["\(node.address)"] } }
      routes:
        - { host: a.test, upstream: a }
        - { host: a.test, path: /admin, methods: [GET], upstream: a }
      """)
    let client = try server.connect()
    client.send("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\r\n")
    try server.settle()
    #expect(text(client.read().span).hasPrefix("HTTP/1.1 400 "))
  }
}
