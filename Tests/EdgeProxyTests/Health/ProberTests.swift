import EventLoop
import Testing

@testable import Configuration
@testable import EdgeProxy

@Suite("The checks of all nodes")
final class ProberTests {
  private let clock = ManualClock()
  private let loop: EventLoop
  private let prober: Prober
  private let nodes: [ScriptedNode]

  init() throws {
    loop = try EventLoop(clock: clock)
    nodes = [try ScriptedNode(), try ScriptedNode()]
    prober = Prober(links: PeerLinks(loop: loop), seed: 1)
  }

  private func follow(_ health: HealthCheck?) -> UpstreamState {
    let upstream = makeUpstream(
      nodes.map { NodeSettings(address: .fixed($0.address), backup: false) }, health: health)
    prober.follow([upstream])
    return upstream
  }

  /// Lets time pass in the steps of the control thread's beat; nodes for which `answers` is true
  /// answer pings.
  private func pass(_ span: Duration, answers: (Int) -> Bool) throws {
    for _ in 0..<max(1, Int(span.nanoseconds / 50_000_000)) {
      clock.advance(by: .milliseconds(50))
      try loop.turn(mayWait: false)
      prober.beat()
      try loop.turn(mayWait: false)
      for (index, node) in nodes.enumerated() {
        while let call = try node.accept() {
          if answers(index) { call.say(CheckQuestion.pong) }
        }
      }
      try loop.turn(mayWait: false)
    }
  }

  @Test func `every node is asked once in an interval, not all at the same time`() throws {
    let upstream = follow(HealthCheck(kind: .ping))
    try pass(.seconds(20)) { _ in true }
    for node in nodes { #expect((8...12).contains(node.calls.count)) }
    #expect(prober.hasAsked && upstream.nodes.allSatisfy { !$0.condition.lastFailed })
    #expect(prober.record(of: upstream.nodes[0])?.last?.outcome == .passed)
  }

  @Test func `a node that stops answering leaves and comes back when it answers again`() throws {
    let upstream = follow(HealthCheck(kind: .ping))
    try pass(.seconds(4)) { _ in true }
    try pass(.seconds(12)) { $0 == 1 }
    #expect(upstream.nodes[0].condition.isOut && upstream.nodes[0].condition.lastFailed)
    #expect(!upstream.nodes[1].condition.isOut && upstream.outCount == 1)
    try pass(.seconds(8)) { _ in true }
    #expect(!upstream.nodes[0].condition.isOut && upstream.outCount == 0)
  }

  @Test func `the last node stays in and counts as unable`() throws {
    let upstream = follow(HealthCheck(kind: .ping))
    try pass(.seconds(20)) { _ in false }
    #expect(upstream.outCount == 1 && !Ability.hasBackend([upstream]))
  }

  @Test func `without health nobody is asked`() throws {
    _ = follow(nil)
    try pass(.seconds(10)) { _ in true }
    #expect(nodes.allSatisfy { $0.calls.isEmpty } && prober.hasAsked)
  }

  @Test func `at the start every node can be asked at once`() throws {
    _ = follow(HealthCheck(kind: .ping, interval: .seconds(3600)))
    #expect(!prober.hasAsked)
    prober.hurry()
    try pass(.milliseconds(100)) { _ in true }
    #expect(prober.hasAsked)
  }

  @Test func `a node that is gone is asked no more, and what is known of others is kept`() throws {
    let upstream = follow(HealthCheck(kind: .ping))
    try pass(.seconds(4)) { _ in true }
    let count = nodes[0].calls.count
    prober.follow([upstream])
    #expect(prober.record(of: upstream.nodes[0])?.last != nil)
    prober.follow([])
    try pass(.seconds(10)) { _ in true }
    #expect(nodes[0].calls.count == count)
  }

  // MARK: Suspects

  @Test func `a suspect that is silent twice is out within three seconds`() throws {
    let upstream = follow(nil)
    let node = upstream.nodes[0]
    #expect(node.suspect() && !node.suspect())
    prober.checkSuspects()
    try pass(.seconds(1.5)) { $0 == 1 }
    #expect(!node.condition.isOut)
    try pass(.seconds(1)) { $0 == 1 }
    #expect(node.condition.isOut && node.condition.isCheckable && !node.isSuspected)
    #expect(nodes[0].calls.count >= 2 && nodes[1].calls.isEmpty)
  }

  @Test func `it is checked until it answers again, without a request being spent on it`() throws {
    let upstream = follow(nil)
    let node = upstream.nodes[0]
    _ = node.suspect()
    prober.checkSuspects()
    try pass(.seconds(3)) { _ in false }
    for _ in 0..<30 {
      try pass(.seconds(1)) { _ in false }
      #expect(node.condition.isOut && !node.beginTrial(now: loop.now.nanoseconds))
    }
    try pass(.seconds(4)) { _ in true }
    #expect(!node.condition.isOut)
    let count = nodes[0].calls.count
    try pass(.seconds(10)) { _ in true }
    #expect(nodes[0].calls.count <= count + 1)
  }

  @Test func `a suspect that answers is left in peace`() throws {
    let upstream = follow(nil)
    _ = upstream.nodes[0].suspect()
    prober.checkSuspects()
    try pass(.seconds(10)) { _ in true }
    #expect(!upstream.nodes[0].condition.isOut && nodes[0].calls.count == 1)
    #expect(upstream.nodes[0].suspect())
  }

  @Test func `a suspect with all workers busy but answering requests stays`() throws {
    let upstream = follow(nil)
    let node = upstream.nodes[0]
    _ = node.suspect()
    prober.checkSuspects()
    for _ in 0..<60 {
      let now = loop.now.nanoseconds
      node.recordSuccess(began: now, now: now)
      try pass(.milliseconds(50)) { _ in false }
    }
    #expect(!node.condition.isOut)
  }

  @Test func `a connection is no proof of life, even where checks are connections`() throws {
    let upstream = follow(HealthCheck(kind: .tcp))
    let node = upstream.nodes[0]
    try pass(.seconds(4)) { _ in false }
    #expect(!node.condition.lastFailed)
    _ = node.suspect()
    prober.checkSuspects()
    try pass(.seconds(30)) { _ in false }
    #expect(node.condition.isOut)
    try pass(.seconds(8)) { _ in true }
    #expect(!node.condition.isOut)
  }
}
