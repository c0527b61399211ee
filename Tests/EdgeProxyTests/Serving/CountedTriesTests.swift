import EventLoop
import Testing

@testable import EdgeProxy

/// A request that instances reset is sent `tries` times, whatever it waits for in between.
@Suite("Tries that are counted")
struct CountedTriesTests {
  /// When a request came to a node, by path.
  private final class Arrivals {
    var all: [(path: String, at: Instant)] = []

    func pauses(of path: String) -> [Duration] {
      let times = all.filter { $0.path == path }.map(\.at)
      return zip(times, times.dropFirst()).map { $1 - $0 }
    }
  }

  @Test(arguments: [1, 2, 4], ["GET", "DELETE"])
  func `a request that every instance resets is sent as often as tries says`(
    count: Int, method: String
  ) throws {
    let app = try ScriptedApplication(
      nodes: count, upstream: "retry: { tries: 3 }, hold: 5s", overTCP: true)
    let begun = app.server.clock.now
    let client = try app.ask(method, "/page")
    var sent = 0
    let answer = try app.serve(client) {
      sent += 1
      $0.call.reset()
    }
    #expect(answer.status == 502)
    #expect(sent == 3)
    // It does not wait until the end of `hold`.
    #expect(app.server.clock.now - begun < .seconds(2))
    let line = try #require(try app.server.accessLines().first)
    #expect(line.cause == "reset" && line.outcomes == ["reset", "reset", "reset"])
  }

  @Test(arguments: ["", "x"])
  func `a POST that is reset is sent once`(body: String) throws {
    let app = try ScriptedApplication(nodes: 2, overTCP: true)
    let client = try app.ask("POST", "/order", body: body)
    var sent = 0
    let answer = try app.serve(client) {
      sent += 1
      $0.call.reset()
    }
    #expect(answer.status == 502 && sent == 1)
  }

  @Test func `a try that never connected is not counted, whatever the method`() throws {
    let app = try ScriptedApplication(nodes: 5, upstream: "retry: { tries: 2 }, hold: 0s")
    for node in app.nodes.dropLast() { node.stop() }
    for _ in 0..<5 {
      let answer = try app.serve(try app.ask("POST", "/order", body: "x")) { $0.call.answer() }
      #expect(answer.status == 200)
    }
    let outcomes = try app.server.accessLines().map(\.outcomes)
    #expect(outcomes.contains { $0.count > 2 && $0.dropLast().allSatisfy { $0 == "refused" } })
  }

  @Test func `a GET that is reset again and again gets one try for a while`() throws {
    let app = try ScriptedApplication(nodes: 2, overTCP: true)
    var sent = 0
    for _ in 0..<5 {
      let answer = try app.serve(try app.ask("GET", "/page")) {
        sent += 1
        $0.call.reset()
      }
      #expect(answer.status == 502)
    }
    #expect(sent == 3 + 4)
    let causes = try app.server.accessLines().map(\.cause)
    #expect(causes == ["reset"] + Array(repeating: "query-of-death", count: 4))
  }

  @Test func `requests that are reset leave the others their second tries`() throws {
    let app = try ScriptedApplication(nodes: 2, overTCP: true)
    var known: Set<String> = []
    var deadly = 0
    // Everybody but the deadly needs one second try.
    let script = { (asked: ScriptedApplication.Asked) in
      let isDeadly = asked.path.hasPrefix("/deadly")
      if isDeadly { deadly += 1 }
      if known.insert(String(asked.path)).inserted || isDeadly {
        asked.call.reset()
      } else {
        asked.call.answer()
      }
    }
    for number in 0..<4 {
      #expect(try app.serve(try app.ask("GET", "/deadly\(number)"), script).status == 502)
    }
    for number in 0..<40 {
      #expect(try app.serve(try app.ask("GET", "/page\(number)"), script).status == 200)
    }
    #expect(deadly == 4 * 3)
  }

  @Test func `a lone instance that resets has a moment before it is asked again`() throws {
    // It is being reloaded, perhaps, and what it still answers says nothing of its listen queue.
    let app = try ScriptedApplication(overTCP: true)
    let arrivals = Arrivals()
    let script = { (asked: ScriptedApplication.Asked) in
      arrivals.all.append((String(asked.path), app.server.clock.now))
      let isReset = asked.path == "/page" && arrivals.pauses(of: "/page").count < 2
      if isReset { asked.call.reset() } else { asked.call.answer() }
    }
    let waiting = try app.ask("GET", "/page")
    var answer: ScriptedAnswer?
    while answer == nil {
      #expect(try app.serve(try app.ask("GET", "/other"), script).status == 200)
      for asked in try app.asked() { script(asked) }
      try app.server.advance(by: .milliseconds(10))
      answer = waiting.answer()
    }
    #expect(answer?.status == 200)
    let pauses = arrivals.pauses(of: "/page")
    try #require(pauses.count == 2)
    #expect(pauses[0] >= .milliseconds(250) && pauses[0] < .milliseconds(450))
    #expect(pauses[1] >= .seconds(1) && pauses[1] < .milliseconds(1200))
  }

  @Test func `what a kept connection may have carried counts as a try`() throws {
    let app = try ScriptedApplication(upstream: "keep_alive: {}", overTCP: true)
    let client = try app.ask("GET", "/good")
    let kept = try #require(try app.asking()).call
    kept.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    try app.server.settle { client.answer()?.status == 200 }
    // A server that ends a connection that was idle may have read the request all the same.
    try app.ask(client, "GET", "/page")
    try app.server.settle { !kept.heard().isEmpty }
    kept.reset()
    var fresh = 0
    let answer = try app.serve(client) {
      fresh += 1
      $0.call.reset()
    }
    #expect(answer.status == 502)
    #expect(fresh == 2)
    let line = try #require(try app.server.accessLines().last)
    #expect(line.outcomes == ["stale", "reset", "reset"])
  }

  @Test func `a request that may have been read is not sent later than within`() throws {
    let app = try ScriptedApplication(
      upstream: "retry: { within: 700ms }, hold: 8s", overTCP: true)
    let begun = app.server.clock.now
    var sent = 0
    let answer = try app.serve(try app.ask()) {
      sent += 1
      app.nodes[0].stop()
      $0.call.reset()
    }
    #expect(answer.status == 503 && sent == 1)
    let spent = app.server.clock.now - begun
    #expect(spent >= .milliseconds(600) && spent < .milliseconds(900))
  }
}
