import Configuration
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("What may be tried again")
struct RetryPolicyTests {
  private static let sent: [AttemptFailure] = [
    .resetBeforeResponse(sentAnything: true), .closedBeforeResponse(sentAnything: true),
  ]
  private static let notSent: [AttemptFailure] = [
    .couldNotConnect(.refused), .busy, .resetBeforeResponse(sentAnything: false),
    .closedBeforeResponse(sentAnything: false),
  ]

  /// A GET after its first attempt, with everything in its favour.
  private static let facts = RetryFacts(
    isRepeatable: true, sent: 1, closed: 1, blockBytes: 900, elapsed: seconds(0.1),
    hasOthers: true, mayHold: true)

  private func decide(
    _ failure: AttemptFailure, budget: Bool = true, settings: RetrySettings = .standard,
    _ change: (inout RetryFacts) -> Void = { _ in }
  ) -> (decision: RetryDecision, tokens: Int) {
    var facts = Self.facts
    change(&facts)
    var tokens = 0
    let policy = RetryPolicy(settings, bufferSizeBytes: 4096)
    let decision = policy.decide(failure, facts) {
      tokens += 1
      return budget
    }
    return (decision, tokens)
  }

  private func status(_ decision: RetryDecision) -> Int? {
    guard case .answer(let status, _) = decision else { return nil }
    return status
  }

  @Test(arguments: sent)
  func `a request that has just ended two instances reaches no second one`(
    failure: AttemptFailure
  ) {
    let result = decide(failure) { $0.isDeadly = true }
    #expect(result.decision == .answer(status: 502, reason: "query-of-death"))
    #expect(result.tokens == 0)
    #expect(decide(.couldNotConnect(.refused)) { $0.isDeadly = true }.decision == .tryAnother)
  }

  @Test func `another server is asked to connect while tries and time last, whatever the method`() {
    func mayDetour(
      _ settings: RetrySettings = .standard, _ change: (inout RetryFacts) -> Void = { _ in }
    ) -> Bool {
      var facts = Self.facts
      change(&facts)
      return RetryPolicy(settings, bufferSizeBytes: 4096).mayDetour(facts)
    }
    #expect(mayDetour { $0.hasOthers = false })
    #expect(mayDetour { $0.isRepeatable = false })
    #expect(!mayDetour { $0.sent = 3 })
    #expect(!mayDetour { $0.elapsed = seconds(15) })
    var never = RetrySettings.standard
    never.onConnect = false
    #expect(!mayDetour(never))
  }

  @Test func `another node is asked beside a silent one while tries and time last`() {
    let policy = RetryPolicy(.standard, bufferSizeBytes: 4096)
    #expect(policy.mayHedge(Self.facts))
    let changes: [(inout RetryFacts) -> Void] = [
      { $0.hasOthers = false }, { $0.sent = 3 }, { $0.elapsed = seconds(15) },
    ]
    for change in changes {
      var facts = Self.facts
      change(&facts)
      #expect(!policy.mayHedge(facts))
    }
    var settings = RetrySettings.standard
    settings.hedges = false
    #expect(!RetryPolicy(settings, bufferSizeBytes: 4096).mayHedge(Self.facts))
  }

  // MARK: Nothing was sent

  @Test(arguments: notSent, [true, false])
  func `what was never sent goes to another node whatever the method, and is free`(
    failure: AttemptFailure, repeatable: Bool
  ) {
    let result = decide(failure, budget: false) { $0.isRepeatable = repeatable }
    #expect(result.decision == .tryAnother)
    #expect(result.tokens == 0)
  }

  @Test(arguments: notSent, [true, false])
  func `what was never sent is held when no node, try or time is left`(
    failure: AttemptFailure, repeatable: Bool
  ) {
    let changes: [(inout RetryFacts) -> Void] = [
      { $0.hasOthers = false }, { $0.sent = 3 }, { $0.elapsed = seconds(15) },
    ]
    for change in changes {
      let held = decide(failure) {
        $0.isRepeatable = repeatable
        change(&$0)
      }
      #expect(held.decision == .holdForInstance)
      let answered = decide(failure) {
        change(&$0)
        $0.mayHold = false
      }
      #expect(status(answered.decision) == 503)
    }
  }

