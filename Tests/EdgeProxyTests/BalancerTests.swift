import Configuration
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Choosing the node of an attempt")
struct BalancerTests {
  private let now = seconds(50)

  /// All the nodes that one exchange is sent to, in order.
  private func round(_ upstream: UpstreamState, tries: Int, seed: UInt64 = 1) -> [Int] {
    var random = SeededRandom(seed: seed)
    var tried = TriedNodes()
    return (0..<tries).compactMap { _ in
      let request = Balancer.Request(tried: tried, now: now, random: random.next())
      guard case .node(let index) = Balancer.pick(upstream, request) else { return nil }
      tried.insert(index)
      return index
    }
  }

  @Test func `an upstream may have as many nodes as can be told apart`() {
    #expect(Directives.nodesMax == TriedNodes.nodesMax)
  }

  @Test func `an upstream without nodes has none to offer`() throws {
    #expect(round(try makeUpstream(primaries: 0), tries: 1) == [])
  }

  @Test func `a node that is barred is not asked, even if it is the only one`() throws {
    let upstream = try makeUpstream(primaries: 3)
    func pick(tried: [Int] = [], barred: UInt128) -> Balancer.Choice {
      var nodes = TriedNodes()
      for index in tried { nodes.insert(index) }
      let request = Balancer.Request(tried: nodes, barred: barred, now: now, random: 1)
      return Balancer.pick(upstream, request)
    }
    #expect(pick(barred: 0b101) == .node(1))
    #expect(pick(tried: [1], barred: 0b101) == .node(1))
    #expect(pick(tried: [0, 1, 2], barred: 0b011) == .node(2))
    #expect(pick(barred: 0b111) == .none)
    for node in upstream.nodes { node.failUntilOut(now: now) }
    #expect(pick(barred: 0b110) == .node(0) && pick(barred: 0b111) == .none)
    #expect(upstream.hasUntried(TriedNodes(), barred: 0b011))
    #expect(!upstream.hasUntried(TriedNodes(), barred: 0b111))
    let beside = Balancer.Request(barred: 0b111, now: now, random: 1)
    #expect(Balancer.pickBeside(upstream, beside) == nil)
  }

  @Test func `round robin gives every node its turn`() throws {
    let upstream = try makeUpstream(primaries: 3)
    let first = (0..<9).flatMap { _ in round(upstream, tries: 1) }
    #expect(first == [0, 1, 2, 0, 1, 2, 0, 1, 2])
  }

  @Test func `the share of a node that is out is spread over all the others`() throws {
    let upstream = try makeUpstream(primaries: 4)
    upstream.nodes[1].failUntilOut(now: now)
    var counts = [0, 0, 0, 0]
    for _ in 0..<300 { for index in round(upstream, tries: 1) { counts[index] += 1 } }
    #expect(counts == [100, 0, 100, 100])
  }

  @Test func `of two nodes the less busy one is chosen, ties by turns`() throws {
    let upstream = try makeUpstream(primaries: 2, balance: .leastRequests)
    #expect((0..<4).flatMap { _ in round(upstream, tries: 1) } == [0, 1, 0, 1])
    upstream.nodes[1].begin()
    #expect((0..<4).flatMap { _ in round(upstream, tries: 1) } == [0, 0, 0, 0])
    upstream.nodes[0].begin()
    upstream.nodes[0].begin()
    #expect((0..<4).flatMap { _ in round(upstream, tries: 1) } == [1, 1, 1, 1])
  }

  @Test func `the busiest of many is never chosen, the others by turns`() throws {
    let upstream = try makeUpstream(primaries: 4, balance: .leastRequests)
    upstream.nodes[1].begin()
    var counts = [0, 0, 0, 0]
    for seed in 0..<400 as Range<UInt64> {
      for index in round(upstream, tries: 1, seed: seed) { counts[index] += 1 }
    }
    #expect(counts[1] == 0)
    #expect(counts.filter { $0 > 0 }.allSatisfy { (100...170).contains($0) })
  }

  @Test func `primaries come before backups, however busy`() throws {
    let upstream = try makeUpstream(primaries: 2, backups: 2, balance: .leastRequests)
    for _ in 0..<9 { upstream.nodes[0].begin() }
    for _ in 0..<9 { upstream.nodes[1].begin() }
    let order = round(upstream, tries: 4)
    #expect(Set(order.prefix(2)) == [0, 1])
    #expect(Set(order.suffix(2)) == [2, 3])
  }

  @Test(arguments: UpstreamSettings.Balance.allCases)
  func `one exchange sees every node once before any twice, and none twice in a row`(
    balance: UpstreamSettings.Balance
  ) throws {
    for seed in 0..<200 as Range<UInt64> {
      let upstream = try makeUpstream(primaries: 3, backups: 2, balance: balance)
      if seed % 2 == 0 { upstream.nodes[Int(seed / 2 % 5)].failUntilOut(now: now) }
      let order = round(upstream, tries: 15, seed: seed)
      #expect(Set(order.prefix(5)).count == 5)
      #expect(zip(order, order.dropFirst()).allSatisfy { $0 != $1 })
    }
  }

  @Test func `a node that is out is passed over, but tried when nothing else is left`() throws {
    let upstream = try makeUpstream(primaries: 2, backups: 1)
    upstream.nodes[0].failUntilOut(now: now)
    #expect(round(upstream, tries: 3) == [1, 2, 0])
  }

  @Test func `of nodes that are out the one whose pause ends first is tried first`() throws {
    let upstream = try makeUpstream(primaries: 4)
    upstream.nodes[0].failUntilOut(now: now - seconds(0.1))
    upstream.nodes[1].failUntilOut(now: now - seconds(0.5))
    #expect(Array(round(upstream, tries: 4).suffix(2)) == [1, 0])
  }

  @Test func `a lone node is offered again and again`() throws {
    let upstream = try makeUpstream(primaries: 1)
    upstream.nodes[0].failUntilOut(now: now)
    #expect(round(upstream, tries: 3) == [0, 0, 0])
  }

  @Test func `after a wait the node tried last still comes last`() throws {
    for seed in 0..<50 as Range<UInt64> {
      let upstream = try makeUpstream(primaries: 2)
      var tried = TriedNodes()
      tried.insert(0)
      tried.insert(1)
      tried.beginRound()
      let request = Balancer.Request(tried: tried, now: now, random: seed)
      #expect(Balancer.pick(upstream, request) == .node(0))
    }
  }

  @Test func `a node whose pause is over gets one request on trial`() throws {
    let upstream = try makeUpstream(primaries: 2)
    upstream.nodes[0].failUntilOut(now: now - seconds(2))
    let first = (0..<10).flatMap { _ in round(upstream, tries: 1) }
    #expect(first.count { $0 == 0 } == 1)
    #expect(upstream.nodes[0].condition.isOnTrial)
  }

  @Test func `of many workers one gets the trial`() async throws {
    for _ in 0..<200 {
      let upstream = try makeUpstream(primaries: 2)
      upstream.nodes[0].failUntilOut(now: now - seconds(2))
      let trials = await withTaskGroup(of: Int?.self) { group in
        for worker in 0..<4 as Range<UInt64> {
          group.addTask {
            round(upstream, tries: 1, seed: worker).first
          }
        }
        var trials = 0
        for await index in group where index == 0 { trials += 1 }
        return trials
      }
      #expect(trials == 1)
    }
  }
}
