import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy

/// The last good answer in the place of an error (RFC 5861).
@Suite("The last good answer when no application answers")
struct StaleAnswerTests {
  private func application(
    _ route: String = "stale_if_error: 1h", hold: String = "0s", nodes: Int = 1, more: String = ""
  ) throws -> ScriptedApplication {
    try ScriptedApplication(nodes: nodes, upstream: "hold: \(hold)", route: route, more: more)
  }

  /// Has the one node answer one request.
  @discardableResult
  private func fill(
    _ app: ScriptedApplication, _ path: String = "/", asking fields: String = "",
    _ body: String = "good", status: Int = 200, answering: String = ""
  ) throws -> ScriptedAnswer {
    let client = try app.ask("GET", path, fields)
    try #require(try app.asking()).call.answer(body, status: status, answering)
    try app.server.settle()
    let answer = try #require(client.answer())
    client.close()
    try app.server.settle()
    return answer
  }

  private func ask(
    _ app: ScriptedApplication, _ path: String = "/", _ fields: String = "", method: String = "GET",
    host: String = "a.test"
  ) throws -> ScriptedAnswer {
    let client = try app.server.connect()
    client.send("\(method) \(path) HTTP/1.1\r\nHost: \(host)\r\n\(fields)\r\n")
    try app.server.settle()
    let answer = try #require(client.answer())
    client.close()
    try app.server.settle()
    return answer
  }

  private func contents(_ app: ScriptedApplication) throws -> StaleStore.Contents {
    try #require(app.server.worker.snapshot.stale).store.contents
  }

  // MARK: What is given

  @Test func `is given with its age and the reason, and the log says so`() throws {
    let app = try application()
    try fill(app, answering: "Content-Type: text/plain\r\nCache-Control: max-age=10\r\nAge: 3\r\n")
    app.nodes[0].stop()
    try app.server.advance(by: .seconds(60))
    let answer = try ask(app)
    #expect(answer.status == 200 && answer.body == "good")
    #expect(answer["Content-Type"] == "text/plain" && answer["Age"] == "63")
    #expect(answer["Cache-Status"] == "EdgeProxy; hit; ttl=-53; detail=no-instance")
    #expect(answer["Content-Length"] == "4" && answer["X-Request-ID"] != nil)
    let line = try #require(try app.server.accessLines().last)
    #expect(line.cause == "stale" && line["status"] == "200")
    #expect(try #require(app.server.worker.snapshot.stale).store.counters.served.now == 1)
    #expect(app.server.remains == [])
  }

  @Test func `is given when the time to wait for an instance is over, and not before`() throws {
    let app = try application(hold: "1s")
    try fill(app)
    app.nodes[0].stop()
    let client = try app.ask()
    try app.server.advance(by: .milliseconds(900))
    #expect(client.answer() == nil)
    try app.server.advance(by: .milliseconds(200))
    let answer = try #require(client.answer())
    #expect(answer.status == 200 && answer.body == "good")
    client.close()
    try app.server.settle()
    #expect(app.server.remains == [])
  }

  @Test func `a living application is always asked`() throws {
    let app = try application()
    try fill(app, "/", "one")
    try app.server.advance(by: .seconds(2))
    #expect(try fill(app, "/", "two").body == "two")
    app.nodes[0].stop()
    #expect(try ask(app).body == "two")
  }

  @Test(arguments: [500, 502, 503, 504])
  func `an application's own error counts as none`(status: Int) throws {
    let app = try application()
    try fill(app)
    let answer = try fill(app, "/", "broken", status: status)
    #expect(answer.status == 200 && answer.body == "good")
    #expect(answer["Cache-Status"] == "EdgeProxy; hit; ttl=0; detail=upstream-\(status)")
    #expect(app.server.remains == [])
  }

