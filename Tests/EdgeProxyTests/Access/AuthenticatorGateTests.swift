import EventLoop
import HTTPCore
import TLS
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("A route where another application says who the client is")
struct AuthenticatorGateTests {
  private let server: InProcessServer
  private let app: ScriptedNode
  private let authenticators: [ScriptedNode]

  private static let rule = """
    forward_auth: { upstream: auth, path: "/verify?mode=edge",
      copy_headers: [Remote-User, Remote-Groups, X-Forwarded-Email] }
    """

  /// A test that needs another rule or upstream makes a server of its own.
  private init(rule: String, auth: String = "", nodes: Int, speaks: String = "http") throws {
    app = try ScriptedNode()
    authenticators = try (0..<nodes).map { _ in try ScriptedNode() }
    let list = authenticators.map { "\"\($0.address)\"" }.joined(separator: ", ")
    server = try InProcessServer(
      """
      upstreams:
        app: { protocol: http, nodes: ["\(app.address)"] }
        auth: { protocol: \(speaks), nodes: [\(list)], \(auth) }
      routes: [{ host: a.test, upstream: app, \(rule) }]
      """, logging: true)
  }

  init() throws { try self.init(rule: Self.rule, nodes: 1) }

  private func ask(_ method: String = "GET", _ path: String = "/", _ more: String = "") throws
    -> WireClient
  {
    let client = try server.connect()
    client.send("\(method) \(path) HTTP/1.1\r\nHost: a.test\r\n\(more)\r\n")
    try server.settle()
    return client
  }

  private func call(_ node: ScriptedNode) throws -> (call: ScriptedNode.Call, text: String) {
    let call = try #require(try node.accept())
    return (call, text(call.heard().span))
  }

  private func question() throws -> (call: ScriptedNode.Call, text: String) {
    try call(authenticators[0])
  }

  private func expectNothingLeft() throws {
    try server.settle()
    #expect(server.remains == [])
  }

  /// The fields of a head, in lower case.
  private func fields(_ text: String) -> [String: String] {
    var found: [String: String] = [:]
    for line in text.split(separator: "\r\n").dropFirst() {
      let parts = line.split(separator: ": ", maxSplits: 1)
      if parts.count == 2 { found[parts[0].lowercased()] = String(parts[1]) }
    }
    return found
  }

  // MARK: The question

