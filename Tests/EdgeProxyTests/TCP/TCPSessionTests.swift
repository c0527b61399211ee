import EventLoop
import Testing

@testable import EdgeProxy

/// Connections of `listen.tcp`, from their nodes to their ends, in one worker.
@Suite("TCP sessions")
struct TCPSessionTests {
  private static let listener = "127.0.0.1:4000"
  private static let greeting = "\u{4}\0\0\0\u{A}5.7"

  private func server(
    _ nodes: String, more: String = "", limits: String = ""
  ) throws -> InProcessServer {
    try InProcessServer(
      """
      listen: { tcp: [{ address: "\(Self.listener)", upstream: db }] }
      upstreams: { db: { protocol: tcp, nodes: [\(nodes)], \(more) } }
      routes: [{ host: a.test, respond: { body: ok } }]
      limits: { \(limits) }
      """, logging: true)
  }

  private func quoted(_ node: ScriptedNode) -> String { "\"\(node.address)\"" }

  private func backup(_ node: ScriptedNode) -> String {
    "{ address: \"\(node.address)\", backup: true }"
  }

  private func begin(
    _ server: InProcessServer, from address: String = "127.0.0.1", room: Int32? = nil
  ) throws -> WireClient {
    try server.beginSession(at: Self.listener, from: address, room: room)
  }

  // MARK: Nodes

  @Test func `bytes go both ways, and an end is passed on`() throws {
    let node = try ScriptedNode(overTCP: true)
    let server = try server(quoted(node))
    let client = try begin(server)
    let call = try server.settle(untilCalled: node)
    client.send("to the node")
    client.endSending()
    try server.settle(until: call, hears: "to the node")
    try server.settle { call.isEnded }
    call.say("to the client")
    call.end()
    try server.settle(until: client, hears: "to the client")
    try server.settle { client.hear().isEmpty && client.isEnded }
    #expect(!client.isReset)
    let line = try #require(try server.accessLines().first)
    #expect(line["bytes_in"] == "11" && line["bytes_out"] == "13")
    #expect(line["listener"] == Self.listener && line["upstream"] == "db")
    #expect(line.outcomes == ["ok"] && line.cause == nil && line["status"] == nil)
    #expect(server.remains == [])
  }

  @Test func `a node that refuses is passed over`() throws {
    let (dead, living) = (try ScriptedNode(overTCP: true), try ScriptedNode(overTCP: true))
    dead.stop()
    let server = try server("\(quoted(dead)), \(quoted(living))")
    for _ in 0..<6 {
      let client = try begin(server)
      try server.settle(untilCalled: living).say("hello")
      try server.settle(until: client, hears: "hello")
    }
  }

  @Test func `a backup is asked only without the others`() throws {
    let (first, second) = (try ScriptedNode(overTCP: true), try ScriptedNode(overTCP: true))
    let server = try server("\(quoted(first)), \(backup(second))")
    for _ in 0..<5 {
      let client = try begin(server)
      try server.settle(untilCalled: first).say("first")
      try server.settle(until: client, hears: "first")
    }
    #expect(try second.accept() == nil)
    first.stop()
    let client = try begin(server)
    try server.settle(untilCalled: second).say("backup")
    try server.settle(until: client, hears: "backup")
  }

  @Test func `sessions go where there are fewest`() throws {
    let (one, two) = (try ScriptedNode(overTCP: true), try ScriptedNode(overTCP: true))
    let server = try server("\(quoted(one)), \(quoted(two))")
    let clients = try (0..<20).map { _ in try begin(server) }
    try server.settle { server.nodes(of: "db").allSatisfy { $0.inFlight == 10 } }
    #expect(server.worker.counters.sessions.now == 20)
    for client in clients { client.reset() }
    try server.settle { server.worker.sessions.count == 0 }
    #expect(server.remains == [])
    #expect(server.worker.counters.sessionsBegun.now == 20)
  }

  @Test func `a node takes as many sessions as it has cores, and the next one waits`() throws {
    let node = try ScriptedNode(overTCP: true)
    let server = try server("{ address: \(quoted(node)), cores: 1 }")
    let first = try begin(server)
    _ = try server.settle(untilCalled: node)
    let second = try begin(server)
    try server.advance(by: .milliseconds(50))
    #expect(try node.accept() == nil)
    #expect(server.worker.sessions.count == 2)
    first.reset()
    try server.settle(untilCalled: node).say("yours")
    try server.settle(until: second, hears: "yours")
  }

  // MARK: Waiting

  @Test func `a session waits for its node to come back, and nothing of it is lost`() throws {
    let node = try ScriptedNode(overTCP: true)
    let server = try server(quoted(node), more: "hold: 10s")
    node.stop()
    let client = try begin(server)
    client.send("early")
    try server.settle { server.nodes(of: "db").first?.failureCount(.refused) ?? 0 > 0 }
    try node.comeBack()
    try server.advance(by: .milliseconds(110))
    let call = try server.settle(untilCalled: node)
    try server.settle(until: call, hears: "early")
    client.reset()
    try server.settle { server.worker.sessions.count == 0 }
    let outcomes = try #require(try server.accessLines().first).outcomes
    #expect(outcomes.first == "refused" && outcomes.last == "ok")
  }