  @Test(arguments: notSent)
  func `without connect among the conditions it is answered at once`(failure: AttemptFailure) {
    var settings = RetrySettings.standard
    settings.onConnect = false
    #expect(status(decide(failure, settings: settings).decision) == 503)
  }

  @Test(arguments: notSent)
  func `ends of other nodes without an answer do not stop a free try`(failure: AttemptFailure) {
    #expect(decide(failure) { $0.closed = 2 }.decision == .tryAnother)
  }

  // MARK: Sent, and nothing came back

  @Test(arguments: sent)
  func `a repeatable request moves on after such an end and draws on the budget`(
    failure: AttemptFailure
  ) {
    let result = decide(failure)
    #expect(result.decision == .tryAnother)
    #expect(result.tokens == 1)
  }

  @Test(arguments: sent)
  func `a request that may not be repeated is answered 502 and costs no token`(
    failure: AttemptFailure
  ) {
    let result = decide(failure) { $0.isRepeatable = false }
    #expect(status(result.decision) == 502)
    #expect(result.tokens == 0)
  }

  @Test(arguments: sent)
  func `non_idempotent lets every request move on`(failure: AttemptFailure) {
    var settings = RetrySettings.standard
    settings.nonIdempotent = true
    let result = decide(failure, settings: settings) { $0.isRepeatable = false }
    #expect(result.decision == .tryAnother)
  }

  @Test(arguments: [true, false])
  func `two ends in order are the end, from two nodes or twice from the last one`(hasOthers: Bool) {
    for tries in [3, 10] {
      var settings = RetrySettings.standard
      settings.tries = tries
      let result = decide(.closedBeforeResponse(sentAnything: true), settings: settings) {
        $0.closed = 2
        $0.sent = 2
        $0.hasOthers = hasOthers
      }
      #expect(result.decision == .answer(status: 502, reason: "closed"))
      #expect(result.tokens == 0)
    }
  }

