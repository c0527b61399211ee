import EventLoop
import Testing

@testable import EdgeProxy

/// What a client notices when nodes fail: nothing, unless asking again could do harm.
@Suite("Nodes that fail")
struct FailoverTests {
  @Test func `a POST goes to another node when nothing of it was sent`() throws {
    let app = try ScriptedApplication(nodes: 2)
    app.nodes[0].stop()
    for _ in 0..<10 {
      let answer = try app.serve(try app.ask("POST", body: "x")) {
        #expect($0.node == 1)
        $0.call.answer()
      }
      #expect(answer.status == 200)
    }
  }

  @Test func `a GET is asked again when the first node closes without a byte`() throws {
    let app = try ScriptedApplication(nodes: 2, upstream: "balance: round-robin")
    var closed = 0
    for _ in 0..<4 {
      let answer = try app.serve(try app.ask()) {
        if $0.node == 0 { closed += 1 }
        if $0.node == 0 { $0.call.end() } else { $0.call.answer() }
      }
      #expect(answer.status == 200)
    }
    #expect(closed > 0)
  }

  @Test func `a POST is not asked again once it was sent`() throws {
    let app = try ScriptedApplication(nodes: 2)
    var sent = 0
    let answer = try app.serve(try app.ask("POST", body: "x")) {
      sent += 1
      $0.call.end()
    }
    #expect(answer.status == 502 && sent == 1)
  }

  @Test func `after two nodes closed without a byte no third is asked`() throws {
    let app = try ScriptedApplication(nodes: 3)
    var sent = 0
    let answer = try app.serve(try app.ask()) {
      sent += 1
      $0.call.end()
    }
    #expect(answer.status == 502 && sent == 2)
  }

  @Test(arguments: [("GET", nil), ("PUT", "x")])
  func `a request that nobody read is asked again and is no deadly one`(
    method: String, body: String?
  ) throws {
    let app = try ScriptedApplication(overTCP: true)
    for _ in 0..<2 {
      // It would be 502 at once if its answer had not cleared it.
      var dropped = 0
      let answer = try app.serve(try app.ask(method, body: body)) {
        guard dropped < 2 else { return $0.call.answer() }
        dropped += 1
        $0.call.reset()
      }
      #expect(answer.status == 200 && dropped == 2)
    }
  }

  @Test func `a backup is asked only when no other is left`() throws {
    let app = try ScriptedApplication(nodes: 1, node: "weight: 1")
    let backup = try ScriptedNode()
    try app.server.install(
      """
      upstreams:
        app:
          protocol: http
          nodes: ["\(app.nodes[0].address)", { address: "\(backup.address)", backup: true }]
      routes: [{ host: a.test, upstream: app }]
      """)
    for _ in 0..<5 { _ = try app.serve(try app.ask()) { $0.call.answer() } }
    #expect(try backup.accept() == nil)
    app.nodes[0].stop()
    for _ in 0..<5 {
      let client = try app.ask()
      try #require(try backup.accept()).answer("backup")
      try app.server.settle()
      #expect(client.answer()?.body == "backup")
    }
  }

  @Test func `a silent node is given up and another answers`() throws {
    let app = try ScriptedApplication(
      nodes: 2, upstream: "balance: round-robin, retry: { hedge: off }, timeouts: { response: 3s }")
    var silent = 0
    for _ in 0..<4 {
      let answer = try app.serve(try app.ask()) {
        if $0.node == 0 { silent += 1 } else { $0.call.answer() }
      }
      #expect(answer.status == 200)
    }
    #expect(silent > 0)
  }

  @Test func `a lone silent node is 504 for a request that must not be repeated`() throws {
    let app = try ScriptedApplication(upstream: "timeouts: { response: 3s }")
    var sent = 0
    let begun = app.server.clock.now
    let answer = try app.serve(try app.ask("POST", body: "x")) { _ in sent += 1 }
    #expect(answer.status == 504 && sent == 1)
    #expect(app.server.clock.now - begun >= .seconds(3))
  }

