import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy

extension ScriptedApplication {
  /// An operator orders something of hosts, and nothing of all others.
  func order(_ orders: (host: String, order: Order)...) throws {
    server.worker.install(
      SiteTable(orders.map { (subject: OrderSubject.host($0.host), order: $0.order) }))
    try server.settle()
  }
}

@Suite("Sites that an operator has taken out")
struct SitesTests {
  // MARK: With a page

  @Test func `are answered with a page that says when to come again`() throws {
    let app = try ScriptedApplication()
    try app.order(("a.test", Order(.maintenance)))
    let answer = try #require(try app.ask("POST", "/", body: "x").answer())
    #expect(answer.status == 503 && answer["Retry-After"] == "60")
    #expect(answer.body.contains("being worked on"))
    #expect(try app.asked().isEmpty)
    #expect(try app.server.accessLines().map(\.cause) == ["maintenance"])
    try app.order()
    let client = try app.ask()
    try #require(try app.asking()).call.answer()
    try app.server.settle()
    #expect(client.answer()?.status == 200)
  }

  @Test func `say how long it takes where that is known`() throws {
    let app = try ScriptedApplication()
    try app.order(("a.test", Order(.maintenance, until: WallTime.seconds + 600)))
    let seconds = try #require(try app.ask().answer()?["Retry-After"].flatMap { Int($0) })
    #expect((590...600).contains(seconds))
    try app.order(("a.test", Order(.maintenance, until: 1)))
    #expect(try app.ask().answer()?["Retry-After"] == "10")
  }

  @Test func `have the operator's page for 503`() throws {
    let app = try ScriptedApplication(more: "error_pages: { 503: /page.html }")
    try app.order(("a.test", Order(.maintenance)))
    // The file is empty, as every one is that this configuration names.
    let answer = try #require(try app.ask().answer())
    #expect(answer.status == 503 && answer.body.isEmpty && answer["Retry-After"] == "60")
  }

  @Test func `are still healthy, and others are served`() throws {
    let app = try ScriptedApplication()
    try app.order(("*", Order(.maintenance)))
    #expect(try app.ask("GET", "/healthz").answer()?.status == 200)
    try app.order(("b.test", Order(.maintenance)))
    _ = try app.ask()
    #expect(try app.asking() != nil)
  }

  @Test func `do not begin to work on an upload that was under way`() throws {
    let app = try ScriptedApplication()
    let client = try app.server.connect()
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nab")
    try app.server.settle()
    try app.order(("a.test", Order(.maintenance)))
    client.send("cd")
    try app.server.settle()
    #expect(client.answer()?.status == 503)
    #expect(try app.asked().isEmpty)
  }

  @Test func `finish what had been sent`() throws {
    let app = try ScriptedApplication()
    let client = try app.ask("POST", "/", body: "x")
    let asked = try #require(try app.asking())
    try app.order(("a.test", Order(.maintenance)))
    asked.call.answer()
    try app.server.settle()
    #expect(client.answer()?.status == 200)
  }

