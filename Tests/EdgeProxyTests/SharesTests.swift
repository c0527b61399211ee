import Configuration
import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Shares of nodes: weight, cores, place, slow start")
struct SharesTests {
  private let now = seconds(50)

  private func application(_ instances: [Instance]) -> Application {
    Application(key: Array("app.example.org".utf8), instances: instances)
  }

  private func instance(_ number: Int, _ change: (inout Instance) -> Void = { _ in }) throws
    -> Instance
  {
    var made = Instance(address: try #require(SocketAddress("10.0.0.\(number):3031")))
    change(&made)
    return made
  }

  private func state(
    _ instances: [Instance], previous: UpstreamState? = nil, now: Int64 = 0,
    _ change: (inout UpstreamSettings) -> Void = { _ in }
  ) throws -> UpstreamState {
    var settings = try makeUpstream(primaries: 0, balance: .leastRequests).settings
    change(&settings)
    return UpstreamState(settings, application(instances), previous: previous, now: now)
  }

  private func counts(
    _ state: UpstreamState, requests: Int, affinity: (Int) -> UInt64? = { _ in nil }
  ) -> [Int] {
    var random = SeededRandom(seed: 5)
    var counts = state.nodes.map { _ in 0 }
    for number in 0..<requests {
      let request = Balancer.Request(
        affinity: affinity(number), now: now, random: random.next())
      if case .node(let index) = Balancer.pick(state, request) { counts[index] += 1 }
    }
    return counts
  }

  @Test func `idle nodes are asked as their weights say, and not in runs`() throws {
    let state = try state([try instance(1) { $0.weight = 3 }, try instance(2)])
    #expect((745...755).contains(counts(state, requests: 1000)[0]))
    let first = try (0..<40).map { _ in
      guard
        case .node(let index) = Balancer.pick(state, .init(now: now, random: 0))
      else { throw SystemError("pick") }
      return index
    }
    #expect(!first.map(String.init).joined().contains("00000"))
  }

  @Test func `without weights the cores are the shares`() throws {
    let state = try state([
      try instance(1) { $0.cores = 8 }, try instance(2) { $0.cores = 2 },
    ])
    #expect((790...810).contains(counts(state, requests: 1000)[0]))
  }

  @Test func `load is compared by share`() throws {
    let state = try state([try instance(1) { $0.weight = 10 }, try instance(2)])
    for _ in 0..<5 { state.nodes[0].begin() }
    state.nodes[1].begin()
    // Five of ten are less than one of one.
    #expect(counts(state, requests: 50) == [50, 0])
  }

  @Test func `an instance on this server is asked until it works on all it can`() throws {
    let state = try state([
      try instance(1) { $0.cores = 2 },
      try instance(2) {
        $0.cores = 2
        $0.isLocal = true
      },
    ])
    #expect(counts(state, requests: 10) == [0, 10])
    state.nodes[1].begin()
    #expect(counts(state, requests: 10) == [0, 10])
    state.nodes[1].begin()
    #expect(counts(state, requests: 10) == [10, 0])
  }

  @Test func `when all have enough to do, requests wait here`() throws {
    let state = try state([
      try instance(1) { $0.cores = 1 },
      try instance(2) {
        $0.cores = 1
        $0.isLocal = true
      },
    ])
    for node in state.nodes { node.begin() }
    #expect(counts(state, requests: 100).allSatisfy { $0 > 0 })
    for node in state.nodes { node.begin() }
    #expect(Balancer.pick(state, .init(now: now, random: 1)) == .wait)
    state.nodes[0].end()
    #expect(Balancer.pick(state, .init(now: now, random: 1)) == .node(0))
  }

  @Test func `what may not be repeated waits here until an instance works on it at once`() throws {
    let state = try state([try instance(1) { $0.cores = 1 }])
    let post = Balancer.Request(mayBeRepeated: false, now: now, random: 1)
    #expect(Balancer.pick(state, post) == .node(0))
    state.nodes[0].begin()
    #expect(Balancer.pick(state, post) == .wait)
    #expect(Balancer.pick(state, .init(now: now, random: 1)) == .node(0))
    let bound = Balancer.Request(
      mayBeRepeated: false, bound: state.nodes[0].mark, now: now, random: 1)
    #expect(Balancer.pick(state, bound) == .wait)
  }

  @Test func `full primaries are waited for, and no backup or doubtful one is asked`() throws {
    let state = try state([
      try instance(1) { $0.cores = 1 },
      try instance(2) { $0.isBackup = true },
      try instance(3) { $0.isDoubtful = true },
    ])
    for _ in 0..<2 { state.nodes[0].begin() }
    #expect(Balancer.pick(state, .init(now: now, random: 1)) == .wait)
  }

  @Test func `a doubtful instance is asked only when no other is to be had`() throws {
    let state = try state([try instance(1) { $0.isDoubtful = true }, try instance(2)])
    #expect(counts(state, requests: 20) == [0, 20])
    var tried = TriedNodes()
    tried.insert(1)
    #expect(Balancer.pick(state, .init(tried: tried, now: now, random: 1)) == .node(0))
    let alone = try self.state([try instance(1) { $0.isDoubtful = true }])
    #expect(counts(alone, requests: 3) == [3])
  }

  @Test func `without an instance there is none to ask`() throws {
    #expect(Balancer.pick(try state([]), .init(now: now, random: 1)) == .none)
  }

  // MARK: Slow start

  @Test func `an instance that joins others begins with a tenth of its share`() throws {
    let before = try state([try instance(1)]) { $0.slowStart = .seconds(10) }
    let after = try state([try instance(1), try instance(2)], previous: before, now: now) {
      $0.slowStart = .seconds(10)
    }
    #expect(after.nodes[0] === before.nodes[0])
    #expect((80...100).contains(counts(after, requests: 1000)[1]))
    // The first of an application has nobody to leave requests to.
    let first = try state([try instance(1), try instance(2)], now: now) {
      $0.slowStart = .seconds(10)
    }
    #expect(counts(first, requests: 1000) == [500, 500])
  }

  @Test func `the share grows with the time since the instance came`() throws {
    let before = try state([try instance(1)]) { $0.slowStart = .seconds(10) }
    let after = try state(
      [try instance(1), try instance(2)], previous: before, now: now - seconds(5)
    ) { $0.slowStart = .seconds(10) }
    // Half a share beside a whole one.
    #expect((320...345).contains(counts(after, requests: 1000)[1]))
  }

  // MARK: Affinity

  @Test func `a hash binds what it is made of to one instance`() throws {
    let state = try state([try instance(1), try instance(2), try instance(3)]) {
      $0.balance = .hash
    }
    for affinity in 0..<20 as Range<UInt64> {
      #expect(counts(state, requests: 10) { _ in affinity }.count { $0 > 0 } == 1)
    }
    let spread = counts(state, requests: 3000) { UInt64($0) }
    #expect(spread.allSatisfy { (850...1150).contains($0) })
  }

  @Test func `an instance that leaves moves only what was bound to it`() throws {
    let all = try state([try instance(1), try instance(2), try instance(3)]) { $0.balance = .hash }
    let fewer = try state([try instance(1), try instance(3)], previous: all) { $0.balance = .hash }
    for affinity in 0..<500 as Range<UInt64> {
      let request = Balancer.Request(affinity: affinity, now: now, random: 0)
      guard case .node(let before) = Balancer.pick(all, request),
        case .node(let after) = Balancer.pick(fewer, request)
      else { throw SystemError("pick") }
      if before != 1 { #expect(all.nodes[before] === fewer.nodes[after]) }
    }
  }

  @Test func `a hash follows the shares`() throws {
    let state = try state([try instance(1) { $0.weight = 3 }, try instance(2)]) {
      $0.balance = .hash
    }
    #expect((2900...3100).contains(counts(state, requests: 4000) { UInt64($0) }[0]))
  }

  @Test func `what a cookie is bound to is asked while it may be, and then another`() throws {
    let state = try state([try instance(1), try instance(2)])
    let bound = state.nodes[1].mark
    let request = Balancer.Request(bound: bound, now: now, random: 0)
    for _ in 0..<5 { state.nodes[1].begin() }
    #expect(Balancer.pick(state, request) == .node(1))
    state.nodes[1].failUntilOut(now: now)
    #expect(Balancer.pick(state, request) == .node(0))
  }

  // MARK: Nodes that come and go

  @Test func `a node keeps what is known of it while others come and go`() throws {
    let before = try state([try instance(1), try instance(2)])
    before.nodes[0].begin()
    before.nodes[0].failUntilOut(now: now)
    let after = try state([try instance(3), try instance(1), try instance(2)], previous: before)
    #expect(after.nodes[1] === before.nodes[0])
    #expect(after.nodes[1].condition.isOut)
    #expect(after.nodes[1].inFlight == 1)
  }

  @Test func `a node that leaves while it is out gives its place back`() throws {
    let before = try state([try instance(1), try instance(2)])
    before.nodes[0].failUntilOut(now: now)
    #expect(before.outCount == 1)
    let after = try state([try instance(2), try instance(3)], previous: before)
    #expect(after.outCount == 0)
    // A worker that has not heard of it yet reports once more.
    before.nodes[0].failUntilOut(now: now)
    #expect(after.outCount == 0)
    after.nodes[0].failUntilOut(now: now)
    #expect(after.outCount == 1)
  }
}
