import HTTPCore
import Testing

@testable import EdgeProxy

@Suite("Requests of administrators")
struct AdminDeskTests {
  private static func made() -> AdminDesk {
    AdminDesk(
      report: { StatusReport(health: "no-backend", isServing: false, sections: []) },
      reload: { ReloadOutcome(at: 0, isRefused: true, report: "e:1:1: wrong\n1 error\n") },
      drain: { "draining" }, undrain: { false }, drainState: { "serving" },
      issuance: { nil }, order: { AdminAnswer.text(202, "\($0)\n") },
      names: { ["zone": .text("fleet.test")] }, changeNames: { $1(.text(200, "\($0)\n")) },
      operate: { $2(.text(200, "\($0.subject) by \($1)\n")) })
  }

  private let desk: AdminDesk

  init() { self.init(desk: Self.made()) }

  private init(desk: AdminDesk) { self.desk = desk }

  private func answer(
    _ line: String, _ fields: String = "Host: localhost\r\n", isUnix: Bool = true
  ) throws -> AdminAnswer {
    var parser = RequestParser()
    var head = RequestHead()
    let text = Array("\(line) HTTP/1.1\r\n\(fields)\r\n".utf8)
    let count = try parser.parse(text.span, into: &head, limits: HeadLimits())
    #expect(count == text.count)
    switch desk.reply(head, isUnix: isUnix, user: "eve") {
    case .now(let answer): return answer
    case .later(let begin):
      var told: AdminAnswer?
      begin { told = $0 }
      return try #require(told)
    case .events: return AdminAnswer(status: 200, type: .events, body: [])
    }
  }

  @Test(arguments: [
    ("/status", 200, AdminAnswer.ContentType.json), ("/status.txt", 200, .text),
    ("/metrics", 200, .metrics), ("/health", 503, .text), ("/metrics?name=x", 200, .metrics),
  ])
  func `every page tells the health`(
    _ path: String, _ status: Int, _ type: AdminAnswer.ContentType
  ) throws {
    let found = try answer("GET \(path)")
    #expect(found.status == status)
    #expect(found.type == type)
    #expect(found.health == "no-backend")
    #expect(!found.body.isEmpty)
  }

  @Test(arguments: [
    ("POST /", 405), ("POST /events", 405), ("GET /index.html", 404), ("GET /status/", 404),
    ("GET /undrain", 405), ("HEAD /reload", 405),
    ("POST /status", 405), ("PUT /drain", 405), ("OPTIONS *", 404), ("POST /dns", 405),
    ("GET /dns/forget", 405), ("GET /dns/checks", 405), ("GET /dns/", 404),
    ("POST /dns/forget", 422), ("POST /dns/forget?node=", 422),
    ("POST /dns/forget?node=a%20b", 422), ("POST /dns/forget?node=a&node=b", 422),
  ])
  func `what is not there is refused`(_ line: String, _ status: Int) throws {
    #expect(try answer(line).status == status)
  }

  @Test func `commands are carried out on the unix socket`() throws {
    #expect(try answer("POST /drain").status == 202)
    let refused = try answer("POST /reload", "Host: x\r\nContent-Length: 0\r\n")
    #expect(refused.status == 422)
    let text = String(decoding: refused.body, as: UTF8.self)
    #expect(text.hasPrefix("e:1:1: wrong\n1 error\nreload refused"))
  }

  @Test(arguments: ["POST /drain", "POST /reload", "DELETE /status", "OPTIONS /drain"])
  func `the port takes no commands`(_ line: String) throws {
    #expect(try answer(line, isUnix: false).status == 405)
  }

  @Test(arguments: ["localhost", "localhost:9180", "127.0.0.1:9180", "[::1]:9180", "LocalHost."])
  func `the port answers who names this machine`(_ host: String) throws {
    #expect(try answer("GET /status", "Host: \(host)\r\n", isUnix: false).status == 200)
  }

  @Test(arguments: [
    "Host: attacker.example\r\n", "Host: localhost.attacker.example\r\n", "",
    "Host: 127.0.0.1.attacker.example\r\n", "Host: 10.0.0.1\r\n",
    "Host: localhost\r\nOrigin: https://attacker.example\r\n",
    "Host: localhost\r\nORIGIN: null\r\n", "Host: localhost\r\nOrigin:\r\n",
    "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n",
    "Host: localhost\r\nSec-Fetch-Site: same-site\r\n",
  ])
  func `the port refuses what a web page could have sent`(_ fields: String) throws {
    for path in ["/status", "/", "/events"] {
      #expect(try answer("GET \(path)", fields, isUnix: false).status == 403)
    }
  }

  @Test(arguments: [
    "Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\n",
    "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n",
    "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n",
  ])
  func `what a browser sends for its user is answered`(_ fields: String) throws {
    for isUnix in [true, false] {
      for path in ["/status", "/", "/events"] {
        let fields = "Host: localhost:9180\r\n" + fields
        #expect(try answer("GET \(path)", fields, isUnix: isUnix).status == 200)
      }
    }
  }

