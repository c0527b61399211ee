import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Health of a node: fall 3, rise 2, a pause of 1 s to 10 s")
struct NodeStateTests {
  private let start = seconds(100)

  @Test(arguments: NodeFailure.allCases)
  func `each kind of failure has its count, and is known as the last one`(
    failure: NodeFailure
  ) throws {
    let node = try makeUpstream(primaries: 2).nodes[0]
    node.recordFailure(failure, began: seconds(5), now: seconds(5), random: 0)
    for other in NodeFailure.allCases {
      #expect(node.failureCount(other) == (other == failure ? 1 : 0))
    }
    #expect(node.lastFailure?.failure == failure)
    #expect(seconds(5) - (node.lastFailure?.at ?? 0) < 16)
  }

  @Test func `two failures in a row leave a node in, the third puts it out`() throws {
    let node = try makeUpstream(primaries: 2).nodes[0]
    #expect(node.recordFailure(.connect, began: start, now: start, random: 0) == .none)
    #expect(node.recordFailure(.reset, began: start, now: start, random: 0) == .none)
    #expect(node.condition.isAvailable(now: start))
    #expect(node.recordFailure(.timeout, began: start, now: start, random: 0) == .putOut)
    #expect(!node.condition.isAvailable(now: start))
  }

  @Test func `a success in between begins the count anew`() throws {
    let node = try makeUpstream(primaries: 2).nodes[0]
    for _ in 0..<5 {
      node.recordFailure(.connect, began: start, now: start, random: 0)
      node.recordFailure(.connect, began: start, now: start, random: 0)
      node.recordSuccess(began: start, now: start)
    }
    #expect(!node.condition.isOut)
    #expect(node.failureCount(.connect) == 10)
  }

  @Test func `a busy node is never put out`() throws {
    let node = try makeUpstream(primaries: 2).nodes[0]
    for _ in 0..<10 { node.recordFailure(.busy, began: start, now: start, random: 0) }
    #expect(node.condition == NodeCondition())
    #expect(node.failureCount(.busy) == 10)
  }

  @Test(arguments: [(0, 1000), (1, 2000), (2, 4000), (3, 8000), (4, 10_000)] as [(UInt64, Int64)])
  func `the pause doubles, with jitter, between its limits`(step: UInt64, base: Int64) {
    var random = SeededRandom(seed: step)
    var seen: Set<Int64> = []
    for _ in 0..<1000 {
      let pause = NodeCondition.pause(step: step, random: random.next())
      #expect(pause >= max(1000, base * 7 / 8) && pause <= min(10_000, base * 9 / 8))
      seen.insert(pause)
    }
    #expect(seen.count > 50)
  }

  @Test func `each failed trial doubles the pause up to ten seconds`() throws {
    let node = try makeUpstream(primaries: 2).nodes[0]
    node.failUntilOut(now: start)
    var now = start
    var pauses: [Int64] = []
    for _ in 0..<6 {
      pauses.append(node.condition.pause)
      now += node.condition.pause * 1_000_000
      #expect(!node.beginTrial(now: now - 1_000_000))
      #expect(node.beginTrial(now: now))
      node.recordFailure(.connect, began: now, now: now, random: UInt64(node.condition.pause / 8))
    }
    #expect(pauses.first == 1000)
    #expect(zip(pauses, pauses.dropFirst()).allSatisfy { $0 < $1 || $1 >= 8750 })
    #expect(node.condition.step == 4)
  }

  @Test func `one trial at a time, and two successes put a node back whole`() throws {
    let upstream = try makeUpstream(primaries: 2)
    let node = upstream.nodes[0]
    node.failUntilOut(now: start)
    let later = start + seconds(2)
    #expect(node.beginTrial(now: later))
    #expect(!node.beginTrial(now: later))
    #expect(node.recordSuccess(began: later, now: later) == .none)
    #expect(node.condition.isOut)
    #expect(node.beginTrial(now: later))
    #expect(node.recordSuccess(began: later, now: later) == .putBack)
    #expect(!node.condition.isOut)
    #expect(node.condition.failures == 0)
    #expect(upstream.outCount == 0)
  }

  @Test func `an abandoned trial is free for the next request`() throws {
    let node = try makeUpstream(primaries: 2).nodes[0]
    node.failUntilOut(now: start)
    let later = start + seconds(2)
    #expect(node.beginTrial(now: later))
    node.recordAbandoned(began: later)
    #expect(node.beginTrial(now: later))
  }

  @Test func `a trial that never ends is taken for lost after ten seconds`() throws {
    let node = try makeUpstream(primaries: 2).nodes[0]
    node.failUntilOut(now: start)
    let later = start + seconds(2)
    #expect(node.beginTrial(now: later))
    #expect(!node.beginTrial(now: later + seconds(9.9)))
    #expect(node.beginTrial(now: later + seconds(10)))
  }

  @Test func `what began before the node was put out says nothing about it`() throws {
    let node = try makeUpstream(primaries: 2).nodes[0]
    node.failUntilOut(now: start)
    let before = node.condition
    node.recordFailure(.reset, began: start - seconds(1), now: start + seconds(0.1), random: 9)
    node.recordSuccess(began: start - seconds(1), now: start + seconds(0.1))
    #expect(node.condition == before)
  }

