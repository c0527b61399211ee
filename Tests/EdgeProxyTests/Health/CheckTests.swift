import EventLoop
import TestSupport
import Testing

@testable import Configuration
@testable import EdgeProxy

@Suite("One check of one node")
final class CheckTests {
  private let clock = ManualClock()
  private let loop: EventLoop
  private let node: ScriptedNode
  private var outcomes: [CheckOutcome] = []
  private var check: Check?

  init() throws {
    loop = try EventLoop(clock: clock)
    node = try ScriptedNode()
  }

  private func turn(after span: Duration = .zero) throws {
    clock.advance(by: span)
    try loop.turn(mayWait: false)
  }

  private func ask(
    _ health: HealthCheck, _ spoken: UpstreamSettings.NodeProtocol = .uwsgi
  ) throws {
    let question = CheckQuestion(health, spoken: spoken, modifiers: (9, 1), name: "a.example")
    try ask(question)
  }

  private func ask(_ question: CheckQuestion) throws {
    let check = Check(question, loop: loop) { [unowned self] in outcomes.append($1) }
    self.check = check
    let state = NodeState(address: node.address, isBackup: false, cap: EjectionCap())
    check.start(
      state, through: PeerLinks(loop: loop), identity: nil, timeout: .seconds(1))
    try turn()
  }

  @Test func `a connection is enough for tcp`() throws {
    try ask(HealthCheck(kind: .tcp))
    #expect(outcomes == [.passed])
    #expect(try node.accept()?.heard() == [])
  }

  @Test(arguments: HealthCheck.Kind.allCases)
  func `a node that refuses is not connected`(kind: HealthCheck.Kind) throws {
    node.stop()
    try ask(HealthCheck(kind: kind))
    #expect(outcomes == [.notConnected(.refused)])
  }

  @Test func `a server that speaks first hears of a check before anything is sent`() throws {
    let server = try ScriptedNode(overTCP: true)
    let check = Check(
      CheckQuestion(HealthCheck(kind: .mysql), spoken: .tcp, modifiers: (0, 0), name: "db"),
      loop: loop
    ) { [unowned self] in outcomes.append($1) }
    let state = NodeState(address: server.address, isBackup: false, cap: EjectionCap())
    check.start(state, through: PeerLinks(loop: loop), identity: nil, timeout: .seconds(1))
    defer { check.cancel() }
    // The kernel shows a connection to a listener with the last packet of its handshake, which a
    // client may hold back for 200 ms.
    #expect(try server.accept() != nil)
  }

  @Test func `a ping is four bytes, and so is its answer`() throws {
    try ask(HealthCheck(kind: .ping))
    let call = try #require(try node.accept())
    #expect(call.heard() == [100, 0, 0, 0])
    call.say([100, 0])
    try turn()
    #expect(outcomes == [])
    call.say([0, 1])
    try turn()
    #expect(outcomes == [.passed] && call.isEnded)
  }

  @Test(
    arguments: [[100, 0, 0, 0], [0, 0, 0, 1], Array("HTTP/1.1 200 OK\r\n\r\n".utf8)] as [[UInt8]])
  func `another answer to a ping is malformed`(bytes: [UInt8]) throws {
    try ask(HealthCheck(kind: .ping))
    try #require(try node.accept()).say(bytes)
    try turn()
    #expect(outcomes == [.malformed])
  }

  @Test func `a request over uwsgi names path, query and host, and says https`() throws {
    try ask(HealthCheck(kind: .request, path: "/up%20there?deep=1"))
    let call = try #require(try node.accept())
    let block = try #require(UWSGIBlock(call.heard()))
    #expect(block.modifier1 == 9 && block.modifier2 == 1)
    #expect(block["REQUEST_METHOD"] == "GET" && block["PATH_INFO"] == "/up there")
    #expect(block["QUERY_STRING"] == "deep=1" && block["HTTP_HOST"] == "a.example")
    #expect(block["UWSGI_SCHEME"] == "https")
    call.say("HTTP/1.1 200 OK\r\n\r\n")
    call.end()
    try turn()
    #expect(outcomes == [.answered(status: 200, isWell: true)])
  }

