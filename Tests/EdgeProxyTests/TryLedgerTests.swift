import EventLoop
import Testing

@testable import EdgeProxy

@Suite("The tries of a request are counted once")
struct TryLedgerTests {
  private static let reset = AttemptFailure.resetBeforeResponse(sentAnything: true)
  private static let closed = AttemptFailure.closedBeforeResponse(sentAnything: true)
  private let now = Instant(nanoseconds: seconds(1000))

  struct Counts: Equatable {
    var sent = 0
    var closed = 0
    var reset = 0
  }

  private func counts(_ ledger: TryLedger) -> Counts {
    Counts(sent: ledger.sent, closed: ledger.closed, reset: ledger.reset)
  }

  @Test(
    arguments: [
      (.couldNotConnect, Counts()), (.couldNotSecure, Counts()), (.busy, Counts()),
      (.resetBeforeResponse(sentAnything: false), Counts()),
      (.closedBeforeResponse(sentAnything: false), Counts()),
      (reset, Counts(sent: 1, reset: 1)), (closed, Counts(sent: 1, closed: 1)),
      (.serverLost, Counts(sent: 1)), (.responseTimeout, Counts(sent: 1)),
      (.headIncomplete(timedOut: false), Counts(sent: 1)), (.malformedResponse, Counts(sent: 1)),
    ] as [(AttemptFailure, Counts)])
  func `a try counts unless nothing of it was sent`(failure: AttemptFailure, expected: Counts) {
    var ledger = TryLedger()
    ledger.begin(0)
    #expect(counts(ledger) == Counts(sent: 1))
    ledger.failed(failure, began: now, at: now)
    #expect(counts(ledger) == expected)
  }

  @Test func `waiting, other numbers and a fresh connection take nothing off the count`() {
    var ledger = TryLedger()
    ledger.begin(0)
    ledger.failed(Self.reset, began: now, at: now)
    ledger.beginRound()
    ledger.begin(0)
    ledger.failed(Self.closed, began: now, at: now)
    ledger.renumber(7)
    #expect(ledger.generation == 7 && ledger.tried.isEmpty)
    #expect(counts(ledger) == Counts(sent: 2, closed: 1, reset: 1))
    #expect(ledger.unanswered == 2)
  }

  @Test func `a kept connection that ended counts if a byte had been sent on it`() {
    var ledger = TryLedger()
    ledger.begin(0)
    ledger.beginAgain(afterSending: false)
    #expect(ledger.sent == 1)
    ledger.beginAgain(afterSending: true)
    #expect(counts(ledger) == Counts(sent: 2))
  }

  @Test func `a try beside another that had sent nothing leaves the other one counted`() {
    var ledger = TryLedger()
    ledger.begin(0)
    ledger.begin(1)
    ledger.failed(.couldNotConnect, began: now, at: now)
    #expect(ledger.sent == 1 && ledger.tried.count == 2)
  }

  @Test func `the last try that a lost server took says since when others must have been heard`() {
    var ledger = TryLedger()
    for failure in [Self.reset, Self.closed, .responseTimeout] {
      ledger.begin(0)
      ledger.failed(failure, began: now, at: now)
    }
    #expect(ledger.lostSince == nil)
    for (began, expected) in [(5, 5), (9, 9), (7, 9)] {
      ledger.begin(1)
      ledger.failed(.serverLost, began: now + .seconds(began), at: now + .seconds(20))
      #expect(ledger.lostSince == now + .seconds(expected))
    }
    ledger.beginRound()
    ledger.renumber(2)
    #expect(ledger.lostSince == now + .seconds(9))
  }

  @Test func `after a reset or with a lost server a node gets a moment, then a longer one`() {
    for failure in [Self.reset, .serverLost] {
      var ledger = TryLedger()
      ledger.begin(0)
      ledger.failed(failure, began: now, at: now)
      #expect(ledger.restsUntil == now + .milliseconds(250))
      for _ in 0..<5 {
        ledger.begin(0)
        ledger.failed(failure, began: now, at: now)
        #expect(ledger.restsUntil == now + .seconds(1))
      }
    }
    for failure in [Self.closed, .couldNotConnect, .responseTimeout] {
      var ledger = TryLedger()
      ledger.begin(0)
      ledger.failed(failure, began: now, at: now)
      #expect(ledger.restsUntil <= now)
    }
  }
}

