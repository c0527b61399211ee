import HTTPCore
import TLS
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("A route that asks for a password")
struct PasswordGateTests {
  private let folder: TemporaryDirectory
  /// `alice`, whose check is quick, and `slow`, whose check is not.
  private static let users = """
    alice:$2y$04$sePuj7jyCJEUydOjtGgYEeC4Xje1TjPK17ZagC8rKuTQLoTTbwq/G
    slow:SLOW

    """

  /// Of `secret`, with a cost that is usual.
  private static let slow = "$2y$10$1uA1N6Q1dKmYQtB.XpRPZ.Gbi2YZ.VnI.YTqEFEdBoRCr96zGKZ5W"

  init() throws {
    folder = try TemporaryDirectory()
    try folder.write("users", Self.users.replacing("SLOW", with: Self.slow))
  }

  private var rule: String { "basic_auth: { file: \"\(folder.path)/users\", realm: Staging }" }

  private func application(route: String = "", speaks: String = "http") throws
    -> ScriptedApplication
  {
    try ScriptedApplication(route: "\(rule), \(route)", speaks: speaks)
  }

  private static func field(_ user: String, _ password: String) -> String {
    let pair = Base64.encode(Array("\(user):\(password)".utf8))
    return "Authorization: Basic \(String(decoding: pair, as: UTF8.self))\r\n"
  }

  private static let right = field("alice", "pa:ss word")

  /// Waits for the desk until the client is answered.
  private func answer(_ client: WireClient, of server: InProcessServer) throws -> ScriptedAnswer {
    var heard = ""
    try server.settle(until: {
      heard += client.hear()
      return ScriptedAnswer(heard)?.isWhole ?? false
    })
    return try #require(ScriptedAnswer(heard))
  }

  /// Waits for the desk until the application is asked.
  private func asked(_ app: ScriptedApplication) throws -> ScriptedApplication.Asked {
    var found: [ScriptedApplication.Asked] = []
    try app.server.settle(until: {
      found += try app.asked()
      return !found.isEmpty
    })
    return found[0]
  }

  private func checked(_ server: InProcessServer) -> Int {
    server.worker.snapshot.passwords.desk?.checked ?? 0
  }

  private func expectNothingLeft(of server: InProcessServer) throws {
    try server.settle()
    #expect(server.remains == [] && server.worker.snapshot.admissions.count == 0)
  }

  // MARK: Who is let in

  @Test func `asks who has said nothing, and no application hears of it`() throws {
    let app = try application()
    let answer = try #require(try app.ask().answer())
    #expect(answer.status == 401)
    #expect(answer["WWW-Authenticate"] == "Basic realm=\"Staging\", charset=\"UTF-8\"")
    #expect(try app.asked().isEmpty)
    #expect(try app.server.accessLines().first?.cause == "password-missing")
  }

  @Test func `lets a known user in and tells the application who it is`() throws {
    let app = try application()
    let client = try app.ask("GET", "/", Self.right)
    let asked = try asked(app)
    #expect(asked.text.contains("\r\nRemote-User: alice\r\n"))
    // As nginx and Caddy have it; `request_headers: { remove: [Authorization] }` keeps it back.
    #expect(asked.text.contains("\r\nAuthorization: Basic "))
    asked.call.answer()
    #expect(try answer(client, of: app.server).status == 200)
    #expect(try app.server.accessLines().first?["user"] == "alice")
  }

  @Test(arguments: ["http", "uwsgi"])
  func `nobody is whom he says in a field of ours`(speaks: String) throws {
    let app = try application(speaks: speaks)
    let forged = ["Remote-User", "REMOTE-USER", "remote_user", "Remote.User", "X-Remote-User"]
    let fields = forged.map { "\($0): admin\r\n" }.joined()
    let client = try app.ask("GET", "/", fields + "Connection: Remote-User\r\n" + Self.right)
    let asked = try asked(app)
    #expect(!asked.text.contains("admin"))
    #expect(asked.text.contains("alice"))
    if speaks == "uwsgi" {
      #expect(asked.text.contains("\u{b}\u{0}REMOTE_USER\u{5}\u{0}alice"))
    }
    client.close()
    try app.server.settle()
  }