  @Test func `an error that was kept for a better answer counts as none too`() throws {
    let app = try application(nodes: 2)
    let first = try app.ask()
    try #require(try app.asking()).call.answer("good")
    try app.server.settle()
    #expect(first.answer()?.body == "good")
    let client = try app.ask()
    let answer = try app.serve(client) { $0.call.answer("broken", status: 503) }
    #expect(answer.status == 200 && answer.body == "good")
    first.close()
    client.close()
    try app.server.settle()
    #expect(app.server.remains == [])
  }

  @Test(arguments: [501, 505, 400, 403, 429])
  func `no other status is replaced, and none of them replaces the good answer`(status: Int) throws
  {
    let app = try application()
    try fill(app)
    #expect(try fill(app, "/", "no", status: status).status == status)
    app.nodes[0].stop()
    #expect(try ask(app).body == "good")
  }

  @Test(arguments: [404, 410])
  func `a page that is gone replaces it at once`(status: Int) throws {
    let app = try application()
    try fill(app)
    try fill(app, "/", "gone", status: status)
    app.nodes[0].stop()
    let answer = try ask(app)
    #expect(answer.status == status && answer.body == "gone")
  }

  @Test func `is not given once it is older than the route allows`() throws {
    let app = try application("stale_if_error: 10s")
    try fill(app)
    app.nodes[0].stop()
    try app.server.advance(by: .seconds(10))
    #expect(try ask(app).status == 200)
    try app.server.advance(by: .seconds(1))
    #expect(try ask(app).status == 503)
  }

  @Test func `is not given once it is older than the application allows`() throws {
    let app = try application()
    try fill(app, "/a", answering: "Cache-Control: max-age=5, stale-if-error=5\r\n")
    try fill(app, "/b", answering: "Cache-Control: max-age=5, must-revalidate\r\n")
    app.nodes[0].stop()
    try app.server.advance(by: .seconds(4))
    #expect(try ask(app, "/a").status == 200)
    #expect(try ask(app, "/b").status == 200)
    try app.server.advance(by: .seconds(5))
    #expect(try ask(app, "/a").status == 200)
    #expect(try ask(app, "/b").status == 503)
    try app.server.advance(by: .seconds(2))
    #expect(try ask(app, "/a").status == 503)
  }

  // MARK: To whom

  @Test(arguments: ["Cookie: a=b", "Authorization: Basic x", "X-HTTP-Method-Override: POST"])
  func `a request that says who asks has no part in it`(field: String) throws {
    let app = try application()
    try fill(app, asking: "\(field)\r\n", "secret")
    #expect(try contents(app).answers == 0)
    try fill(app, "/", "public")
    try fill(app, asking: "\(field)\r\n", "secret")
    app.nodes[0].stop()
    #expect(try ask(app, "/", "\(field)\r\n").status == 503)
    #expect(try ask(app).body == "public")
  }

  @Test(arguments: [
    "Set-Cookie: a=b", "Cache-Control: private", "Cache-Control: no-store", "Vary: *",
    "Cache-Control: no-cache", "Content-Range: bytes 0-3/4",
  ])
  func `an answer for one client alone is not kept`(field: String) throws {
    let app = try application()
    try fill(app, answering: field + "\r\n")
    app.nodes[0].stop()
    #expect(try ask(app).status == 503)
  }

  @Test(arguments: ["no-store", "private"])
  func `what the application takes back is not given any more`(word: String) throws {
    let app = try application()
    try fill(app)
    try fill(app, "/", "mine", answering: "Cache-Control: \(word)\r\n")
    app.nodes[0].stop()
    #expect(try ask(app).status == 503)
    #expect(try contents(app).answers == 0)
  }

  @Test func `a client may ask that its answer is not kept`() throws {
    let app = try application()
    try fill(app, asking: "Cache-Control: no-store\r\n")
    app.nodes[0].stop()
    #expect(try ask(app).status == 503)
  }

  @Test func `a client that reloads gets it all the same`() throws {
    let app = try application()
    try fill(app)
    app.nodes[0].stop()
    #expect(try ask(app, "/", "Cache-Control: no-cache\r\nPragma: no-cache\r\n").body == "good")
  }