  @Test func `what a web page sends through a forwarded port is refused`() throws {
    let fields = "Host: localhost\r\nOrigin: https://attacker.example\r\n"
    #expect(try answer("POST /drain", fields).status == 403)
    #expect(try answer("GET /status", fields).status == 403)
    // A name of the attacker's that leads to 127.0.0.1: the browser takes it for its own site.
    for path in ["/status", "/", "/events"] {
      #expect(try answer("GET \(path)", "Host: attacker.example:9180\r\n").status == 403)
    }
  }

  @Test func `curl may call the unix socket anything that is no name in DNS`() throws {
    for host in ["localhost", "edgeproxy", "127.0.0.1", "[::1]"] {
      #expect(try answer("GET /status", "Host: \(host)\r\n").status == 200)
    }
  }

  @Test func `the host of an absolute target counts`() throws {
    let line = "GET http://attacker.example/status"
    #expect(
      try answer(line, "Host: attacker.example\r\n", isUnix: false).status == 403)
  }

  @Test(arguments: ["Content-Length: 1\r\n", "Transfer-Encoding: chunked\r\n"])
  func `no request has a body`(_ field: String) throws {
    #expect(try answer("POST /drain", "Host: x\r\n" + field).status == 413)
  }

  @Test func `a head says how long the answer is and that it is the only one`() {
    let answer = AdminAnswer(
      status: 200, type: .metrics, body: Array("abc".utf8), health: "port-closed")
    let head = String(decoding: answer.head(date: Array("now".utf8)), as: UTF8.self)
    #expect(head.hasPrefix("HTTP/1.1 200 OK\r\nDate: now\r\n"))
    for field in [
      "Content-Type: text/plain; version=0.0.4; charset=utf-8", "edgeproxy-health: port-closed",
      "Content-Length: 3", "Connection: close",
    ] { #expect(head.contains("\r\n\(field)\r\n")) }
    #expect(head.hasSuffix("\r\n\r\n"))
  }

  @Test func `the page and its events are read on both`() throws {
    for isUnix in [true, false] {
      let page = try answer("GET /", isUnix: isUnix)
      #expect(page == AdminPage.answer)
      #expect(try answer("HEAD /", isUnix: isUnix) == page)
      #expect(try answer("GET /events", isUnix: isUnix).type == .events)
      #expect(try answer("HEAD /events", isUnix: isUnix).type == .events)
    }
  }

  @Test func `events have no length`() {
    let answer = AdminAnswer(status: 200, type: .events, body: [])
    let head = String(decoding: answer.head(date: Array("now".utf8)), as: UTF8.self)
    #expect(head.contains("\r\nContent-Type: text/event-stream\r\n"))
    #expect(head.contains("\r\nConnection: close\r\n"))
    #expect(!head.contains("Content-Length") && !head.contains("Transfer-Encoding"))
  }

  @Test func `names are read on both, and commands about them are taken on the unix socket`() throws
  {
    for isUnix in [true, false] {
      let found = try answer("GET /dns", isUnix: isUnix)
      #expect(found.status == 200 && found.type == .json)
      #expect(String(decoding: found.body, as: UTF8.self) == #"{"zone":"fleet.test"}"# + "\n")
    }
    for (line, command) in [
      ("POST /dns/forget?node=edge%2D2", NamesCommand.forget(node: "edge-2")),
      ("POST /dns/checks", .checks(isDryRun: false)),
      ("POST /dns/checks?dry_run=0", .checks(isDryRun: false)),
      ("POST /dns/checks?dry_run=1", .checks(isDryRun: true)),
    ] {
      #expect(try answer(line) == .text(200, "\(command)\n"))
      #expect(try answer(line, isUnix: false).status == 405)
    }
  }

  @Test func `orders of operators are taken on the unix socket, and it is known whose they are`()
    throws
  {
    for (path, query) in zip(
      OperationsCommand.paths,
      ["address=a", "address=a", "address=a", "host=a", "host=a", "host=a"]
    ) {
      let line = "POST \(path)?\(query)"
      #expect(try answer(line) == .text(200, "a by eve\n"), "\(line)")
      #expect(try answer(line, isUnix: false).status == 405)
      #expect(try answer("GET \(path)?\(query)").status == 405)
      #expect(try answer("POST \(path)").status == 422)
    }
    #expect(try answer("POST /node/join?address=a").status == 404)
  }

  @Test func `a server without names of its own says so`() throws {
    let plain = AdminDesk(
      report: desk.report, reload: desk.reload, drain: desk.drain, undrain: desk.undrain,
      drainState: desk.drainState, issuance: desk.issuance, order: desk.order)
    let other = AdminDeskTests(desk: plain)
    #expect(try other.answer("GET /dns").status == 404)
    #expect(try other.answer("POST /dns/forget?node=a").status == 409)
  }
}