  @Test func `an answer that ends early is cut and never completed`() throws {
    let app = try ScriptedApplication()
    let client = try app.ask()
    let call = try #require(try app.asking()).call
    call.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
    try app.server.settle()
    let answer = try #require(client.answer())
    #expect(answer.status == 200 && answer["Content-Length"] == "100" && answer.body == "hello")
    call.end()
    try app.server.settle()
    #expect(client.hear().isEmpty && client.isEnded)
    #expect(try app.server.accessLines().first?.cause == "response-truncated")
  }

  @Test func `an answer that stops for too long is cut`() throws {
    let app = try ScriptedApplication(upstream: "timeouts: { idle: 5s }")
    let client = try app.ask()
    let call = try #require(try app.asking()).call
    call.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
    try app.server.advance(by: .milliseconds(4990))
    _ = client.hear()
    #expect(!client.isEnded)
    try app.server.advance(by: .milliseconds(20))
    #expect(client.hear().isEmpty && client.isEnded)
    #expect(try app.server.accessLines().first?.cause == "response-stalled")
  }

  @Test(arguments: [("POST", 900, true), ("POST", 1100, false), ("GET", 1100, true)])
  func `a POST is not risked on a connection that has been idle for long`(
    method: String, milliseconds: Int, isReused: Bool
  ) throws {
    let app = try ScriptedApplication(upstream: "keep_alive: {}")
    let client = try app.ask("POST", "/first", body: "1")
    let kept = try #require(try app.asking()).call
    kept.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    try app.server.advance(by: .milliseconds(milliseconds))
    #expect(client.answer()?.status == 200)
    try app.ask(client, method, "/second")
    #expect(kept.heard().isEmpty != isReused)
    #expect(try app.asked().isEmpty == isReused)
  }

  @Test func `the third failure in a row puts a node out, two answers bring it back`() throws {
    let app = try ScriptedApplication(nodes: 3, upstream: "balance: round-robin, hold: 0s")
    let ill = app.server.nodes(of: "app")[0]
    app.nodes[0].stop()
    while !ill.condition.isOut { _ = try app.serve(try app.ask()) { $0.call.answer() } }
    #expect(ill.failureCount(.refused) == 3)
    for _ in 0..<6 { _ = try app.serve(try app.ask()) { $0.call.answer() } }
    #expect(ill.failureCount(.refused) == 3)
    try app.nodes[0].comeBack()
    try app.server.advance(by: .milliseconds(1200))
    var answered = 0
    for _ in 0..<60 {
      _ = try app.serve(try app.ask()) {
        if $0.node == 0 { answered += 1 }
        $0.call.answer()
      }
      #expect(ill.condition.isOut == (answered < 2))
    }
    #expect(answered > 2)
  }

  @Test func `a node that a cookie names is followed until it is out`() throws {
    let app = try ScriptedApplication(
      nodes: 2, upstream: "balance: round-robin, sticky: edge_node, hold: 0s")
    let first = try app.serve(try app.ask()) { $0.call.answer("\($0.node)") }
    let cookie = try #require(first["Set-Cookie"]?.split(separator: ";").first)
    let bound = try #require(Int(first.body))
    for _ in 0..<4 {
      let again = try app.serve(try app.ask("GET", "/", "Cookie: \(cookie)\r\n")) {
        $0.call.answer("\($0.node)")
      }
      #expect(again.body == first.body && again["Set-Cookie"] == nil)
    }
    let node = app.server.nodes(of: "app")[bound]
    app.nodes[bound].stop()
    for _ in 0..<3 {
      let other = try app.serve(try app.ask("GET", "/", "Cookie: \(cookie)\r\n")) {
        $0.call.answer("\($0.node)")
      }
      #expect(other.body != first.body && other["Set-Cookie"] != nil)
    }
    #expect(node.condition.isOut)
    // It takes connections again, and nobody asks it before its pause is over.
    try app.nodes[bound].comeBack()
    let last = try app.serve(try app.ask("GET", "/", "Cookie: \(cookie)\r\n")) {
      $0.call.answer("\($0.node)")
    }
    #expect(last.body != first.body)
    #expect(node.failureCount(.refused) == 3)
  }
}
