import Testing

@testable import Configuration
@testable import EdgeProxy

@Suite("Checks and requests, each with its say about a node")
struct CheckedConditionTests {
  private let start = seconds(100)

  @Test func `checks put a node out and back`() throws {
    let upstream = try makeUpstream(primaries: 2)
    let node = upstream.nodes[0]
    #expect(node.putOutByChecks(began: start, now: start) == .putOut)
    #expect(node.condition.isOut && upstream.outCount == 1)
    #expect(node.putBackByChecks(now: start + seconds(4)) == .putBack)
    #expect(!node.condition.isOut && upstream.outCount == 0)
  }

  @Test func `no request is spent on a node while its checks fail`() throws {
    let node = try makeUpstream(primaries: 2).nodes[0]
    for second in stride(from: 0.0, to: 60, by: 2) {
      let now = start + seconds(second)
      #expect(!node.beginTrial(now: now))
      node.putOutByChecks(began: now, now: now)
    }
  }

  @Test func `when the checks fall silent themselves, a request finds out`() throws {
    let node = try makeUpstream(primaries: 2).nodes[0]
    node.putOutByChecks(began: start, now: start)
    let later = start + seconds(10)
    #expect(node.beginTrial(now: later))
    // The trial says more than a check that fails meanwhile.
    #expect(node.putOutByChecks(began: later, now: later) == .none)
    node.recordSuccess(began: later, now: later + seconds(0.1))
    #expect(node.recordSuccess(began: later, now: later + seconds(0.1)) == .putBack)
  }

  @Test func `a node that resets requests is not put back by checks that it answers`() throws {
    let node = try makeUpstream(primaries: 2).nodes[0]
    for _ in 0..<3 { node.recordFailure(.reset, began: start, now: start, random: 0) }
    #expect(node.putBackByChecks(now: start + seconds(1)) == .none)
    #expect(node.condition.isOut)
  }

  @Test func `a node that could not be connected is back as soon as checks succeed`() throws {
    let node = try makeUpstream(primaries: 2).nodes[0]
    node.failUntilOut(now: start)
    #expect(node.putBackByChecks(now: start + seconds(1)) == .putBack)
  }

  @Test func `a good check does not forget failures of requests`() throws {
    let node = try makeUpstream(primaries: 2).nodes[0]
    for _ in 0..<2 { node.recordFailure(.reset, began: start, now: start, random: 0) }
    node.recordCheck(succeeded: true)
    #expect(node.putBackByChecks(now: start) == .none)
    #expect(node.recordFailure(.reset, began: start, now: start, random: 0) == .putOut)
  }

  @Test func `the last node is never put out`() throws {
    let lone = try makeUpstream(primaries: 1).nodes[0]
    #expect(lone.putOutByChecks(began: start, now: start) == .none)
    let pair = try makeUpstream(primaries: 2)
    #expect(pair.nodes[0].putOutByChecks(began: start, now: start) == .putOut)
    #expect(pair.nodes[1].putOutByChecks(began: start, now: start) == .none)
    #expect(pair.outCount == 1)
  }

  @Test func `a check that began before the node was put back says nothing`() throws {
    let node = try makeUpstream(primaries: 2).nodes[0]
    node.putOutByChecks(began: start, now: start)
    node.putBackByChecks(now: start + seconds(1))
    #expect(node.putOutByChecks(began: start, now: start + seconds(2)) == .none)
    #expect(!node.condition.isOut)
  }

  @Test func `rise and fall are those of the upstream`() throws {
    var health = HealthCheck(kind: .ping)
    health.thresholds = HealthThresholds(rise: 4, fall: 5)
    let node = try makeUpstream(primaries: 2, health: health).nodes[0]
    for _ in 0..<4 { node.recordFailure(.connect, began: start, now: start, random: 0) }
    #expect(!node.condition.isOut)
    node.recordFailure(.connect, began: start, now: start, random: 0)
    #expect(node.condition.isOut)
    for _ in 0..<3 { node.recordSuccess(began: start, now: start) }
    #expect(node.condition.isOut)
    #expect(node.recordSuccess(began: start, now: start) == .putBack)
  }
}

@Suite("What the checks of a node have found")
struct CheckRecordTests {
  private func last(_ outcome: CheckOutcome) -> CheckRecord.Last {
    CheckRecord.Last(outcome: outcome, milliseconds: 1, at: 0)
  }

  @Test func `three failures in a row, then two successes`() {
    var record = CheckRecord()
    let outcomes: [CheckOutcome] = [
      .silent, .ended, .passed, .silent, .notConnected(.refused),
      .answered(status: 503, isWell: false),
      .silent, .passed, .passed, .passed,
    ]
    let verdicts = outcomes.map {
      record.note(last($0), isWell: $0.isWell, hasAnswered: false, .standard)
    }
    #expect(
      verdicts == [
        .nothing, .nothing, .nothing, .nothing, .nothing, .isDown, .isDown, .nothing, .isWell,
        .isWell,
      ])
  }

  @Test func `silence of a node that answers requests meanwhile is no failure`() {
    var record = CheckRecord()
    for _ in 0..<10 {
      #expect(record.note(last(.silent), isWell: false, hasAnswered: true, .standard) == .nothing)
    }
    let refusal = CheckOutcome.answered(status: 503, isWell: false)
    for count in 1...3 {
      let verdict = record.note(last(refusal), isWell: false, hasAnswered: true, .standard)
      #expect(verdict == (count == 3 ? .isDown : .nothing))
    }
  }
}