  @Test(arguments: [.resetBeforeResponse(sentAnything: true), .serverLost] as [AttemptFailure])
  func `what may not have been read moves on or waits while a try is left, for a token`(
    failure: AttemptFailure
  ) {
    for sent in 1...2 {
      let next = decide(failure) { $0.sent = sent }
      #expect(next.decision == .tryAnother && next.tokens == 1)
      let held = decide(failure) {
        $0.sent = sent
        $0.hasOthers = false
      }
      #expect(held.decision == .holdForInstance && held.tokens == 1)
    }
    let changes: [(inout RetryFacts) -> Void] = [
      { $0.sent = 3 }, { $0.elapsed = seconds(15) }, { $0.isRepeatable = false },
      { ($0.hasOthers, $0.mayHold) = (false, false) },
    ]
    for change in changes {
      let ended = decide(failure, change)
      #expect(status(ended.decision) == 502 && ended.tokens == 0)
    }
    #expect(
      decide(failure, budget: false).decision == .answer(status: 502, reason: "retry-budget"))
  }

  @Test(arguments: sent)
  func `a request whose last instance died is held and sent again`(failure: AttemptFailure) {
    let held = decide(failure) { $0.hasOthers = false }
    #expect(held.decision == .holdForInstance)
    #expect(held.tokens == 1)
    let full = decide(failure) {
      $0.hasOthers = false
      $0.mayHold = false
    }
    #expect(status(full.decision) == 502)
    #expect(full.tokens == 0)
    let unsafe = decide(failure) {
      $0.hasOthers = false
      $0.isRepeatable = false
    }
    #expect(status(unsafe.decision) == 502)
  }

  @Test(arguments: sent)
  func `such an end is final when tries, time or budget are used up`(failure: AttemptFailure) {
    #expect(status(decide(failure) { $0.sent = 3 }.decision) == 502)
    #expect(status(decide(failure) { $0.elapsed = seconds(15) }.decision) == 502)
    #expect(
      decide(failure, budget: false).decision == .answer(status: 502, reason: "retry-budget"))
    #expect(decide(failure) { $0.sent = 2 }.decision == .tryAnother)
    #expect(decide(failure) { $0.elapsed = seconds(14.9) }.decision == .tryAnother)
  }

  @Test(arguments: sent)
  func `without reset among the conditions it is answered at once`(failure: AttemptFailure) {
    var settings = RetrySettings.standard
    settings.onReset = false
    #expect(status(decide(failure, settings: settings).decision) == 502)
  }

  @Test(arguments: sent, [4096, 4097])
  func `a block larger than the instance's buffer is never sent again`(
    failure: AttemptFailure, blockBytes: Int
  ) {
    for repeatable in [true, false] {
      let result = decide(failure) {
        $0.blockBytes = blockBytes
        $0.isRepeatable = repeatable
      }
      let answered = status(result.decision)
      #expect(answered == (blockBytes > 4096 ? 431 : repeatable ? nil : 502))
    }
  }

  // MARK: Too slow

  @Test func `a repeatable request that got nothing in time goes to another node`() {
    let result = decide(.responseTimeout)
    #expect(result.decision == .tryAnother)
    #expect(result.tokens == 1)
  }

  @Test func `a timeout is answered 504 when it may not move on, and is never held`() {
    #expect(status(decide(.responseTimeout) { $0.isRepeatable = false }.decision) == 504)
    #expect(status(decide(.responseTimeout) { $0.hasOthers = false }.decision) == 504)
    #expect(status(decide(.responseTimeout) { $0.sent = 3 }.decision) == 504)
    #expect(status(decide(.responseTimeout) { $0.elapsed = seconds(60) }.decision) == 504)
    #expect(status(decide(.responseTimeout, budget: false).decision) == 504)
  }

  // MARK: The response had begun, or was one

  @Test(
    arguments: [
      (.headIncomplete(timedOut: false), 502), (.headIncomplete(timedOut: true), 504),
      (.malformedResponse, 502),
    ] as [(AttemptFailure, Int)])
  func `a response that had begun is never tried again`(failure: AttemptFailure, expected: Int) {
    let result = decide(failure) { $0.blockBytes = 9000 }
    #expect(status(result.decision) == expected)
    #expect(result.tokens == 0)
  }

  @Test func `a response that breaks off at the client is cut`() {
    #expect(decide(.afterBytes).decision == .cut)
  }

  @Test func `a listed status moves on by the same rule`() {
    let result = decide(.retryableStatus(503))
    #expect(result.decision == .tryAnother)
    #expect(result.tokens == 1)
  }

  @Test func `when a listed status may not move on the application's own answer is delivered`() {
    let failure = AttemptFailure.retryableStatus(503)
    #expect(decide(failure) { $0.isRepeatable = false }.decision == .deliverUpstreamAnswer)
    #expect(decide(failure) { $0.hasOthers = false }.decision == .deliverUpstreamAnswer)
    #expect(decide(failure) { $0.sent = 3 }.decision == .deliverUpstreamAnswer)
    #expect(decide(failure) { $0.elapsed = seconds(15) }.decision == .deliverUpstreamAnswer)
    #expect(decide(failure, budget: false).decision == .deliverUpstreamAnswer)
  }

  @Test func `only the statuses of the configuration are listed`() {
    var settings = RetrySettings.standard
    settings.statuses = [100, 163, 164, 502, 611, 612, 99]
    let policy = RetryPolicy(settings, bufferSizeBytes: 4096)
    let listed = (-5..<2000).filter { policy.lists(status: $0) }
    #expect(listed == [100, 163, 164, 502, 611])
  }

  @Test func `whatever the facts, no answer of ours is a 500 and no POST is sent twice`() {
    var random = SeededRandom(seed: 3)
    let failures =
      Self.sent + Self.notSent + [
        .serverLost, .responseTimeout, .headIncomplete(timedOut: true),
        .headIncomplete(timedOut: false), .afterBytes, .malformedResponse, .retryableStatus(502),
      ]
    for _ in 0..<20_000 {
      let failure = failures[Int(random.next() % UInt64(failures.count))]
      let repeatable = random.next() % 2 == 0
      let result = decide(failure, budget: random.next() % 2 == 0) {
        $0.isRepeatable = repeatable
        $0.sent = Int(random.next() % 5)
        $0.closed = Int(random.next() % 4)
        $0.blockBytes = Int(random.next() % 8192)
        $0.elapsed = Int64(random.next() % 20_000_000_000)
        $0.hasOthers = random.next() % 2 == 0
        $0.mayHold = random.next() % 2 == 0
      }
      if let status = status(result.decision) {
        #expect([431, 502, 503, 504].contains(status))
      }
      let again = result.decision == .tryAnother || result.decision == .holdForInstance
      if again, !repeatable { #expect(Self.notSent.contains(failure)) }
    }
  }
}
