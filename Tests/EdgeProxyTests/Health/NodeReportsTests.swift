import EventLoop
import Glibc
import Logging
import TestSupport
import Testing

@testable import Configuration
@testable import EdgeProxy

@Suite("What the error log tells of nodes")
final class NodeReportsTests {
  private let clock = ManualClock()
  private let loop: EventLoop
  private let log: FileDescriptor
  private let reports: NodeReports
  private var heard: Int64 = 0

  init() throws {
    loop = try EventLoop(clock: clock)
    log = try Descriptor.memoryFile()
    let handler = StandardErrorLog(level: LogLevel(.debug), descriptor: log.raw, isJournal: true)
    reports = NodeReports(
      links: PeerLinks(loop: loop), logger: Logger(label: "test") { _ in handler }
    ) { "\($0.host) has no address" }
  }

  /// The lines that come with a look, when so much time has passed.
  private func lines(
    _ upstreams: UpstreamState..., after span: Duration = .milliseconds(200)
  ) throws -> [String] {
    clock.advance(by: span)
    try loop.turn(mayWait: false)
    reports.look(at: upstreams, now: loop.now)
    var bytes = [UInt8](repeating: 0, count: 65_536)
    var space = bytes.mutableSpan
    guard case .bytes(let count) = Descriptor.read(log.raw, at: heard, into: &space) else {
      return []
    }
    heard += Int64(count)
    return String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n").map(String.init)
  }

  private var now: Int64 { loop.now.nanoseconds }

  private func fail(_ node: NodeState, _ failure: NodeFailure, detail: String? = nil) {
    node.recordFailure(failure, detail: detail, began: now, now: now, random: 0)
  }