  @Test func `without a node the client is reset when it has waited long enough`() throws {
    let node = try ScriptedNode(overTCP: true)
    node.stop()
    let server = try server(quoted(node), more: "hold: 300ms")
    let client = try begin(server)
    try server.settle { server.nodes(of: "db").first?.failureCount(.refused) ?? 0 > 0 }
    try server.advance(by: .milliseconds(299))
    #expect(server.worker.sessions.count == 1)
    // Those that wait are looked at ten times a second.
    try server.advance(by: .milliseconds(110))
    try server.settle { client.hear().isEmpty && client.isReset }
    #expect(try server.accessLines().first?.cause == "no-instance")
    #expect(server.remains == [])
  }

  @Test func `a client that gives up waiting is forgotten`() throws {
    let node = try ScriptedNode(overTCP: true)
    node.stop()
    let server = try server(quoted(node), more: "hold: 1m")
    let client = try begin(server)
    #expect(server.worker.sessions.count == 1)
    client.reset()
    try server.settle { server.worker.sessions.count == 0 }
    #expect(try server.accessLines().first?.cause == "client-gone")
    #expect(server.remains == [])
  }

  // MARK: Greetings

  @Test(arguments: [("any", "hello"), ("mysql", greeting)])
  func `a silent node costs the time to connect and hears nothing`(
    kind: String, said: String
  ) throws {
    let (frozen, living) = (try ScriptedNode(overTCP: true), try ScriptedNode(overTCP: true))
    let server = try server(
      "\(quoted(frozen)), \(backup(living))", more: "greeting: \(kind), timeouts: { connect: 2s }")
    let client = try begin(server)
    client.send("word")
    let mute = try server.settle(untilCalled: frozen)
    try server.advance(by: .milliseconds(1999))
    #expect(try living.accept() == nil)
    try server.advance(by: .milliseconds(10))
    let call = try server.settle(untilCalled: living)
    call.say(said)
    try server.settle(until: client, hears: said)
    try server.settle(until: call, hears: "word")
    try server.settle { mute.isReset }
    client.reset()
    try server.settle { server.worker.sessions.count == 0 }
    #expect(try server.accessLines().first?.outcomes == ["timeout", "ok"])
  }

  @Test func `a greeting may take its time, in pieces`() throws {
    let node = try ScriptedNode(overTCP: true)
    let server = try server(quoted(node), more: "greeting: mysql, timeouts: { connect: 10s }")
    let client = try begin(server)
    let call = try server.settle(untilCalled: node)
    try server.advance(by: .seconds(5))
    for byte in Self.greeting.utf8.dropLast(3) {
      call.say([byte])
      try server.settle()
    }
    try server.advance(by: .seconds(4))
    call.say(Array(Self.greeting.utf8.suffix(3)))
    try server.settle(until: client, hears: Self.greeting)
  }

  @Test func `a server that takes nobody is passed over, and heard where it is the last`() throws {
    let refusal = [9, 0, 0, 0, 0xFF, 0x10, 0x04] + Array("Too many".utf8)
    let (full, other) = (try ScriptedNode(overTCP: true), try ScriptedNode(overTCP: true))
    let server = try server("\(quoted(full)), \(backup(other))", more: "greeting: mysql")
    let first = try begin(server)
    try server.settle(untilCalled: full).say(refusal)
    try server.settle(untilCalled: other).say(Self.greeting)
    try server.settle(until: first, hears: Self.greeting)
    other.stop()
    let second = try begin(server)
    try server.settle(untilCalled: full).say(refusal)
    var heard: [UInt8] = []
    try server.settle {
      heard += second.read()
      return heard.count >= refusal.count
    }
    #expect(heard == refusal)
    first.reset()
    second.reset()
    try server.settle { server.worker.sessions.count == 0 }
    let outcomes = try server.accessLines().map(\.outcomes)
    #expect(Set(outcomes) == [["busy", "ok"], ["busy", "refused"]])
  }

  @Test func `what is no MySQL is passed over`() throws {
    let (wrong, right) = (try ScriptedNode(overTCP: true), try ScriptedNode(overTCP: true))
    let server = try server("\(quoted(wrong)), \(backup(right))", more: "greeting: mysql")
    let client = try begin(server)
    try server.settle(untilCalled: wrong).say("SSH-2.0-x\r\n")
    try server.settle(untilCalled: right).say(Self.greeting)
    try server.settle(until: client, hears: Self.greeting)
    client.reset()
    try server.settle { server.worker.sessions.count == 0 }
    #expect(try server.accessLines().first?.outcomes == ["malformed", "ok"])
  }
}