  @Test func `is a GET with the client's fields and where it wanted to go, and no body`() throws {
    let client = try ask(
      "POST", "/cart?x=1",
      """
      Content-Length: 4\r\nContent-Type: text/plain\r\nCookie: a=b\r\nAuthorization: Bearer t\r
      Accept: text/html\r\nAccept-Encoding: gzip\r\nIf-None-Match: "x"\r\nRange: bytes=0-1\r
      X-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Uri: /forged\r\nX-Forwarded-Method: PUT\r
      X-Forwarded-Host: forged\r\n
      """)
    let (call, text) = try question()
    #expect(text.hasPrefix("GET /verify?mode=edge HTTP/1.1\r\n"))
    let fields = fields(text)
    #expect(fields["cookie"] == "a=b" && fields["authorization"] == "Bearer t")
    #expect(fields["accept"] == "text/html" && fields["host"] == "a.test")
    #expect(fields["x-forwarded-method"] == "POST" && fields["x-forwarded-uri"] == "/cart?x=1")
    #expect(fields["x-forwarded-host"] == "a.test" && fields["x-forwarded-for"] == "198.51.100.7")
    #expect(fields["x-forwarded-proto"] == "https" && fields["x-request-id"] != nil)
    for name in [
      "content-length", "content-type", "transfer-encoding", "accept-encoding", "if-none-match",
      "range",
    ] { #expect(fields[name] == nil, "\(name)") }
    #expect(text.hasSuffix("\r\n\r\n") && !text.contains("forged"))
    client.close()
    try server.settle()
    #expect(call.isEnded)
    try expectNothingLeft()
  }

  @Test func `goes to an authenticator over uwsgi as well`() throws {
    let other = try Self(rule: Self.rule, nodes: 1, speaks: "uwsgi")
    let client = try other.ask("PUT", "/cart?x=1")
    let (call, text) = try other.question()
    for (name, value) in [
      ("REQUEST_METHOD", "GET"), ("PATH_INFO", "/verify"), ("QUERY_STRING", "mode=edge"),
      ("HTTP_X_FORWARDED_METHOD", "PUT"), ("HTTP_X_FORWARDED_URI", "/cart?x=1"),
    ] {
      let size = { (text: String) in "\(Character(Unicode.Scalar(UInt8(text.utf8.count))))\u{0}" }
      #expect(text.contains(size(name) + name + size(value) + value), "\(name)")
    }
    call.say("HTTP/1.1 204 OK\r\nRemote-User: alice\r\n\r\n")
    call.end()
    try other.server.settle()
    #expect(try other.call(other.app).text.contains("\r\nRemote-User: alice\r\n"))
    client.close()
    try other.expectNothingLeft()
  }

  @Test func `carries nothing that the client says of itself in fields that are copied`() throws {
    let forged = [
      "Remote-User", "remote_user", "REMOTE.USER", "Remote-Groups", "X-Forwarded-Email",
    ]
    let client = try ask(
      "GET", "/",
      forged.map { "\($0): forged\r\n" }.joined() + "Connection: Remote-User, Remote-Groups\r\n")
    let (call, text) = try question()
    #expect(!text.contains("forged"))
    call.answer("", status: 200, "Remote-User: alice\r\nRemote-Groups: a\r\nRemote-Groups: b\r\n")
    try server.settle()
    let asked = try self.call(app)
    #expect(!asked.text.contains("forged"))
    #expect(asked.text.contains("\r\nRemote-User: alice\r\n"))
    #expect(asked.text.contains("\r\nRemote-Groups: a\r\nRemote-Groups: b\r\n"))
    asked.call.answer()
    try server.settle()
    #expect(client.answer()?.status == 200)
    #expect(try server.accessLines().first?["user"] == "alice")
  }

  @Test
  func `copies what some authenticators call X-Forwarded, and nothing that was not asked for`()
    throws
  {
    let client = try ask()
    try question().call.answer(
      "", status: 204, "X-Forwarded-Email: a@b.test\r\nX-Other: x\r\nSet-Cookie: a=b\r\n")
    try server.settle()
    let asked = try call(app)
    #expect(asked.text.contains("\r\nX-Forwarded-Email: a@b.test\r\n"))
    #expect(!asked.text.contains("X-Other") && !asked.text.contains("a=b"))
    asked.call.answer()
    try server.settle()
    let answer = try #require(client.answer())
    #expect(answer.status == 200 && answer["Set-Cookie"] == nil)
    #expect(try server.accessLines().count == 1)
  }

  // MARK: Refusals

  @Test(arguments: [
    (302, "Location: https://login.test/?rd=x\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n"),
    (401, "WWW-Authenticate: Basic realm=\"x\"\r\n"), (403, "X-Reason: none\r\n"), (500, ""),
    (199, ""), (300, ""),
  ]) func `are the client's, with their fields and body`(status: Int, fields: String) throws {
    let client = try ask("GET", "/")
    guard status != 199 else {
      // An interim answer is none.
      let (call, _) = try question()
      call.say("HTTP/1.1 103 X\r\n\r\n")
      try server.settle()
      #expect(client.answer() == nil)
      #expect(try app.accept() == nil)
      return
    }
    try question().call.answer("please log in", status: status, fields)
    try server.settle()
    let answer = try #require(client.answer())
    #expect(answer.status == status && answer.body == "please log in")
    for field in fields.split(separator: "\r\n") {
      #expect(answer.head.contains("\r\n\(field)\r\n"))
    }
    #expect(try app.accept() == nil)
    #expect(try server.accessLines().first?.cause == "authenticator-refused")
    client.close()
    try expectNothingLeft()
  }

  @Test func `are the client's also where they were worth another try`() throws {
    let other = try Self(rule: Self.rule, auth: "retry: { on: [503] }", nodes: 2)
    let client = try other.ask()
    for _ in 0..<2 {
      for node in other.authenticators {
        while let call = try node.accept() { call.answer("own words", status: 503) }
      }
      try other.server.settle()
    }
    let answer = try #require(client.answer())
    #expect(answer.status == 503 && answer.body == "own words")
    #expect(try other.app.accept() == nil)
    client.close()
    try other.expectNothingLeft()
  }

  @Test func `have no body for a HEAD, and the connection goes on`() throws {
    let client = try ask("HEAD", "/")
    try question().call.answer("please log in", status: 401)
    try server.settle()
    let heard = client.hear()
    #expect(heard.hasPrefix("HTTP/1.1 401 ") && heard.hasSuffix("\r\n\r\n"))
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    try server.settle()
    try question().call.answer("", status: 200)
    try server.settle()
    try call(app).call.answer()
    try server.settle()
    #expect(client.answer()?.status == 200)
  }

  @Test func `do not wait for the body of the request`() throws {
    let client = try ask("POST", "/", "Content-Length: 100\r\n")
    client.send("part of it")
    try server.settle()
    try question().call.answer("no", status: 403)
    try server.settle()
    let answer = try #require(client.answer())
    #expect(answer.status == 403 && answer["Connection"] == "close")
    client.close()
    try expectNothingLeft()
  }

  // MARK: No answer

  @Test func `nobody is let in while the authenticator is away`() throws {
    let other = try Self(rule: Self.rule, auth: "hold: 1s", nodes: 1)
    other.authenticators[0].stop()
    let client = try other.ask()
    #expect(client.answer() == nil)
    try other.server.advance(by: .milliseconds(1100))
    let answer = try #require(client.answer())
    #expect(answer.status == 503 && answer["Retry-After"] != nil)
    #expect(try other.server.accessLines().first?.cause == "authenticator-unavailable")
    #expect(try other.app.accept() == nil)
    client.close()
    try other.expectNothingLeft()
  }

  @Test func `a request waits until the authenticator is back`() throws {
    let other = try Self(rule: Self.rule, auth: "hold: 10s", nodes: 1)
    other.authenticators[0].stop()
    let client = try other.ask()
    try other.server.advance(by: .seconds(5))
    try other.authenticators[0].comeBack()
    try other.server.advance(by: .milliseconds(110))
    try other.question().call.answer("", status: 200)
    try other.server.settle()
    try other.call(other.app).call.answer()
    try other.server.settle()
    #expect(client.answer()?.status == 200)
  }

  @Test func `another node is asked when one fails`() throws {
    let other = try Self(rule: Self.rule, nodes: 2)
    other.authenticators[0].stop()
    for _ in 0..<4 {
      let client = try other.ask()
      try other.call(other.authenticators[1]).call.answer("", status: 200)
      try other.server.settle()
      try other.call(other.app).call.answer()
      try other.server.settle()
      #expect(client.answer()?.status == 200)
    }
  }

  @Test(arguments: [
    "HTTP/1.1 401 X\r\nContent-Length: 10\r\n\r\nshort", "HTTP/1.1 401 X\r\nTransfer-",
    "no HTTP at all\r\n\r\n", "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    "HTTP/1.1 401 X\r\nContent-Length: 70000\r\n\r\n" + String(repeating: "a", count: 70_000),
  ]) func `an answer that breaks off, is no HTTP or too large lets nobody in`(text: String) throws {
    let client = try ask()
    let (call, _) = try question()
    call.say(text)
    call.end()
    for _ in 0..<10 {
      try server.settle()
      // What may be tried again fails again.
      while let again = try authenticators[0].accept() {
        again.say(text)
        again.end()
      }
      try server.advance(by: .seconds(2))
    }
    let answer = try #require(client.answer())
    #expect([502, 503].contains(answer.status))
    #expect(try app.accept() == nil)
    client.close()
    try expectNothingLeft()
  }

  @Test func `a silent authenticator ends in 504`() throws {
    let other = try Self(rule: Self.rule, auth: "timeouts: { response: 2s }", nodes: 1)
    let client = try other.ask()
    for _ in 0..<10 { try other.server.advance(by: .seconds(1)) }
    #expect(client.answer()?.status == 504)
    client.close()
    try other.expectNothingLeft()
  }

  // MARK: Meanwhile

  @Test func `the body comes meanwhile and goes to the application alone`() throws {
    let client = try ask("POST", "/", "Content-Length: 10\r\n")
    client.send("01234")
    try server.settle()
    let (call, text) = try question()
    client.send("56789")
    try server.settle()
    #expect(text.hasSuffix("\r\n\r\n") && call.heard() == [])
    #expect(try app.accept() == nil)
    call.answer("", status: 200)
    try server.settle()
    let asked = try self.call(app)
    #expect(asked.text.hasSuffix("\r\n\r\n0123456789"))
    asked.call.answer()
    try server.settle()
    #expect(client.answer()?.status == 200)
    client.close()
    try expectNothingLeft()
  }

  @Test func `a request may be let in before its body has come`() throws {
    let client = try ask("POST", "/", "Content-Length: 10\r\n")
    try question().call.answer("", status: 200)
    try server.settle()
    #expect(try app.accept() == nil)
    client.send("0123456789")
    try server.settle()
    #expect(try call(app).text.hasSuffix("\r\n\r\n0123456789"))
  }

  @Test func `a client that leaves takes its question with it`() throws {
    let client = try ask()
    let (call, _) = try question()
    client.close()
    try server.settle()
    #expect(call.isEnded)
    try expectNothingLeft()
  }

  @Test func `a stream of HTTP/2 that is reset takes its question with it`() throws {
    let client = try server.connect(.http2)
    client.send(HTTP2Frames.greeting + HTTP2Frames.request(1, "GET", "/"))
    try server.settle()
    let (call, _) = try question()
    client.send(HTTP2Frames.frame(3, 0, 1, HTTP2Frames.number(8)))
    try server.settle()
    #expect(call.isEnded)
    client.send(HTTP2Frames.request(3, "GET", "/"))
    try server.settle()
    try question().call.answer("", status: 200)
    try server.settle()
    try self.call(app).call.answer()
    try server.settle()
    client.close()
    try expectNothingLeft()
  }

  @Test func `another configuration meanwhile changes nothing for a request that waits`() throws {
    let client = try ask()
    let (call, _) = try question()
    try server.install("routes: [{ host: a.test, respond: { body: new } }]")
    call.answer("", status: 200, "Remote-User: alice\r\n")
    try server.settle()
    let asked = try self.call(app)
    #expect(asked.text.contains("\r\nRemote-User: alice\r\n"))
    asked.call.answer("old")
    try server.settle()
    #expect(client.answer()?.body == "old")
  }

  @Test func `a WebSocket is opened only behind the question, which asks for none`() throws {
    let client = try ask(
      "GET", "/chat",
      """
      Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n
      """)
    let (call, text) = try question()
    #expect(!text.lowercased().contains("websocket"))
    call.answer("", status: 200)
    try server.settle()
    #expect(try self.call(app).text.contains("\r\nUpgrade: websocket\r\n"))
    client.close()
    try server.settle()
  }

  @Test func `kept connections are used for further questions`() throws {
    let other = try Self(rule: Self.rule, auth: "keep_alive: { connections: 1 }", nodes: 1)
    let client = try other.ask()
    let (call, _) = try other.question()
    for _ in 0..<3 {
      call.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
      try other.server.settle()
      try other.call(other.app).call.answer()
      try other.server.settle()
      #expect(client.answer()?.status == 200)
      client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      try other.server.settle()
      #expect(text(call.heard().span).hasPrefix("GET /verify"))
    }
  }

  @Test func `what one user was answered is kept for nobody else`() throws {
    let other = try Self(rule: Self.rule + ", stale_if_error: 1h", nodes: 1)
    let first = try other.ask()
    try other.question().call.answer("", status: 200, "Remote-User: alice\r\n")
    try other.server.settle()
    try other.call(other.app).call.answer("for alice", "Cache-Control: max-age=60\r\n")
    try other.server.settle()
    #expect(first.answer()?.body == "for alice")
    other.app.stop()
    let second = try other.ask()
    try other.question().call.answer("", status: 200, "Remote-User: bob\r\n")
    for _ in 0..<20 { try other.server.advance(by: .seconds(1)) }
    let answer = try #require(second.answer())
    #expect(answer.status == 503 && !answer.body.contains("alice"))
  }

  // MARK: Behind a password

  @Test func `is asked only behind a password where the route asks for both`() throws {
    let folder = try TemporaryDirectory()
    try folder.write(
      "users", "alice:$2y$04$sePuj7jyCJEUydOjtGgYEeC4Xje1TjPK17ZagC8rKuTQLoTTbwq/G\n")
    let other = try Self(
      rule: Self.rule + ", basic_auth: { file: \"\(folder.path)/users\" }", nodes: 1)
    #expect(try other.ask().answer()?.status == 401)
    #expect(try other.authenticators[0].accept() == nil)
    let pair = String(decoding: Base64.encode(Array("alice:pa:ss word".utf8)), as: UTF8.self)
    let client = try other.ask("GET", "/", "Authorization: Basic \(pair)\r\n")
    var call: ScriptedNode.Call?
    try other.server.settle(until: {
      call = try other.authenticators[0].accept()
      return call != nil
    })
    call?.answer("", status: 200)
    try other.server.settle()
    try other.call(other.app).call.answer()
    try other.server.settle()
    #expect(client.answer()?.status == 200)
  }
}
