import EventLoop
import Glibc
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Why a try failed, in the access log")
struct WhyATryFailedTests {
  /// How the tries of one request ended at an application on this node.
  private func outcomes(at address: String, _ more: String = "") throws -> [String] {
    let server = try InProcessServer(
      """
      upstreams: { app: { nodes: ["\(address)"], hold: 0s, \(more) } }
      routes: [{ host: a.test, upstream: app }]
      """, logging: true)
    let client = try server.connect()
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    for _ in 0..<20 where try server.accessLines().isEmpty {
      try server.advance(by: .milliseconds(100))
    }
    #expect(client.answer()?.status == 503)
    return try #require(try server.accessLines().first).outcomes
  }

  @Test func `a socket that is not there, and one on which nobody listens`() throws {
    let directory = try TemporaryDirectory()
    #expect(try outcomes(at: "unix:\(directory.path)/none.sock") == ["no-such-socket"])
    #expect(try outcomes(at: "unix:@nobody-\(UInt64.random(in: 0 ... .max))") == ["refused"])
    let path = directory.path + "/left.sock"
    _ = try Socket.listen(try #require(SocketAddress("unix:\(path)")), reusePort: false)
    #expect(try outcomes(at: "unix:\(path)") == ["refused"])
  }

  @Test(arguments: ["protocol: uwsgi", "protocol: http", "protocol: https, tls: { verify: false }"])
  func `a port on which nobody listens refuses, whatever is spoken there`(spoken: String) throws {
    let node = try ScriptedNode(overTCP: true)
    node.stop()
    #expect(try outcomes(at: "\(node.address)", spoken) == ["refused"])
  }

  @Test func `a name that leads nowhere is told as a try`() throws {
    let server = try InProcessServer(
      """
      upstreams: { app: { nodes: ["app.internal:3031"], hold: 0s } }
      routes: [{ host: a.test, upstream: app }]
      """, logging: true)
    let client = try server.connect()
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    try server.settle()
    #expect(client.answer()?.status == 503)
    let line = try #require(try server.accessLines().first)
    #expect(line.outcomes == ["unresolved"] && line.cause == "unresolved")
    #expect(line["node"] == "app.internal:3031")
  }

  @Test(
    arguments: [
      (ECONNREFUSED, "refused"), (ENOENT, "no-such-socket"), (EACCES, "permission-denied"),
      (EPERM, "permission-denied"), (ETIMEDOUT, "connect-timeout"), (EHOSTUNREACH, "unreachable"),
      (ENETUNREACH, "unreachable"), (EAGAIN, "busy"), (ECONNRESET, "reset"), (EMFILE, "exhausted"),
      (EADDRNOTAVAIL, "exhausted"), (EPROTO, "connect"), (0, "connect"),
    ] as [(Int32, String)])
  func `each error number has its word`(code: Int32, word: String) {
    #expect("\(ConnectFailure(code).word)" == word)
    #expect("\(AttemptFailure(ConnectFailure(code)).word)" == word)
  }

  // MARK: Another protocol

  private static let refusal =
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

  @Test func `an HTTP server that refuses a uwsgi packet is told as what it is`() throws {
    let app = try ScriptedApplication(speaks: "uwsgi")
    let answer = try app.serve(try app.ask()) {
      $0.call.say(Self.refusal)
      $0.call.end()
    }
    #expect(answer.status == 502)
    let line = try #require(try app.server.accessLines().first)
    #expect(line.outcomes == ["wrong-protocol"] && line.cause == "wrong-protocol")
    let node = try #require(app.server.nodes(of: "app").first)
    #expect(node.isDown && node.trouble?.text.hasSuffix("set protocol: http") == true)
  }

  @Test func `an application that has answered before may refuse as it likes`() throws {
    let app = try ScriptedApplication(speaks: "uwsgi")
    let first = try app.serve(try app.ask()) { $0.call.answer() }
    let second = try app.serve(try app.ask()) {
      $0.call.say(Self.refusal)
      $0.call.end()
    }
    #expect(first.status == 200 && second.status == 400)
  }

  @Test func `a TLS server behind plain HTTP is told as what it is`() throws {
    let app = try ScriptedApplication()
    let answer = try app.serve(try app.ask()) {
      $0.call.say([0x15, 3, 1, 0, 2, 2, 70])
      $0.call.end()
    }
    #expect(answer.status == 502)
    #expect(try app.server.accessLines().first?.outcomes == ["wrong-protocol"])
    let trouble = app.server.nodes(of: "app").first?.trouble
    #expect(trouble?.text.hasSuffix("set protocol: https") == true)
  }

  @Test func `a node that answers TLS with HTTP is told as what it is`() throws {
    let app = try ScriptedApplication(
      upstream: "tls: { verify: false }, hold: 0s", speaks: "https")
    let answer = try app.serve(try app.ask()) { $0.call.say(Self.refusal) }
    #expect(answer.status == 503)
    #expect(try app.server.accessLines().first?.outcomes == ["wrong-protocol"])
    let trouble = app.server.nodes(of: "app").first?.trouble
    #expect(trouble?.text.hasSuffix("set protocol: http") == true)
  }
}