  @Test func `another address, host or port has another answer`() throws {
    let app = try application()
    try fill(app, "/x?a=1")
    app.nodes[0].stop()
    for path in ["/x", "/x?", "/x?a=2", "/X?a=1", "/x?a=1&", "//x?a=1", "/%78?a=1"] {
      #expect(try ask(app, path).status == 503, "\(path)")
    }
    for host in ["a.test:8443", "a.test:443", "a.test."] {
      #expect(try ask(app, "/x?a=1", host: host).status == 503, "\(host)")
    }
    #expect(try ask(app, "/x?a=1", host: "A.TEST").body == "good")
  }

  @Test func `what a trusted proxy says of the client's address is a part of the address`() throws {
    let app = try application(more: "trusted: [\"198.51.100.0/24\"]")
    try fill(app, asking: "X-Forwarded-Proto: http\r\nX-Forwarded-Host: evil.test\r\n", "evil")
    app.nodes[0].stop()
    #expect(try ask(app).status == 503)
    #expect(try ask(app, "/", "X-Forwarded-Host: evil.test\r\n").status == 503)
    #expect(
      try ask(app, "/", "X-Forwarded-Proto: http\r\nX-Forwarded-Host: evil.test\r\n").body == "evil"
    )
  }

  @Test func `what a stranger says of it changes nothing`() throws {
    let app = try application()
    try fill(app, asking: "X-Forwarded-Host: evil.test\r\n")
    app.nodes[0].stop()
    #expect(try ask(app).body == "good")
  }

  @Test func `each language and each coding has its own`() throws {
    let app = try application()
    let vary = "Vary: Accept-Language, Accept-Encoding\r\n"
    try fill(app, asking: "Accept-Language: de\r\n", "gut", answering: vary)
    try fill(app, asking: "Accept-Language: en\r\n", "good", answering: vary)
    try fill(
      app, asking: "Accept-Language: en\r\nAccept-Encoding: br\r\n", "brotli",
      answering: vary + "Content-Encoding: br\r\n")
    app.nodes[0].stop()
    #expect(try ask(app, "/", "Accept-Language: de\r\n").body == "gut")
    #expect(try ask(app, "/", "Accept-Language: en\r\n").body == "good")
    let coded = try ask(app, "/", "Accept-Encoding: br\r\nAccept-Language: en\r\n")
    #expect(coded.body == "brotli" && coded["Content-Encoding"] == "br")
    #expect(try ask(app).status == 503)
    #expect(try ask(app, "/", "Accept-Language: de\r\nAccept-Encoding: br\r\n").status == 503)
  }

  @Test(arguments: ["POST", "PUT", "DELETE", "PATCH"])
  func `a change that succeeded takes it away`(method: String) throws {
    let app = try application()
    try fill(app, "/a")
    try fill(app, "/b")
    let client = try app.ask(method, "/a", "Cookie: a=b\r\n")
    try #require(try app.asking()).call.answer("done")
    try app.server.settle()
    let failed = try app.ask(method, "/b")
    try #require(try app.asking()).call.answer("no", status: 403)
    try app.server.settle()
    app.nodes[0].stop()
    #expect(try ask(app, "/a").status == 503)
    #expect(try ask(app, "/b").status == 200)
    #expect(try ask(app, "/b", method: method).status == 503)
    client.close()
    failed.close()
  }

  // MARK: Whole answers only

  @Test func `an answer that was cut is not kept, and one that ends with its connection neither`()
    throws
  {
    let app = try application()
    for head in ["Content-Length: 9", "Transfer-Encoding: chunked", "X: y"] {
      let client = try app.ask()
      let call = try #require(try app.asking()).call
      call.say("HTTP/1.1 200 OK\r\n\(head)\r\n\r\n3\r\nabc\r\n")
      call.end()
      try app.server.settle()
      client.close()
      try app.server.settle()
    }
    app.nodes[0].stop()
    #expect(try ask(app).status == 503)
    #expect(app.server.remains == [])
  }

  @Test func `chunks are put together, and an empty page is one`() throws {
    let app = try application()
    let client = try app.ask("GET", "/chunks")
    let call = try #require(try app.asking()).call
    call.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    try app.server.settle()
    call.say("3;x=y\r\ndef\r\n0\r\n\r\n")
    call.end()
    try app.server.settle()
    client.close()
    try fill(app, "/empty", "")
    try fill(app, "/moved", "", status: 301, answering: "Location: /x\r\n")
    app.nodes[0].stop()
    let answer = try ask(app, "/chunks")
    #expect(answer.body == "abcdef" && answer["Transfer-Encoding"] == nil)
    #expect(try ask(app, "/empty")["Content-Length"] == "0")
    let moved = try ask(app, "/moved")
    #expect(moved.status == 301 && moved["Location"] == "/x")
  }

  @Test func `what is larger than the bound is passed on and not kept`() throws {
    let app = try application(more: "stale: { memory: 64KiB, disk: 0B, object_max: 2KiB }")
    let large = String(repeating: "x", count: 4000)
    try fill(app, "/length", large)
    let client = try app.ask("GET", "/chunks")
    let call = try #require(try app.asking()).call
    call.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfa0\r\n\(large)\r\n0\r\n\r\n")
    call.end()
    try app.server.settle()
    #expect(client.hear().contains(large))
    client.close()
    try fill(app, "/small")
    #expect(try contents(app).answers == 1)
    #expect(app.server.remains == [])
  }

  @Test func `a page that is asked for all the time is stored once a second`() throws {
    let app = try application()
    let store = try #require(app.server.worker.snapshot.stale).store
    for number in 0..<20 { try fill(app, "/", "\(number)") }
    #expect(store.counters.stored.now == 1)
    try app.server.advance(by: .seconds(1))
    try fill(app, "/", "later")
    #expect(store.counters.stored.now == 2)
    app.nodes[0].stop()
    #expect(try ask(app).body == "later")
  }

  @Test func `an answer that was not stored after all is stored with the next request`() throws {
    let app = try application()
    let client = try app.ask()
    let call = try #require(try app.asking()).call
    call.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
    try app.server.settle()
    client.close()
    try app.server.settle()
    call.end()
    try fill(app)
    app.nodes[0].stop()
    #expect(try ask(app).body == "good")
  }

  // MARK: Forms of requests

  @Test func `HEAD gets the head of it`() throws {
    let app = try application()
    try fill(app)
    app.nodes[0].stop()
    let answer = try ask(app, method: "HEAD")
    #expect(answer.status == 200 && answer.body.isEmpty)
    #expect(answer["Content-Length"] == "4" && answer["Age"] == "0")
  }

  @Test func `HEAD alone keeps nothing`() throws {
    let app = try application()
    let client = try app.ask("HEAD")
    let call = try #require(try app.asking()).call
    call.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
    call.end()
    try app.server.settle()
    client.close()
    app.nodes[0].stop()
    #expect(try ask(app).status == 503)
  }

  @Test func `a client that has it is told so, and a range gets the whole`() throws {
    let app = try application()
    try fill(
      app, answering: "ETag: \"a\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nX-A: 1\r\n")
    app.nodes[0].stop()
    for field in [
      "If-None-Match: W/\"a\"", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
    ] {
      let answer = try ask(app, "/", field + "\r\n")
      #expect(answer.status == 304 && answer.body.isEmpty && answer["X-A"] == nil)
      #expect(answer["ETag"] == "\"a\"" && answer["Age"] == "0")
      #expect(answer["Cache-Status"] != nil && answer["Content-Length"] == nil)
    }
    #expect(try ask(app, "/", "If-None-Match: \"b\"\r\n").status == 200)
    #expect(try ask(app, "/", "If-Match: \"b\"\r\n").status == 200)
    let range = try ask(app, "/", "Range: bytes=0-1\r\n")
    #expect(range.status == 200 && range.body == "good")
  }

  @Test func `an old client gets it with the end of its connection`() throws {
    let app = try application()
    try fill(app)
    app.nodes[0].stop()
    let client = try app.server.connect()
    client.send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n")
    try app.server.settle()
    #expect(client.answer()?.body == "good")
  }

  @Test func `HTTP 2 has it too`() throws {
    let app = try application()
    try fill(app)
    app.nodes[0].stop()
    let client = try app.server.connect(.http2)
    let answers = HTTP2Answers()
    answers.sentSettings(tableSize: nil)
    answers.asked(1)
    let fields = [
      (":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "a.test"),
    ]
    client.send(
      HTTP2Frames.preface + HTTP2Frames.frame(4, 0, 0, [])
        + HTTP2Frames.frame(1, 5, 1, HTTP2Frames.block(fields)))
    try app.server.settle()
    var (status, body) = (0, "")
    answers.receive(client.read()) { event in
      switch event {
      case .head(1, let found, _, _): status = found
      case .data(1, let bytes, _): body += text(bytes.span)
      default: break
      }
    }
    #expect(status == 200 && body == "good" && answers.complaint == nil)
  }

  // MARK: As fresh ones

  @Test func `the rules of the route change it as they change a fresh one`() throws {
    let app = try application(
      "stale_if_error: 1h, response_headers: { remove: [X-Gone], set: { X-Set: new } }, hsts: {}")
    let fresh = try fill(app, answering: "X-Gone: 1\r\nX-Set: old\r\nServer: app\r\n")
    app.nodes[0].stop()
    let stale = try ask(app)
    for name in ["X-Gone", "X-Set", "Strict-Transport-Security", "Server"] {
      #expect(stale[name] == fresh[name], "\(name)")
    }
  }

  @Test func `it is compressed as a fresh one`() throws {
    let app = try application("stale_if_error: 1h, compress: on")
    let page = String(repeating: "<li>one of many</li>", count: 500)
    let type = "Content-Type: text/html\r\nETag: \"a\"\r\n"
    try fill(app, asking: "Accept-Encoding: gzip\r\n", page, answering: type)
    app.nodes[0].stop()
    let plain = try ask(app)
    #expect(plain.body == page && plain["Vary"] == "Accept-Encoding" && plain["ETag"] == "\"a\"")
    let client = try app.ask("GET", "/", "Accept-Encoding: gzip\r\n")
    let received = client.read()
    let end = try #require(text(received.span).firstRange(of: "\r\n\r\n"))
    let head = String(text(received.span)[..<end.lowerBound])
    #expect(head.contains("Content-Encoding: gzip") && head.contains("ETag: W/\"a\""))
    #expect(head.contains("Transfer-Encoding: chunked") && received.count < 1000)
    client.close()
    try app.server.settle()
    #expect(app.server.remains == [])
  }

  // MARK: Where it is not used

  @Test func `a route without the key keeps nothing`() throws {
    let app = try application("")
    try fill(app)
    #expect(app.server.worker.snapshot.stale == nil)
    app.nodes[0].stop()
    #expect(try ask(app).status == 503)
  }

  @Test func `another configuration with the same bounds goes on with what is kept`() throws {
    let app = try application()
    try fill(app)
    app.nodes[0].stop()
    let text = """
      upstreams: { app: { protocol: http, nodes: ["\(app.nodes[0].address)"], hold: 0s } }
      routes: [{ host: a.test, upstream: app, stale_if_error: 5s }]
      """
    try app.server.install(text)
    #expect(try ask(app).body == "good")
    try app.server.advance(by: .seconds(6))
    #expect(try ask(app).status == 503)
    try app.server.install(text + "\nstale: { memory: 32MiB }")
    #expect(try contents(app).answers == 0)
  }

  @Test func `what is refused for a limit or a mistake of the client stays refused`() throws {
    let app = try application("stale_if_error: 1h, requests_per_address: { rate: 1, burst: 2 }")
    try fill(app)
    app.nodes[0].stop()
    #expect(try ask(app).status == 200)
    #expect(try ask(app).status == 429)
  }
}