  private func upstream(at addresses: String...) throws -> UpstreamState {
    makeUpstream(
      try addresses.map {
        NodeSettings(address: .fixed(try #require(SocketAddress($0))), backup: false)
      })
  }

  @Test func `a node that goes down has one line, and one when it is back`() throws {
    let upstream = try upstream(at: "127.0.0.1:3000", "127.0.0.1:3001")
    let node = upstream.nodes[0]
    #expect(try lines(upstream) == [])
    // Both workers notice, again and again.
    for _ in 0..<10 { fail(node, .refused) }
    #expect(
      try lines(upstream) == [
        "<4>node is down cause=refused error=\"connection refused\" node=127.0.0.1:3000"
          + " upstream=apps"
      ])
    for _ in 0..<10 { fail(node, .refused) }
    #expect(try lines(upstream) == [])
    node.recordCheck(succeeded: true)
    for _ in 0..<2 { node.recordSuccess(began: now + seconds(9), now: now + seconds(9)) }
    #expect(try lines(upstream) == ["<5>node is up again node=127.0.0.1:3000 upstream=apps"])
    #expect(try lines(upstream) == [])
  }

  @Test func `an upstream without a node that is left has its line after those of its nodes`()
    throws
  {
    let upstream = try upstream(at: "127.0.0.1:3000", "127.0.0.1:3001")
    fail(upstream.nodes[0], .refused)
    fail(upstream.nodes[1], .unreachable)
    let told = try lines(upstream)
    #expect(told.count == 3 && told[1].contains("error=\"network unreachable\""))
    #expect(
      told.last
        == "<3>upstream has no node left: requests are answered 502 or 503 upstream=apps")
    upstream.nodes[1].recordCheck(succeeded: true)
    #expect(
      try lines(upstream) == [
        "<5>node is up again node=127.0.0.1:3001 upstream=apps",
        "<5>upstream has a node again upstream=apps",
      ])
  }

  @Test func `a socket that may not be used is told with its path and who tried`() throws {
    let upstream = try upstream(at: "unix:/run/app.sock", "unix:/run/none.sock")
    fail(upstream.nodes[0], .permissionDenied)
    fail(upstream.nodes[1], .noSuchSocket)
    let told = try lines(upstream)
    #expect(told[0].contains("permission denied: user \(ProcessUser.name) may not use /run/app."))
    #expect(told[1].contains("no such socket: /run/none.sock does not exist"))
  }

  @Test(arguments: [NodeFailure.reset, .closed, .timeout, .cut, .malformed])
  func `what may be the fault of one request is told when it has happened often`(
    failure: NodeFailure
  ) throws {
    let upstream = try upstream(at: "127.0.0.1:3000")
    let node = upstream.nodes[0]
    node.recordSuccess(began: now, now: now)
    for _ in 0..<2 {
      fail(node, failure)
      #expect(try lines(upstream) == [])
    }
    fail(node, failure)
    #expect(try lines(upstream).first?.contains("cause=\(failure.word) ") == true)
    #expect(!node.condition.isOut && node.isDown)
    // A bare connect shows nothing of it; an answer does.
    node.recordCheck(succeeded: true)
    #expect(try lines(upstream) == [])
    node.recordSuccess(began: now, now: now)
    #expect(try lines(upstream).count == 2)
  }

  @Test func `a try that began before the node was back says nothing of it`() throws {
    let upstream = try upstream(at: "127.0.0.1:3000", "127.0.0.1:3001")
    let (node, before) = (upstream.nodes[0], now)
    node.failUntilOut(now: before)
    clock.advance(by: .seconds(2))
    try loop.turn(mayWait: false)
    for _ in 0..<2 { node.recordSuccess(began: now, now: now) }
    #expect(!node.isDown && !node.condition.isOut)
    node.recordFailure(.connectTimeout, began: before, now: now, random: 0)
    #expect(!node.isDown)
  }

  @Test(arguments: [NodeFailure.busy, .exhausted])
  func `a node that is not to blame is not down`(failure: NodeFailure) throws {
    let upstream = try upstream(at: "127.0.0.1:3000")
    for _ in 0..<10 { fail(upstream.nodes[0], failure) }
    #expect(try lines(upstream) == [])
  }

  @Test func `what checks have found is told in the same line`() throws {
    let upstream = try upstream(at: "127.0.0.1:3000", "127.0.0.1:3001")
    let node = upstream.nodes[0]
    let outcome = CheckOutcome.answered(status: 500, isWell: false)
    node.putOutByChecks(outcome.trouble, began: now, now: now)
    #expect(try lines(upstream).first?.contains("error=\"its check was answered 500\"") == true)
    node.putBackByChecks(now: now)
    #expect(try lines(upstream) == ["<5>node is up again node=127.0.0.1:3000 upstream=apps"])
  }

  @Test func `a node that comes and goes has a few lines, and then one in ten seconds`() throws {
    let upstream = try upstream(at: "127.0.0.1:3000", "127.0.0.1:3001")
    let node = upstream.nodes[0]
    var count = 0
    for _ in 0..<300 {
      fail(node, .refused)
      count += try lines(upstream).count
      node.recordCheck(succeeded: true)
      for _ in 0..<2 { node.recordSuccess(began: now + seconds(20), now: now) }
      count += try lines(upstream).count
    }
    // Two minutes.
    #expect((6...20).contains(count))
  }

  @Test func `many nodes that go at once do not flood the log`() throws {
    let upstream = try makeUpstream(primaries: 128)
    for node in upstream.nodes { fail(node, .refused) }
    #expect(try lines(upstream).count == 50)
    #expect(try lines(upstream).count == 50)
    #expect(try lines(upstream).count == 29)
    #expect(try lines(upstream) == [])
  }

  @Test func `a name that leads nowhere is told with what the resolver said`() throws {
    let host = try #require(HostAndPort("app.internal:3031"))
    let upstream = makeUpstream([NodeSettings(address: .named(host), backup: false)])
    #expect(try lines(upstream) == [])
    #expect(
      try lines(upstream, after: .seconds(1)) == [
        "<3>upstream has no node left: requests are answered 502 or 503 cause=unresolved"
          + " error=\"app.internal:3031 is not resolved: app.internal has no address\""
          + " upstream=apps"
      ])
    #expect(try lines(upstream, after: .seconds(1)) == [])
  }

  // MARK: Another protocol

  /// What is told of a node that has hung up on a request, when it answers the question so.
  private func told(
    speaking spoken: UpstreamSettings.NodeProtocol, after failure: NodeFailure = .closed,
    _ answer: (ScriptedNode.Call) -> Void
  ) throws -> String? {
    let node = try ScriptedNode()
    let upstream = makeUpstream(
      [NodeSettings(address: .fixed(node.address), backup: false)], spoken: spoken)
    fail(upstream.nodes[0], failure)
    #expect(try lines(upstream) == [])
    try loop.turn(mayWait: false)
    answer(try #require(try node.accept()))
    return try lines(upstream).first
  }

  @Test func `HTTP behind uwsgi is found out by asking`() throws {
    let line = try told(speaking: .uwsgi) { $0.answer("", status: 405) }
    #expect(line?.contains("cause=wrong-protocol") == true)
    #expect(line?.contains("it answers in HTTP; set protocol: http\"") == true)
  }

  @Test func `uwsgi behind HTTP is found out by a ping, whether the plugin for it is there`()
    throws
  {
    for hasPlugin in [true, false] {
      let line = try told(speaking: .http) { call in
        #expect(call.heard() == [100, 0, 0, 0])
        if hasPlugin { call.say(CheckQuestion.pong) } else { call.end() }
      }
      #expect(line?.contains("it is a uwsgi socket; set protocol: uwsgi") == true)
    }
  }

  @Test func `HTTP behind TLS is found out, and a TLS server that refuses HTTP is none`() throws {
    let plain = try told(speaking: .https, after: .tls) { $0.answer("", status: 405) }
    #expect(plain?.contains("it answers in HTTP; set protocol: http\"") == true)
    let secure = try told(speaking: .https, after: .tls) { $0.answer("", status: 400) }
    #expect(secure?.contains("cause=tls") == true)
  }

  @Test func `a node that only hangs up speaks no other protocol`() throws {
    #expect(try told(speaking: .uwsgi) { $0.end() } == nil)
    #expect(try told(speaking: .http) { $0.answer("", status: 400) } == nil)
  }

  @Test func `a node that has answered before is not asked in another protocol`() throws {
    let node = try ScriptedNode()
    let upstream = makeUpstream(
      [NodeSettings(address: .fixed(node.address), backup: false)], spoken: .http)
    upstream.nodes[0].recordSuccess(began: now, now: now)
    fail(upstream.nodes[0], .closed)
    #expect(try lines(upstream) == [])
    try loop.turn(mayWait: false)
    #expect(try node.accept() == nil)
  }
}