/// A request at nodes that do one and the same with whatever they are sent, until it is answered.
private struct Life {
  var ledger = TryLedger()
  /// How often the request was sent, and how many tokens that took.
  var executions = 0
  var tokens = 0
  var status = 0

  /// Rounds of waiting after which something is wrong.
  private static let roundsMax = 1000

  init(
    nodes: Int, tries: Int, isRepeatable: Bool = true, failures: [AttemptFailure],
    budget: borrowing RetryBudget
  ) {
    var settings = RetrySettings.standard
    settings.tries = tries
    let policy = RetryPolicy(settings, bufferSizeBytes: 4096)
    let now = seconds(1000)
    var taken = 0
    while status == 0, executions < Self.roundsMax {
      let failure = failures[executions % failures.count]
      ledger.begin(ledger.tried.count % nodes)
      executions += 1
      let moment = Instant(nanoseconds: now)
      ledger.failed(failure, began: moment, at: moment)
      let facts = RetryFacts(
        isRepeatable: isRepeatable, sent: ledger.sent, closed: ledger.closed, blockBytes: 900,
        elapsed: 0, hasOthers: ledger.tried.count < nodes, mayHold: true)
      let decision = policy.decide(failure, facts) {
        guard budget.take(now: now) else { return false }
        taken += 1
        return true
      }
      switch decision {
      case .tryAnother: break
      case .holdForInstance: ledger.beginRound()
      case .answer(let answered, _): status = answered
      case .deliverUpstreamAnswer, .cut: status = -1
      }
    }
    tokens = taken
  }
}

@Suite("How often a request is sent that nobody answers")
struct LifeOfTriesTests {
  private static let reset = AttemptFailure.resetBeforeResponse(sentAnything: true)
  private static let closed = AttemptFailure.closedBeforeResponse(sentAnything: true)

  @Test(arguments: [1, 2, 3, 20], [1, 2, 3, 10])
  func `a request that is always reset, or whose server is always lost, is sent tries times`(
    nodes: Int, tries: Int
  ) {
    for failure in [Self.reset, .serverLost] {
      let life = Life(nodes: nodes, tries: tries, failures: [failure], budget: RetryBudget())
      #expect(life.executions == tries && life.status == 502)
      #expect(life.tokens == tries - 1)
    }
  }

  @Test(arguments: [1, 2, 20], [1, 3, 10])
  func `one that is always closed in order is sent twice, one that may not be repeated once`(
    nodes: Int, tries: Int
  ) {
    let life = Life(nodes: nodes, tries: tries, failures: [Self.closed], budget: RetryBudget())
    #expect(life.executions == min(tries, 2) && life.status == 502)
    for failure in [Self.closed, Self.reset, .serverLost] {
      let order = Life(
        nodes: nodes, tries: tries, isRepeatable: false, failures: [failure],
        budget: RetryBudget())
      #expect(order.executions == 1 && order.status == 502 && order.tokens == 0)
    }
  }

  @Test func `resets and ends in order together stay within tries`() {
    let mixed: [([AttemptFailure], Int)] = [
      ([Self.reset, Self.closed], 4), ([Self.closed, Self.reset, Self.closed], 3),
      ([Self.reset, .serverLost, Self.closed, Self.reset], 5),
    ]
    for (failures, executions) in mixed {
      let life = Life(nodes: 2, tries: 5, failures: failures, budget: RetryBudget())
      #expect(life.executions == executions && life.status == 502)
    }
  }

  @Test func `four requests that are reset leave forty others their second tries`() {
    let budget = RetryBudget()
    for _ in 0..<4 {
      let life = Life(nodes: 2, tries: 3, failures: [Self.reset], budget: budget)
      #expect(life.tokens == 2)
    }
    for _ in 0..<40 {
      let policy = RetryPolicy(.standard, bufferSizeBytes: 4096)
      let facts = RetryFacts(
        isRepeatable: true, sent: 1, closed: 0, blockBytes: 900, elapsed: 0, hasOthers: true,
        mayHold: true)
      #expect(policy.decide(Self.reset, facts) { budget.take(now: seconds(1000)) } == .tryAnother)
    }
  }
}
