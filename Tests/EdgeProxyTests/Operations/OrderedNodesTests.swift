import EventLoop
import Testing

@testable import EdgeProxy

extension ScriptedApplication {
  /// An operator orders something of its nodes, in their order.
  func stand(_ standings: Standing...) throws {
    for (node, standing) in zip(server.nodes(of: "app"), standings) { node.stand(standing) }
    for upstream in server.worker.snapshot.upstreams { upstream.state.takeStandings() }
    server.worker.standingsChanged()
    try server.settle()
  }
}

@Suite("Requests while an operator keeps nodes from them")
struct OrderedNodesTests {
  @Test func `those that are under way at a node which is disabled finish there`() throws {
    let app = try ScriptedApplication(nodes: 2, upstream: "balance: round-robin")
    let first = try app.ask("POST", "/order", body: "x")
    let under = try #require(try app.asking())
    try app.stand(under.node == 0 ? .disabled : .enabled, under.node == 1 ? .disabled : .enabled)
    for _ in 0..<4 {
      let client = try app.ask()
      let asked = try #require(try app.asking())
      #expect(asked.node != under.node)
      asked.call.answer()
      try app.server.settle()
      #expect(client.answer()?.status == 200)
      client.close()
    }
    under.call.answer("done")
    try app.server.settle()
    #expect(first.answer()?.body == "done")
    first.close()
    try app.server.settle()
    #expect(app.server.remains == [])
  }

  @Test func `go on when their node is enabled, if it was the only one`() throws {
    let app = try ScriptedApplication(upstream: "hold: 10s")
    try app.stand(.disabled)
    let client = try app.ask("POST", "/", body: "x")
    try app.server.advance(by: .seconds(5))
    #expect(try app.asked().isEmpty && client.answer() == nil)
    try app.stand(.enabled)
    let asked = try #require(try app.asking())
    asked.call.answer()
    try app.server.settle()
    #expect(client.answer()?.status == 200)
    client.close()
    try app.server.settle()
    #expect(try app.asked().isEmpty && app.server.remains == [])
  }

  @Test func `are answered 503 where no node is enabled in time`() throws {
    let app = try ScriptedApplication(nodes: 2, upstream: "hold: 1s")
    try app.stand(.disabled, .draining)
    let client = try app.ask()
    try app.server.advance(by: .milliseconds(1200))
    #expect(client.answer()?.status == 503)
    #expect(try app.server.accessLines().first?.cause == "nodes-disabled")
    #expect(try app.asked().isEmpty)
  }

  @Test func `are not tried again at a node that is disabled meanwhile`() throws {
    let app = try ScriptedApplication(
      nodes: 2, upstream: "balance: round-robin, hold: 1s, retry: { tries: 5 }")
    let client = try app.ask()
    let asked = try #require(try app.asking())
    try app.stand(asked.node == 0 ? .enabled : .disabled, asked.node == 1 ? .enabled : .disabled)
    asked.call.end()
    try app.server.settle()
    while client.answer() == nil {
      if let again = try app.asking() {
        #expect(again.node == asked.node)
        again.call.answer()
        try app.server.settle()
        break
      }
      try app.server.advance(by: .milliseconds(100))
    }
    client.close()
    try app.server.settle()
    #expect(app.server.remains == [])
  }

  @Test func `with a cookie go on to a node that drains`() throws {
    let app = try ScriptedApplication(nodes: 2, upstream: "sticky: edge_node")
    let first = try app.ask()
    let bound = try #require(try app.asking())
    bound.call.answer()
    try app.server.settle()
    let cookie = try #require(first.answer()?["Set-Cookie"]?.split(separator: ";").first)
    try app.stand(bound.node == 0 ? .draining : .enabled, bound.node == 1 ? .draining : .enabled)
    for _ in 0..<3 {
      _ = try app.ask("GET", "/", "Cookie: \(cookie)\r\n")
      let same = try #require(try app.asking())
      #expect(same.node == bound.node)
      same.call.answer()
      _ = try app.ask()
      let other = try #require(try app.asking())
      #expect(other.node != bound.node)
      other.call.answer()
      try app.server.settle()
    }
    try app.stand(bound.node == 0 ? .disabled : .enabled, bound.node == 1 ? .disabled : .enabled)
    _ = try app.ask("GET", "/", "Cookie: \(cookie)\r\n")
    #expect(try #require(try app.asking()).node != bound.node)
  }

  @Test func `tell how long each node took`() throws {
    let app = try ScriptedApplication()
    for _ in 0..<20 {
      let client = try app.ask()
      let asked = try #require(try app.asking())
      try app.server.advance(by: .milliseconds(100))
      asked.call.answer()
      try app.server.settle()
      #expect(client.answer()?.status == 200)
      client.close()
    }
    let summary = try #require(app.server.nodes(of: "app").first).latency.summary
    #expect(summary.count == 20)
    #expect((100...125).contains(summary.p50) && (100...125).contains(summary.p99))
  }
}
