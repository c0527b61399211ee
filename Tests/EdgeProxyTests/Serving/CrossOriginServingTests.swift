import TestSupport
import Testing

@testable import EdgeProxy

@Suite("A route with a rule for pages of other origins")
struct CrossOriginServingTests {
  private let node: ScriptedNode
  private let server: InProcessServer

  init() throws {
    node = try ScriptedNode(overTCP: false)
    server = try InProcessServer(
      """
      groups:
        shared: { cors: { origins: ["https://one.test"], methods: [PUT], credentials: true } }
      upstreams: { app: { protocol: http, nodes: ["\(node.address)"] } }
      routes:
        - { host: a.test, upstream: app, use: shared, methods: [GET, PUT] }
        - { host: a.test, path: /own, upstream: app }
        - { host: a.test, path: /fixed, respond: { body: fixed }, cors: { origins: "*" } }
      """)
  }

  private func answer(_ request: String, _ fields: String...) throws -> [String] {
    let client = try server.connect()
    let lines = fields.map { "\($0)\r\n" }.joined()
    client.send("\(request) HTTP/1.1\r\nHost: a.test\r\n\(lines)\r\n")
    try server.settle()
    if let call = try node.accept() {
      call.say(
        "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 0\r\n\r\n")
      try server.settle()
      call.end()
      try server.settle()
    }
    return text(client.read().span).split(separator: "\r\n").map(String.init).filter {
      $0.hasPrefix("HTTP/1.1") || $0.hasPrefix("Access-Control") || $0.hasPrefix("Vary")
        || $0.hasPrefix("Allow")
    }
  }

  @Test func `answers a preflight before its method is looked at`() throws {
    #expect(
      try answer("OPTIONS /x", "Origin: https://one.test", "Access-Control-Request-Method: PUT")
        == [
          "HTTP/1.1 204 No Content", "Access-Control-Allow-Methods: PUT",
          "Access-Control-Max-Age: 600", "Access-Control-Allow-Origin: https://one.test",
          "Access-Control-Allow-Credentials: true", "Vary: Origin",
        ])
  }

  @Test func `refuses a preflight of another origin and one for another method`() throws {
    #expect(
      try answer("OPTIONS /x", "Origin: https://evil.test", "Access-Control-Request-Method: PUT")
        == [
          "HTTP/1.1 403 Forbidden", "Vary: Origin",
        ])
    #expect(
      try answer("OPTIONS /x", "Origin: https://one.test", "Access-Control-Request-Method: DELETE")
        == ["HTTP/1.1 405 Method Not Allowed", "Allow: GET, HEAD, PUT"])
    #expect(
      try answer("OPTIONS /x", "Origin: https://one.test") == [
        "HTTP/1.1 405 Method Not Allowed", "Allow: GET, HEAD, PUT",
      ])
  }

  @Test func `has its fields on what the application answers`() throws {
    #expect(
      try answer("PUT /x", "Origin: https://one.test", "Content-Length: 0") == [
        "HTTP/1.1 200 OK", "Access-Control-Allow-Origin: https://one.test",
        "Access-Control-Allow-Credentials: true", "Vary: Origin",
      ])
    #expect(try answer("GET /x") == ["HTTP/1.1 200 OK", "Vary: Origin"])
  }

  @Test func `has its fields on what the server answers`() throws {
    #expect(
      try answer("GET /fixed", "Origin: https://any.test") == [
        "HTTP/1.1 200 OK", "Access-Control-Allow-Origin: *",
      ])
    #expect(
      try answer("GET /x", "Origin: https://one.test", "Content-Length: 99999999") == [
        "HTTP/1.1 413 Content Too Large", "Access-Control-Allow-Origin: https://one.test",
        "Access-Control-Allow-Credentials: true", "Vary: Origin",
      ])
  }

  @Test func `leaves other routes alone`() throws {
    #expect(
      try answer("OPTIONS /own", "Origin: https://one.test", "Access-Control-Request-Method: PUT")
        == [
          "HTTP/1.1 200 OK", "Access-Control-Allow-Origin: *",
        ])
  }
}