  @Test func `are found by the most specific order`() throws {
    let table = try #require(
      SiteTable([
        (.host("*"), Order(.maintenance)), (.host("*.b.test"), Order(.paused)),
        (.host("x.b.test"), Order(.maintenance)), (try .of("nodes/10.0.0.5:1"), Order(.disabled)),
      ]))
    func isPaused(_ host: String) -> Bool? { table.find(octets(host).span)?.isPaused }
    #expect(isPaused("c.test") == false && isPaused("y.b.test") == true)
    #expect(isPaused("x.b.test") == false && isPaused("b.test") == false)
    #expect(try SiteTable([(.of("nodes/10.0.0.5:1"), Order(.disabled))]) == nil)
    #expect(SiteTable([(.host("a.test"), Order(.paused))])?.find(octets("b.test").span) == nil)
  }

  // MARK: Paused

  @Test func `hold requests while they are paused, and send each once`() throws {
    let app = try ScriptedApplication(upstream: "hold: 10s")
    try app.order(("a.test", Order(.paused)))
    let clients = try (0..<100).map { try app.ask("POST", "/\($0)", body: "x") }
    try app.server.advance(by: .seconds(5))
    #expect(try app.asked().isEmpty && clients.allSatisfy { $0.answer() == nil })
    #expect(app.server.worker.sites.count == 100)
    try app.order()
    var paths: [Substring] = []
    var counts: [Int] = []
    while paths.count < 100 {
      let asked = try app.asked()
      counts.append(asked.count)
      paths += asked.map(\.path)
      for each in asked { each.call.answer() }
      try app.server.advance(by: SiteOrders.interval)
    }
    // Each once, the oldest first, and not all in one moment.
    #expect(paths == (0..<100).map { "/\($0)" })
    #expect(counts.allSatisfy { $0 <= 2 * SiteOrders.portion })
    try app.server.settle()
    #expect(clients.allSatisfy { $0.answer()?.status == 200 })
    for client in clients { client.close() }
    try app.server.settle()
    #expect(try app.asked().isEmpty && app.server.remains == [])
    #expect(app.server.worker.sites.count == 0)
  }

  @Test func `hold requests too that waited for a node before, and send each once`() throws {
    let app = try ScriptedApplication(node: "cores: 1", upstream: "hold: 10s, queue: 10s")
    let first = [try app.ask("GET", "/0"), try app.ask("GET", "/1")]
    let waiting = [try app.ask("GET", "/2"), try app.ask("GET", "/3")]
    let under = try app.asked()
    #expect(under.map(\.path) == ["/0", "/1"])
    try app.order(("a.test", Order(.paused)))
    for each in under { each.call.answer() }
    try app.server.advance(by: .seconds(1))
    #expect(first.allSatisfy { $0.answer()?.status == 200 })
    #expect(try app.asked().isEmpty && app.server.worker.sites.count == 2)
    try app.order()
    var paths: [Substring] = []
    while paths.count < 2 {
      for each in try app.asked() {
        paths.append(each.path)
        each.call.answer()
      }
      try app.server.advance(by: .milliseconds(20))
    }
    #expect(paths == ["/2", "/3"] && waiting.allSatisfy { $0.answer()?.status == 200 })
    for client in first + waiting { client.close() }
    try app.server.settle()
    #expect(app.server.remains == [] && app.server.worker.sites.count == 0)
  }

  @Test func `do not begin to work on what waited for a node`() throws {
    let app = try ScriptedApplication(node: "cores: 1", upstream: "queue: 10s")
    let first = [try app.ask("GET", "/0"), try app.ask("GET", "/1")]
    let waiting = try app.ask("GET", "/2")
    let under = try app.asked()
    try app.order(("a.test", Order(.maintenance)))
    for each in under { each.call.answer() }
    try app.server.advance(by: .milliseconds(20))
    #expect(first.allSatisfy { $0.answer()?.status == 200 })
    #expect(waiting.answer()?.status == 503)
    #expect(try app.asked().isEmpty)
  }

  @Test func `hold no request for longer than its upstream does`() throws {
    let app = try ScriptedApplication(upstream: "hold: 1s")
    try app.order(("a.test", Order(.paused)))
    let client = try app.ask()
    try app.server.advance(by: .milliseconds(900))
    #expect(client.answer() == nil)
    try app.server.advance(by: .milliseconds(250))
    let answer = try #require(client.answer())
    #expect(answer.status == 503 && answer["Retry-After"] == "60")
    #expect(try app.server.accessLines().map(\.cause) == ["pause-timeout"])
    try app.order()
    #expect(try app.asked().isEmpty && app.server.worker.sites.count == 0)
  }

  @Test func `hold no more requests than may wait`() throws {
    let app = try ScriptedApplication(more: "limits: { held: 2 }")
    try app.order(("a.test", Order(.paused)))
    let waiting = [try app.ask(), try app.ask()]
    #expect(try app.ask().answer()?.status == 503)
    #expect(try app.server.accessLines().map(\.cause) == ["pause-full"])
    #expect(app.server.worker.counters.refusals(.held) == 1)
    #expect(waiting.allSatisfy { $0.answer() == nil })
    app.server.install(limits: { $0.held = 3 })
    #expect(try app.ask().answer() == nil)
  }

  @Test func `do not send one whose client has left`() throws {
    let app = try ScriptedApplication()
    try app.order(("a.test", Order(.paused)))
    let gone = try app.ask("GET", "/gone")
    gone.close()
    try app.server.settle()
    #expect(app.server.worker.sites.count == 0)
    try app.order()
    #expect(try app.asked().isEmpty && app.server.remains == [])
  }

  @Test func `hold on while another host is let go, and tell when the pause becomes a page`() throws
  {
    let app = try ScriptedApplication(upstream: "hold: 10s")
    try app.order(("a.test", Order(.paused)), ("b.test", Order(.paused)))
    let client = try app.ask()
    try app.order(("a.test", Order(.paused)))
    #expect(try app.asked().isEmpty && client.answer() == nil)
    try app.order(("a.test", Order(.maintenance)))
    #expect(client.answer()?.status == 503)
    #expect(app.server.worker.sites.count == 0)
  }

  @Test func `take a pause again that comes while requests leave`() throws {
    let app = try ScriptedApplication(upstream: "hold: 10s")
    try app.order(("a.test", Order(.paused)))
    let clients = try (0..<(SiteOrders.portion + 5)).map { try app.ask("GET", "/\($0)") }
    try app.order()
    #expect(try app.asked().count == SiteOrders.portion)
    try app.order(("a.test", Order(.paused)))
    try app.server.advance(by: .seconds(1))
    #expect(try app.asked().isEmpty && app.server.worker.sites.count == 5)
    try app.order()
    try app.server.advance(by: SiteOrders.interval)
    #expect(try app.asked().count == 5)
    for client in clients { client.close() }
    try app.server.settle()
    #expect(app.server.remains == [])
  }
}