  @Test func `a request over HTTP closes and names the host that was configured`() throws {
    try ask(HealthCheck(kind: .request, path: "/up", host: "b.example"), .http)
    let text = text(try #require(try node.accept()).heard().span)
    #expect(text.hasPrefix("GET /up HTTP/1.1\r\n"))
    #expect(text.contains("\r\nHost: b.example\r\n") && text.contains("\r\nConnection: close\r\n"))
  }

  @Test func `a status outside of the range is no well node's`() throws {
    try ask(HealthCheck(kind: .request, statuses: 200...299))
    let call = try #require(try node.accept())
    call.say("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")
    call.end()
    try turn()
    #expect(outcomes == [.answered(status: 302, isWell: false)])
  }

  @Test func `the body may be finished, and a head that comes in pieces is one`() throws {
    try ask(HealthCheck(kind: .request))
    let call = try #require(try node.accept())
    for piece in ["HTTP/1.1 100 Continue\r\n\r\nHTT", "P/1.1 200 OK\r\nA: b", "\r\n\r\nfirst"] {
      call.say(piece)
      try turn()
    }
    call.say("second")
    try turn()
    #expect(outcomes == [] && !call.isEnded)
    call.end()
    try turn()
    #expect(outcomes == [.answered(status: 200, isWell: true)])
  }

  @Test func `a body that never ends is given up, and the status counts`() throws {
    try ask(HealthCheck(kind: .request))
    let call = try #require(try node.accept())
    call.say("HTTP/1.1 200 OK\r\n\r\n")
    for _ in 0..<40 where outcomes.isEmpty {
      call.say(String(repeating: "x", count: 16_384))
      try turn()
    }
    #expect(outcomes == [.answered(status: 200, isWell: true)])
  }

  @Test func `a node that says nothing is silent after the timeout`() throws {
    try ask(HealthCheck(kind: .request))
    let call = try #require(try node.accept())
    try turn(after: .milliseconds(900))
    #expect(outcomes == [])
    try turn(after: .milliseconds(200))
    #expect(outcomes == [.silent] && call.heard() != [] && call.isEnded)
  }

  @Test func `a node that drips a head is silent as well`() throws {
    try ask(HealthCheck(kind: .request))
    let call = try #require(try node.accept())
    for byte in "HTTP/1.1 200 " {
      call.say("\(byte)")
      try turn(after: .milliseconds(100))
    }
    #expect(outcomes == [.silent])
  }

  @Test func `an end without an answer, and a half one`() throws {
    try ask(HealthCheck(kind: .request))
    try #require(try node.accept()).end()
    try turn()
    try ask(HealthCheck(kind: .request))
    let call = try #require(try node.accept())
    call.say("HTTP/1.1 2")
    call.end()
    try turn()
    #expect(outcomes == [.ended, .malformed])
  }

  @Test func `an answer with a warning is one`() throws {
    try ask(HealthCheck(kind: .ping))
    try #require(try node.accept()).say([100, 4, 0, 1] + Array("full".utf8))
    try turn()
    #expect(outcomes == [.passed])
  }

  @Test func `a length that no machine has is no precondition`() throws {
    try ask(HealthCheck(kind: .request), .http)
    let call = try #require(try node.accept())
    call.say("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n")
    call.end()
    try turn()
    #expect(outcomes.count == 1)
  }

  @Test func `a server that keeps its connections is not waited for`() throws {
    try ask(HealthCheck(kind: .request), .http)
    let call = try #require(try node.accept())
    call.say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes")
    try turn()
    #expect(outcomes == [.answered(status: 200, isWell: true)])
  }

  @Test func `a uWSGI without the plugin for pings hangs up, and lives`() throws {
    try ask(HealthCheck(kind: .ping))
    let call = try #require(try node.accept())
    _ = call.heard()
    call.end()
    try turn()
    #expect(outcomes == [.closed] && CheckOutcome.closed.isWell)
  }

  @Test func `a ping that is reset unread is no sign of a well node`() throws {
    try ask(HealthCheck(kind: .ping))
    try #require(try node.accept()).end()
    try turn()
    #expect(outcomes == [.ended] && !CheckOutcome.ended.isWell)
  }

  @Test(arguments: ["SSH-2.0-OpenSSH_9.2p1\r\n", "HTTP/1.1 20x OK\r\n\r\n", "\0\0\0\0\n\n"])
  func `garbage is malformed`(garbage: String) throws {
    try ask(HealthCheck(kind: .request))
    try #require(try node.accept()).say(garbage)
    try turn()
    #expect(outcomes == [.malformed])
  }

  @Test func `a cancelled check says nothing more`() throws {
    try ask(HealthCheck(kind: .request))
    let call = try #require(try node.accept())
    check?.cancel()
    try turn(after: .seconds(2))
    #expect(outcomes == [] && call.heard() != [] && call.isEnded)
  }

  @Test func `whoever answers a suspect's question in any way lives`() throws {
    try ask(CheckQuestion(suspectSpeaking: .http))
    let call = try #require(try node.accept())
    #expect(text(call.heard().span).hasPrefix("OPTIONS * HTTP/1.1\r\n"))
    call.say("HTTP/1.1 400 Bad Request\r\n\r\n")
    call.end()
    try turn()
    #expect(outcomes.map(\.showsLife) == [true] && outcomes.map(\.isWell) == [true])
    #expect(CheckOutcome.ended.showsLife && !CheckOutcome.silent.showsLife)
  }
}