  @Test func `does not let in a wrong password or an unknown user, and both cost a check`() throws {
    let app = try application()
    for (count, field) in [
      Self.field("alice", "wrong"), Self.field("nobody", "pa:ss word"), Self.field("", ""),
    ].enumerated() {
      let answer = try answer(try app.ask("GET", "/", field), of: app.server)
      #expect(answer.status == 401 && answer["WWW-Authenticate"] != nil)
      #expect(checked(app.server) == count + 1)
    }
    #expect(try app.asked().isEmpty)
    let lines = try app.server.accessLines()
    #expect(lines.allSatisfy { $0.cause == "password-wrong" && $0["user"] == nil })
  }

  @Test(arguments: [
    "Authorization: Basic ****\r\n", "Authorization: Basic YWxpY2U=\r\n",
    "Authorization: Bearer token\r\n", "Authorization: Basic \r\n",
    "Authorization: Basic \(String(repeating: "YTpi", count: 5000))\r\n",
    // Two are as good as none: who reads which?
    right + field("mallory", "x"), field("mallory", "x") + right,
    right + "AUTHORIZATION: Basic YTpi\r\n",
  ]) func `does not check what is no pair of name and password`(field: String) throws {
    let app = try application()
    let answer = try #require(try app.ask("GET", "/", field).answer())
    #expect(answer.status == 401)
    #expect(checked(app.server) == 0)
    #expect(try app.asked().isEmpty)
  }

  @Test func `keeps files, redirects and streams of HTTP/2 as well`() throws {
    let files = try TemporaryDirectory()
    try files.write("page", "text")
    let server = try InProcessServer(
      """
      routes:
      - { host: a.test, path: /files, files: "\(files.path)", \(rule) }
      - { host: a.test, path: /moved, redirect: { to: /elsewhere }, \(rule) }
      - { host: a.test, path: /fixed, respond: { body: fixed }, \(rule) }
      """, logging: true)
    for (path, status) in [("/files/page", 200), ("/moved", 302), ("/fixed", 200)] {
      let client = try server.connect()
      client.send("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\r\n")
      try server.settle()
      #expect(client.answer()?.status == 401)
      client.send("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\(Self.right)\r\n")
      #expect(try answer(client, of: server).status == status)
    }
    let client = try server.connect(.http2)
    client.send(HTTP2Frames.greeting + HTTP2Frames.request(1, "GET", "/fixed"))
    try server.settle()
    #expect(try server.accessLines().last?["status"] == "401")
  }

  // MARK: What is known already

  @Test func `checks a password once and knows it then`() throws {
    let app = try application()
    for count in 0..<3 {
      let client = try app.ask("GET", "/", Self.right)
      // The first waits for the desk, the others for nobody.
      let asked = try count == 0 ? asked(app) : #require(try app.asking())
      asked.call.answer()
      #expect(try answer(client, of: app.server).status == 200)
    }
    #expect(checked(app.server) == 1)
  }

  @Test func `checks once for all requests that come with the same password`() throws {
    let app = try application()
    let field = Self.field("slow", "secret")
    let clients = try (0..<30).map { _ in try app.ask("GET", "/", field) }
    var answered = 0
    try app.server.settle(until: {
      for asked in try app.asked() {
        asked.call.answer()
        answered += 1
      }
      return answered == clients.count
    })
    try app.server.settle()
    #expect(clients.allSatisfy { $0.answer()?.status == 200 })
    #expect(checked(app.server) == 1)
  }

  @Test func `a file that changes counts without a reload, and one with mistakes does not`() throws
  {
    let app = try application()
    let books = app.server.worker.snapshot.passwords
    let (logger, warnings) = (KeptLog().logger, Warnings())
    func look() { books.lookAgain(logger: logger, warnings: warnings) }
    func status(_ field: String) throws -> Int {
      let client = try app.ask("GET", "/", field)
      var status: Int?
      try app.server.settle(until: {
        for asked in try app.asked() { asked.call.answer() }
        status = client.answer()?.status
        return status != nil
      })
      return status ?? 0
    }
    look()
    #expect(try status(Self.right) == 200)
    try folder.write("users", "alice:\(Self.slow)\n")
    look()
    #expect(try status(Self.right) == 401)
    #expect(try status(Self.field("alice", "secret")) == 200)
    try folder.write("users", "alice:plain\n")
    look()
    #expect(try status(Self.field("alice", "secret")) == 200)
    #expect(warnings.all.first?.text.contains("line 1") == true)
    try folder.write("users", Self.users.replacing("SLOW", with: Self.slow))
    look()
    #expect(warnings.all.isEmpty)
    #expect(try status(Self.right) == 200)
  }

