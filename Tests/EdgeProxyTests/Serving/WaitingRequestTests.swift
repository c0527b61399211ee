import EventLoop
import Testing

@testable import EdgeProxy

/// Requests that wait for an instance to come back, or for one with less to do.
@Suite("Requests that wait")
struct WaitingRequestTests {
  // MARK: For an instance to come back

  @Test(arguments: ["GET", "POST"])
  func `a request waits until an instance is back`(method: String) throws {
    let app = try ScriptedApplication(upstream: "hold: 10s")
    app.nodes[0].stop()
    let client = try app.ask(method, body: "x")
    try app.server.advance(by: .seconds(5))
    #expect(client.answer() == nil)
    #expect(app.server.worker.snapshot.waitingCount == 1)
    try app.nodes[0].comeBack()
    try app.server.advance(by: .milliseconds(110))
    try #require(try app.asking()).call.answer()
    try app.server.settle()
    #expect(client.answer()?.status == 200)
    client.close()
    try app.server.settle()
    #expect(app.server.remains == [])
  }

  @Test func `when nobody comes back the answer is 503 with Retry-After`() throws {
    let app = try ScriptedApplication(upstream: "hold: 1s")
    app.nodes[0].stop()
    let client = try app.ask()
    try app.server.advance(by: .milliseconds(990))
    #expect(client.answer() == nil)
    try app.server.advance(by: .milliseconds(110))
    let answer = try #require(client.answer())
    #expect(answer.status == 503 && answer["Retry-After"] != nil)
    #expect(try app.server.accessLines().first?.cause == "no-instance")
    client.close()
    try app.server.settle()
    #expect(app.server.remains == [])
  }

  @Test func `more than may wait are answered at once`() throws {
    let app = try ScriptedApplication(upstream: "hold: 10s", more: "limits: { held: 2 }")
    app.nodes[0].stop()
    let waiting = [try app.ask(), try app.ask()]
    let third = try app.ask()
    #expect(third.answer()?.status == 503)
    #expect(waiting.allSatisfy { $0.answer() == nil })
    #expect(app.server.worker.counters.refusals(.held) == 1)
  }

  @Test func `another configuration changes how many may wait, and those that do go on`() throws {
    let app = try ScriptedApplication(upstream: "hold: 10s", more: "limits: { held: 1 }")
    app.nodes[0].stop()
    let first = try app.ask()
    app.server.install(limits: { $0.held = 2 })
    let second = try app.ask()
    #expect(first.answer() == nil && second.answer() == nil)
    app.server.install(limits: { $0.held = 0 })
    #expect(try app.ask().answer()?.status == 503)
    #expect(app.server.worker.snapshot.waitingCount == 2)
  }

  @Test func `each answer lets two more go on, so that a new instance is not buried`() throws {
    let app = try ScriptedApplication(upstream: "hold: 10s")
    app.nodes[0].stop()
    let clients = try (0..<8).map { _ in try app.ask() }
    try app.nodes[0].comeBack()
    try app.server.advance(by: .milliseconds(110))
    var asked = try app.asked()
    var counts = [asked.count]
    while !asked.isEmpty {
      for each in asked { each.call.answer() }
      try app.server.settle()
      asked = try app.asked()
      counts.append(asked.count)
    }
    #expect(counts == [1, 2, 4, 1, 0])
    #expect(clients.allSatisfy { $0.answer()?.status == 200 })
  }

  @Test func `one whose client has left is never sent`() throws {
    let app = try ScriptedApplication(upstream: "hold: 10s")
    app.nodes[0].stop()
    let gone = try app.ask("GET", "/gone")
    gone.close()
    try app.server.settle()
    #expect(app.server.worker.snapshot.waitingCount == 0)
    try app.nodes[0].comeBack()
    try app.server.advance(by: .seconds(1))
    #expect(try app.asked().isEmpty)
    #expect(app.server.remains == [])
  }

  // MARK: For an instance with less to do

  /// One node that works on one request, and has one more waiting with itself.
  private func busyApplication(_ upstream: String = "", queued: Int = 10) throws
    -> (ScriptedApplication, [WireClient])
  {
    let app = try ScriptedApplication(
      node: "cores: 1", upstream: upstream, more: "limits: { queued: \(queued) }")
    return (app, [try app.ask("GET", "/first"), try app.ask("GET", "/second")])
  }

  @Test func `more than a node and its queue take waits here, the oldest first`() throws {
    let (app, first) = try busyApplication()
    let clients = try first + (0..<4).map { try app.ask("GET", "/\($0)") }
    var asked = try app.asked()
    #expect(asked.map(\.path) == ["/first", "/second"])
    var order: [Substring] = []
    while let next = asked.first {
      asked.removeFirst()
      next.call.answer()
      try app.server.settle()
      let more = try app.asked()
      order += more.map(\.path)
      asked += more
      #expect(app.server.nodes(of: "app").allSatisfy { $0.inFlight <= 2 })
    }
    #expect(order == ["/0", "/1", "/2", "/3"])
    #expect(clients.allSatisfy { $0.answer()?.status == 200 })
    #expect(app.server.worker.counters.queued.now == 4)
  }

  @Test func `a request that may not be repeated waits for a free core`() throws {
    let app = try ScriptedApplication(node: "cores: 1")
    let first = try app.ask("GET", "/first")
    let working = try #require(try app.asking())
    let post = try app.ask("POST", "/order", body: "x")
    #expect(try app.asked().isEmpty)
    working.call.answer()
    try app.server.settle()
    #expect(try app.asking()?.path == "/order")
    first.close()
    post.close()
  }

  @Test func `a queue that is full, or too slow, answers 503`() throws {
    let (app, first) = try busyApplication("queue: 200ms", queued: 1)
    let (waiting, refused) = (try app.ask(), try app.ask())
    let answer = try #require(refused.answer())
    #expect(answer.status == 503 && answer["Retry-After"] != nil)
    try app.server.advance(by: .milliseconds(190))
    #expect(waiting.answer() == nil)
    try app.server.advance(by: .milliseconds(30))
    #expect(waiting.answer()?.status == 503)
    #expect(try app.server.accessLines().map(\.cause) == ["queue-full", "queue-timeout"])
    for client in first { client.close() }
  }

  @Test func `a request that waited is not sent when its client has left`() throws {
    let (app, first) = try busyApplication()
    let gone = try app.ask("GET", "/gone")
    let stays = try app.ask("GET", "/stays")
    gone.close()
    try app.server.settle()
    for asked in try app.asked() { asked.call.answer() }
    try app.server.settle()
    #expect(try app.asked().map(\.path) == ["/stays"])
    stays.close()
    for client in first { client.close() }
    try app.server.settle()
    #expect(app.server.remains == [])
  }

  @Test func `an answer worth another try is delivered when the others are full`() throws {
    let app = try ScriptedApplication(nodes: 2, node: "cores: 1", upstream: "balance: round-robin")
    // Whoever is asked first, these end at the node that keeps them.
    var kept: [WireClient] = []
    while kept.count < 2 {
      let client = try app.ask()
      while let asked = try app.asking(), asked.node == 1 {
        asked.call.answer("own words", status: 503)
        try app.server.settle()
      }
      kept.append(client)
    }
    let third = try app.ask()
    try #require(try app.asking()).call.answer("own words", status: 503)
    try app.server.settle()
    let answer = try #require(third.answer())
    #expect(answer.status == 503 && answer.body == "own words")
    #expect(kept.allSatisfy { $0.answer() == nil })
  }
}