  @Test func `requests that die with the old instance do not put out the new one`() throws {
    let node = try makeUpstream(primaries: 2).nodes[0]
    node.failUntilOut(now: start)
    let back = start + seconds(2)
    for _ in 0..<2 {
      _ = node.beginTrial(now: back)
      node.recordSuccess(began: back, now: back)
    }
    for _ in 0..<9 {
      node.recordFailure(.timeout, began: start, now: back + seconds(1), random: 0)
    }
    #expect(!node.condition.isOut)
  }

  @Test func `a failure of a last resort leaves the pause as it was`() throws {
    let node = try makeUpstream(primaries: 2).nodes[0]
    node.failUntilOut(now: start)
    let due = node.condition.due
    let soon = start + seconds(0.2)
    for _ in 0..<50 { node.recordFailure(.connect, began: soon, now: soon, random: 0) }
    #expect(node.condition.due == due)
    #expect(node.condition.step == 0)
  }

  @Test func `two successes as a last resort put a node back before its pause is over`() throws {
    let node = try makeUpstream(primaries: 2).nodes[0]
    node.failUntilOut(now: start)
    let soon = start + seconds(0.2)
    #expect(node.recordSuccess(began: soon, now: soon) == .none)
    #expect(node.recordSuccess(began: soon, now: soon) == .putBack)
  }

  @Test func `a check moves whether a node can serve, not whether it is out`() throws {
    let node = try makeUpstream(primaries: 2).nodes[0]
    node.recordCheck(succeeded: false)
    #expect(node.condition.lastFailed)
    #expect(!node.condition.isOut)
    node.failUntilOut(now: start)
    node.recordCheck(succeeded: true)
    #expect(!node.condition.lastFailed)
    #expect(node.condition.isOut)
  }

  @Test func `a condition survives being packed into its word, whatever happened to it`() {
    var random = SeededRandom(seed: 7)
    for _ in 0..<200 {
      var condition = NodeCondition()
      var now = Int64(random.next() >> 7)
      for _ in 0..<50 {
        now += Int64(random.next() % 3_000_000_000)
        switch random.next() % 8 {
        case 0: _ = condition.succeeded(began: now, now: now)
        case 1: _ = condition.beginTrial(now: now)
        case 2: condition.abandoned(began: now)
        case 3: condition.checked(succeeded: random.next() % 2 == 0)
        case 4:
          let mayPutOut = random.next() % 2 == 0
          _ = condition.failedChecks(began: now, now: now, mayPutOut: mayPutOut)
        case 5: _ = condition.passedChecks(now: now)
        default:
          _ = condition.failed(began: now, now: now, mayPutOut: true, random: random.next())
        }
        #expect(NodeCondition(word: condition.word) == condition)
        #expect(condition.isOut || !condition.isOnTrial)
      }
    }
  }
}

@Suite("Ejection cap: at most half, the last node never")
struct EjectionCapTests {
  @Test(arguments: [
    // primaries, backups, primaries out at most, all out at most
    (1, 0, 0, 0), (2, 0, 1, 1), (3, 0, 1, 1), (4, 0, 2, 2), (5, 0, 2, 2), (1, 1, 1, 1),
    (1, 2, 1, 1), (2, 1, 1, 1), (2, 2, 1, 2), (3, 1, 1, 2), (4, 4, 2, 4),
  ])
  func `no more than the cap go out when everything fails`(
    primaries: Int, backups: Int, primariesMax: Int, allMax: Int
  ) throws {
    let upstream = try makeUpstream(primaries: primaries, backups: backups)
    for _ in 0..<3 { for node in upstream.nodes { node.failUntilOut(now: seconds(5)) } }
    let out = upstream.nodes.filter(\.condition.isOut)
    #expect(out.count { !$0.isBackup } == primariesMax)
    #expect(out.count == allMax)
    #expect(upstream.outCount == allMax)
  }

  @Test func `a place that becomes free goes to the next node that fails`() throws {
    let upstream = try makeUpstream(primaries: 2)
    upstream.nodes[0].failUntilOut(now: seconds(5))
    upstream.nodes[1].failUntilOut(now: seconds(5))
    #expect(!upstream.nodes[1].condition.isOut)
    for _ in 0..<2 { upstream.nodes[0].recordSuccess(began: seconds(6), now: seconds(6)) }
    let change = upstream.nodes[1].recordFailure(
      .connect, began: seconds(6), now: seconds(6), random: 0)
    #expect(change == .putOut)
    #expect(upstream.outCount == 1)
  }

  @Test func `workers that fail and recover all nodes at once never exceed the cap`() async throws {
    let upstream = try makeUpstream(primaries: 6, backups: 2)
    await withTaskGroup(of: Int.self) { group in
      for worker in 0..<4 {
        group.addTask {
          var random = SeededRandom(seed: UInt64(worker))
          var most = 0
          for round in 0..<20_000 {
            let now = seconds(1) + Int64(round) * 5_000_000
            let node = upstream.nodes[Int(random.next() % 8)]
            node.begin()
            switch random.next() % 8 {
            case 0...3: node.recordFailure(.connect, began: now, now: now, random: random.next())
            case 4: if node.beginTrial(now: now) { node.recordAbandoned(began: now) }
            default: node.recordSuccess(began: now, now: now)
            }
            node.end()
            most = max(most, upstream.outCount)
          }
          return most
        }
      }
      for await most in group { #expect(most <= 4) }
    }
    #expect(upstream.outCount == upstream.nodes.count { $0.condition.isOut })
    #expect(upstream.nodes.allSatisfy { $0.inFlight == 0 })
    #expect(upstream.nodes.contains { $0.failureCount(.connect) > 3 })
  }
}