  // MARK: While the desk checks

  @Test func `the body comes meanwhile and goes on whole`() throws {
    let app = try application()
    let client = try app.server.connect()
    client.send(
      "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\(Self.field("slow", "secret"))\r\n"
    )
    try app.server.turn()
    client.send("0123")
    let waiting = try app.asked().isEmpty
    client.send("456789")
    let asked = try asked(app)
    #expect(waiting && asked.text.hasSuffix("\r\n\r\n0123456789"))
    asked.call.answer()
    #expect(try answer(client, of: app.server).status == 200)
    client.close()
    try expectNothingLeft(of: app.server)
  }

  @Test func `a refusal does not wait for the body`() throws {
    let app = try application()
    let client = try app.server.connect()
    client.send(
      "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\(Self.field("slow", "no"))\r\n01")
    let answer = try answer(client, of: app.server)
    #expect(answer.status == 401 && answer["Connection"] == "close")
    client.close()
    try expectNothingLeft(of: app.server)
  }

  @Test func `a client that leaves is forgotten`() throws {
    let app = try application()
    let client = try app.server.connect()
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\(Self.field("slow", "secret"))\r\n")
    client.close()
    try app.server.settle()
    #expect(app.server.worker.snapshot.admissions.count == 0)
    try app.server.settle(until: { checked(app.server) == 1 })
    try app.server.settle()
    #expect(try app.asked().isEmpty)
    try expectNothingLeft(of: app.server)
  }

  @Test func `a stream of HTTP/2 that is reset is forgotten`() throws {
    let server = try InProcessServer(
      "routes: [{ host: a.test, respond: { body: fixed }, \(rule) }]", logging: true)
    let client = try server.connect(.http2)
    let pair = String(decoding: Base64.encode(Array("slow:secret".utf8)), as: UTF8.self)
    client.send(
      HTTP2Frames.greeting
        + HTTP2Frames.request(1, "GET", "/", [("authorization", "Basic \(pair)")])
        + HTTP2Frames.frame(3, 0, 1, HTTP2Frames.number(8)))
    try server.settle()
    #expect(server.worker.snapshot.admissions.count == 0)
    try server.settle(until: { checked(server) == 1 })
    client.close()
    try expectNothingLeft(of: server)
  }

  @Test func `another configuration meanwhile changes nothing for a request that waits`() throws {
    let server = try InProcessServer("routes: [{ host: a.test, respond: { body: old }, \(rule) }]")
    let client = try server.connect()
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\(Self.field("slow", "secret"))\r\n")
    try server.settle()
    try server.install("routes: [{ host: a.test, respond: { body: new } }]")
    let answer = try answer(client, of: server)
    #expect(answer.status == 200 && answer.body == "old")
  }

  // MARK: Floods

  @Test func `a flood of wrong passwords does not delay a user who is known`() throws {
    let app = try application()
    let client = try app.ask("GET", "/", Self.right)
    try asked(app).call.answer()
    #expect(try answer(client, of: app.server).status == 200)
    let before = checked(app.server)
    let guesses = try (0..<60).map { try app.ask("GET", "/", Self.field("slow", "guess\($0)")) }
    // Answered while guesses wait: by nothing but turns of the worker.
    let known = try app.ask("GET", "/", Self.right)
    try #require(try app.asking()).call.answer()
    try app.server.settle()
    #expect(known.answer()?.status == 200)
    #expect(app.server.worker.snapshot.admissions.count > 0)
    let statuses = guesses.compactMap { $0.answer()?.status }
    let refused = statuses.count { $0 == 429 }
    // All but those that wait, are being checked or have been.
    let others = PasswordQueue.ordersOfClientMax + 1 + checked(app.server) - before
    #expect(refused > 0 && refused + others >= guesses.count)
    #expect(Set(statuses).isSubset(of: [429, 401]))
    for guess in guesses { guess.close() }
    known.close()
    client.close()
    try expectNothingLeft(of: app.server)
  }
}
