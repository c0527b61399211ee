import Testing

@testable import EdgeProxy

/// Requests by route and status, tries by upstream and outcome, and how long both took.
@Suite("What is counted of requests")
struct CountedRequestsTests {
  private func routes(_ server: InProcessServer) -> [RoutesSection.Route] {
    RoutesSection([server.worker.counters]).routes
  }

  private func route(_ server: InProcessServer, _ name: String) throws -> RoutesSection.Route {
    try #require(routes(server).first { $0.name == name })
  }

  private func codes(_ route: RoutesSection.Route) -> [String: Int] {
    var codes: [String: Int] = [:]
    for (name, count) in zip(StatusCodes.names, route.answers) where count > 0 {
      codes[name] = count
    }
    return codes
  }

  private func outcomes(_ server: InProcessServer) throws -> [String: Int] {
    let tries = try #require(TriesSection([server.worker.counters]).upstreams.first)
    var found: [String: Int] = [:]
    for (outcome, count) in zip(TryOutcome.all, tries.outcomes) where count > 0 {
      found["\(outcome.word)"] = count
    }
    return found
  }

  @Test func `each request is counted by its route and its status`() throws {
    let app = try ScriptedApplication(upstream: "retry: { tries: 1 }")
    for status in [200, 200, 404, 503, 299, 599] {
      let answer = try app.serve(try app.ask()) { $0.call.answer(status: status) }
      #expect(answer.status == status)
    }
    let route = try route(app.server, "a.test")
    #expect(codes(route) == ["200": 2, "404": 1, "503": 1, "2xx": 1, "5xx": 1])
    #expect(route.requests(ofClass: 5) == 2 && route.requests == 6)
    #expect(route.durations.count == 6)
    #expect(app.server.worker.counters.answersByClass == [0, 0, 3, 0, 1, 2])
  }

  @Test func `a request is told by host and path of its route, or as none that has none`() throws {
    let server = try InProcessServer(
      """
      routes:
        - { host: a.test, respond: { status: 204 } }
        - { host: a.test, path: /api, respond: { body: api } }
      """)
    for path in ["/", "/api/x", "/api/y", "/healthz"] {
      let client = try server.connect()
      client.send("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\r\n")
      try server.settle()
      #expect(client.answer() != nil)
    }
    let client = try server.connect()
    client.send("GET / HTTP/1.1\r\nHost: unknown.test\r\n\r\n")
    try server.settle()
    let counted = routes(server).map { [$0.name: codes($0)] }
    #expect(counted.contains(["a.test": ["204": 1]]))
    #expect(counted.contains(["a.test/api": ["200": 2]]))
    #expect(counted.last?["none"]?["404"] == 1)
    #expect(!counted.contains { $0.keys.contains("other") })
  }

  @Test func `a request takes as long as its client waits`() throws {
    let app = try ScriptedApplication()
    let client = try app.ask()
    let asked = try #require(try app.asking())
    try app.server.advance(by: .milliseconds(300))
    asked.call.answer()
    try app.server.settle()
    #expect(client.answer()?.status == 200)
    let durations = try route(app.server, "a.test").durations
    #expect(durations.buckets[8] == 1 && durations.count == 1)
    #expect((300_000...310_000).contains(durations.microseconds))
    let tries = try #require(TriesSection([app.server.worker.counters]).upstreams.first)
    #expect(tries.name == "app" && tries.durations.buckets[8] == 1)
  }

  @Test func `a route that stays goes on counting after a reload`() throws {
    let text = { (more: String) in
      "routes: [\(more){ host: a.test, respond: { body: x } }]"
    }
    let server = try InProcessServer(text(""))
    func ask() throws {
      let client = try server.connect()
      client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      try server.settle()
    }
    try ask()
    try server.install(text("{ host: b.test, respond: { body: y } }, "))
    try ask()
    #expect(codes(try route(server, "a.test")) == ["200": 2])
    #expect(codes(try route(server, "b.test")) == [:])
    try server.install("routes: [{ host: b.test, respond: { body: y } }]")
    #expect(codes(try route(server, "a.test")) == ["200": 2])
  }

  @Test func `a tunnel is counted and says nothing of how long requests take`() throws {
    let app = try ScriptedApplication()
    let client = try app.server.connect()
    try app.ask(
      client, "GET", "/chat",
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
    let call = try #require(try app.asking()).call
    call.say(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    try app.server.settle()
    #expect(client.answer()?.status == 101)
    call.end()
    client.close()
    try app.server.advance(by: .seconds(60))
    let route = try route(app.server, "a.test")
    #expect(codes(route) == ["101": 1] && route.durations.count == 0)
    #expect(try outcomes(app.server) == ["ok": 1])
  }

  @Test func `tries are counted by how they ended, and those with an answer by how long it took`()
    throws
  {
    let app = try ScriptedApplication(
      nodes: 2, upstream: "retry: { tries: 3, on: [connect, reset, 503] }, hold: 0s",
      overTCP: true)
    var sent = 0
    let answer = try app.serve(try app.ask()) {
      sent += 1
      if sent == 1 { $0.call.reset() } else { $0.call.answer(status: sent == 2 ? 503 : 200) }
    }
    #expect(answer.status == 200 || answer.status == 503)
    let counted = try outcomes(app.server)
    #expect(counted["reset"] == 1)
    #expect((counted["ok"] ?? 0) + (counted["status"] ?? 0) == sent - 1)
    let tries = try #require(TriesSection([app.server.worker.counters]).upstreams.first)
    #expect(tries.durations.count == sent - 1)
    #expect(tries.outcomes.reduce(0, +) == app.server.worker.counters.tries.now)
  }

  @Test func `how a try ends has one place in the list of all`() {
    #expect(TryOutcome.all.map(\.place) == Array(TryOutcome.all.indices))
    #expect(Set(TryOutcome.all.map { "\($0.word)" }).count == TryOutcome.all.count)
    #expect(TryOutcome.all.count <= 32)
  }
}
