import Configuration
import EventLoop
import Testing

@testable import EdgeProxy

@Suite("Nodes that an operator keeps from requests")
struct StandingTests {
  private let now = seconds(50)

  private func pick(
    _ upstream: UpstreamState, bound: UInt64? = nil, affinity: UInt64? = nil
  ) -> Balancer.Choice {
    let request = Balancer.Request(
      barred: upstream.withheld(bound: bound), affinity: affinity, bound: bound, now: now,
      random: 1)
    return Balancer.pick(upstream, request)
  }

  private func stand(_ upstream: UpstreamState, _ standings: [Standing]) {
    for (node, standing) in zip(upstream.nodes, standings) { node.stand(standing) }
    upstream.takeStandings()
  }

  @Test func `get nothing, in whatever state the others are`() throws {
    let upstream = try makeUpstream(primaries: 2, backups: 1)
    stand(upstream, [.disabled, .enabled, .enabled])
    for _ in 0..<4 { #expect(pick(upstream) == .node(1)) }
    upstream.nodes[1].failUntilOut(now: now)
    for _ in 0..<4 { #expect(pick(upstream) == .node(2)) }
    upstream.nodes[2].failUntilOut(now: now)
    for _ in 0..<4 { #expect(pick(upstream) != .node(0)) }
    stand(upstream, [.disabled, .disabled, .draining])
    #expect(pick(upstream) == .none && upstream.isDown)
    #expect("\(upstream.absence)" == "nodes-disabled")
    stand(upstream, [.enabled, .disabled, .draining])
    #expect(pick(upstream) == .node(0) && !upstream.isDown)
    #expect("\(upstream.absence)" == "no-instance")
  }

  @Test func `while they drain get what a cookie binds to them, and once disabled nothing`()
    throws
  {
    let upstream = try makeUpstream(primaries: 2)
    let mark = upstream.nodes[0].mark
    stand(upstream, [.draining, .enabled])
    for _ in 0..<4 { #expect(pick(upstream) == .node(1)) }
    for _ in 0..<4 { #expect(pick(upstream, bound: mark) == .node(0)) }
    stand(upstream, [.disabled, .enabled])
    #expect(pick(upstream, bound: mark) == .node(1))
    stand(upstream, [.enabled, .enabled])
    #expect(pick(upstream, bound: mark) == .node(0) && !upstream.lasting.hasOrders)
  }

  @Test func `leave what was hashed to them to the others, which keep their own`() throws {
    let upstream = try makeUpstream(primaries: 3, balance: .hash)
    let before = (0..<60 as Range<UInt64>).map { pick(upstream, affinity: $0 &* 0x9e37_79b9_7f4a) }
    stand(upstream, [.draining, .enabled, .enabled])
    let after = (0..<60 as Range<UInt64>).map { pick(upstream, affinity: $0 &* 0x9e37_79b9_7f4a) }
    #expect(before.contains(.node(0)) && !after.contains(.node(0)))
    #expect(zip(before, after).allSatisfy { $0 == .node(0) || $0 == $1 })
  }

  @Test func `are no others that a request could still try`() throws {
    let upstream = try makeUpstream(primaries: 2)
    stand(upstream, [.enabled, .disabled])
    var tried = TriedNodes()
    tried.insert(0)
    #expect(!upstream.hasUntried(tried, barred: upstream.withheld()))
  }

  @Test func `do not count when the last of the others fails, which stays in`() throws {
    let upstream = try makeUpstream(primaries: 2)
    stand(upstream, [.disabled, .enabled])
    upstream.nodes[1].failUntilOut(now: now)
    #expect(!upstream.nodes[1].condition.isOut)
    stand(upstream, [.enabled, .enabled])
    upstream.nodes[1].failUntilOut(now: now)
    #expect(upstream.nodes[1].condition.isOut)
  }

  @Test func `serve nobody, so a server that has no other is unable`() throws {
    let upstream = try makeUpstream(primaries: 2)
    stand(upstream, [.disabled, .draining])
    #expect(Ability.hasBackend([upstream]))
    stand(upstream, [.disabled, .disabled])
    #expect(!Ability.hasBackend([upstream]))
  }
}
