import Testing

@testable import EdgeProxy

/// A request that ends every instance it reaches ends two of them, not all.
@Suite("Requests that end instances")
struct DeadlyTriesTests {
  /// What the nodes are given, each of which ends while it has a deadly one.
  private final class Nodes {
    var reached = 0
    var isDeadly = true

    func serve(
      _ app: ScriptedApplication, _ method: String, _ path: String, body: String? = nil
    ) throws -> Int {
      try app.serve(try app.ask(method, path, body: body)) {
        self.reached += 1
        if self.isDeadly { $0.call.end() } else { $0.call.answer() }
      }.status
    }
  }

  @Test func `one that ended two instances gets one try for a while`() throws {
    let app = try ScriptedApplication(nodes: 4)
    let nodes = Nodes()
    for _ in 0..<6 { #expect(try nodes.serve(app, "GET", "/deadly") == 502) }
    // The first is tried twice, then once each.
    #expect(nodes.reached == 2 + 5)
    let causes = try app.server.accessLines().map(\.cause)
    #expect(causes.filter { $0 == "query-of-death" }.count == 5)
    // The instances are not to blame.
    let failures = app.server.nodes(of: "app").map { $0.failureCount(.closed) }
    #expect(failures.reduce(0, +) == 2)
    nodes.isDeadly = false
    #expect(try nodes.serve(app, "GET", "/other") == 200)
  }

  @Test func `one that ended one instance keeps its second try`() throws {
    let app = try ScriptedApplication(nodes: 3)
    for _ in 0..<4 {
      var reached = 0
      let answer = try app.serve(try app.ask("GET", "/page")) {
        reached += 1
        if reached == 1 { $0.call.end() } else { $0.call.answer() }
      }
      #expect(answer.status == 200 && reached == 2)
    }
  }

  @Test func `after a minute it has its second try again`() throws {
    let app = try ScriptedApplication(nodes: 4)
    let nodes = Nodes()
    for _ in 0..<2 { #expect(try nodes.serve(app, "GET", "/deadly") == 502) }
    #expect(nodes.reached == 3)
    try app.server.advance(by: .seconds(61))
    #expect(try nodes.serve(app, "GET", "/deadly") == 502)
    #expect(nodes.reached == 5)
  }

  @Test func `another body is another request`() throws {
    let app = try ScriptedApplication(nodes: 3)
    let nodes = Nodes()
    let large = String(repeating: "x", count: 100_000)
    for body in ["one", "two", "one", large, large] {
      #expect(try nodes.serve(app, "PUT", "/deadly", body: body) == 502)
    }
    #expect(nodes.reached == 2 + 2 + 1 + 2 + 1)
  }

  @Test func `an answer gives a request its second tries back`() throws {
    let app = try ScriptedApplication(nodes: 3)
    let nodes = Nodes()
    #expect(try nodes.serve(app, "GET", "/page") == 502)
    nodes.isDeadly = false
    #expect(try nodes.serve(app, "GET", "/page") == 200)
    nodes.isDeadly = true
    let before = nodes.reached
    #expect(try nodes.serve(app, "GET", "/page") == 502)
    #expect(nodes.reached == before + 2)
  }
}
