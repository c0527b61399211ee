import EventLoop
import Testing

@testable import EdgeProxy

/// A node that stays silent costs a GET a quarter of a second, and nothing is sent twice that does
/// more than read.
@Suite("A second try beside a silent one")
struct HedgingTests {
  /// An application whose answers are known to be quick: 250 ms of silence are long.
  private func quickApplication(
    nodes: Int = 2, _ upstream: String = ""
  ) throws -> ScriptedApplication {
    let app = try ScriptedApplication(
      nodes: nodes, upstream: "balance: round-robin" + (upstream.isEmpty ? "" : ", " + upstream))
    for _ in 0..<40 {
      _ = try app.serve(try app.ask("GET", "/warm")) { $0.call.answer() }
    }
    #expect(lasting(app)?.latency.delay == LatencyHistogram.delayMin)
    return app
  }

  private func lasting(_ app: ScriptedApplication) -> LastingState? {
    app.server.worker.snapshot.upstreams.first?.state.lasting
  }

  @Test func `another node answers a GET when one is silent`() throws {
    let app = try quickApplication()
    let client = try app.ask()
    let silent = try #require(try app.asking())
    try app.server.advance(by: .milliseconds(249))
    #expect(try app.asked().isEmpty)
    try app.server.advance(by: .milliseconds(10))
    let other = try #require(try app.asking())
    #expect(other.node != silent.node)
    other.call.answer("second")
    try app.server.settle()
    #expect(client.answer()?.body == "second")
    #expect(silent.call.isEnded)
    #expect(try app.server.accessLines().last?.outcomes == ["lost", "hedged"])
    #expect(lasting(app)?.hedges == 1 && lasting(app)?.hedgesWon == 1)
    for node in app.server.nodes(of: "app") {
      #expect(NodeFailure.allCases.allSatisfy { node.failureCount($0) == 0 })
      #expect(node.inFlight == 0)
    }
  }

  @Test(arguments: [("POST", "x"), ("PUT", "x"), ("GET", "x"), ("DELETE", nil)])
  func `what is no plain GET is with one node while that is silent`(
    method: String, body: String?
  ) throws {
    let app = try quickApplication("timeouts: { response: 3s }")
    let client = try app.ask(method, body: body)
    let first = try #require(try app.asking())
    for _ in 0..<29 {
      try app.server.advance(by: .milliseconds(100))
      #expect(try app.asked().isEmpty)
    }
    #expect(lasting(app)?.hedges == 0)
    first.call.answer()
    try app.server.settle()
    #expect(client.answer()?.status == 200)
  }

  @Test(arguments: ["retry: { hedge: off }", "retry: { tries: 1 }"])
  func `it can be turned off, and counts as a try`(retry: String) throws {
    let app = try quickApplication(retry)
    let client = try app.ask()
    _ = try #require(try app.asking())
    try app.server.advance(by: .seconds(5))
    #expect(try app.asked().isEmpty)
    #expect(lasting(app)?.hedges == 0)
    client.close()
  }

  @Test func `a request asks beside a silent node once, however many there are`() throws {
    let app = try quickApplication(nodes: 4)
    let client = try app.ask()
    _ = try #require(try app.asking())
    try app.server.advance(by: .milliseconds(260))
    _ = try #require(try app.asking())
    try app.server.advance(by: .seconds(5))
    #expect(try app.asked().isEmpty)
    #expect(lasting(app)?.hedges == 1)
    client.close()
  }

  /// When the answer of the second try comes: in one turn with the other, or before it.
  enum Order: CaseIterable { case justBefore, justAfter, before }

  @Test(arguments: Order.allCases)
  func `the answer of the one that lost is never seen`(order: Order) throws {
    let app = try quickApplication(nodes: 3)
    let client = try app.server.connect()
    for number in 0..<20 {
      try app.ask(client, "GET", "/page-\(number)")
      let first = try #require(try app.asking())
      try app.server.advance(by: .milliseconds(260))
      let second = try #require(try app.asking())
      if order != .justAfter { second.call.answer("/page-\(number)") }
      if order != .before { first.call.answer("/page-\(number)") }
      if order == .justAfter { second.call.answer("/page-\(number)") }
      try app.server.settle()
      if order == .before { first.call.answer("late") }
      try app.server.settle()
      let answer = try #require(client.answer())
      #expect(answer.status == 200 && answer.body == "/page-\(number)")
    }
    client.close()
    try app.server.settle()
    #expect(app.server.remains == [])
  }

  @Test func `half of the budget is left to requests whose instance died`() throws {
    let app = try quickApplication("timeouts: { response: 2s }, retry: { tries: 2 }")
    let clients = try (0..<240).map { _ in try app.ask() }
    let asked = try app.asked()
    for each in asked where each.node == 1 { each.call.answer() }
    let silent = asked.filter { $0.node == 0 }
    #expect(silent.count == 120)
    try app.server.advance(by: .milliseconds(260))
    let hedges = try app.asked()
    #expect(hedges.count == Int(RetryBudget.tokensMax / 2))
    for each in hedges { each.call.answer() }
    // The others run out of time, and there is a token for the second try of each.
    try app.server.advance(by: .seconds(2))
    let retried = try app.asked()
    #expect(retried.count == silent.count - hedges.count)
    for each in retried { each.call.answer() }
    try app.server.settle()
    #expect(clients.allSatisfy { $0.answer()?.status == 200 })
  }

  @Test func `when the silent one fails at last the other goes on alone`() throws {
    let app = try quickApplication()
    let client = try app.ask()
    let first = try #require(try app.asking())
    try app.server.advance(by: .milliseconds(260))
    let second = try #require(try app.asking())
    first.call.end()
    try app.server.settle()
    #expect(client.answer() == nil)
    second.call.answer("patient")
    try app.server.settle()
    #expect(client.answer()?.body == "patient")
    #expect(try app.server.accessLines().last?.outcomes == ["closed", "ok"])
  }

  @Test func `the third silence in a row makes a node a suspect`() throws {
    let app = try quickApplication(nodes: 1)
    let node = try #require(app.server.nodes(of: "app").first)
    for silences in 1...3 {
      let client = try app.ask("POST", body: "x")
      try app.server.advance(by: .milliseconds(260))
      #expect(node.isSuspected == (silences == 3))
      client.close()
    }
  }
}
