import EventLoop
import Testing

@testable import EdgeProxy

private let reset = AttemptFailure.resetBeforeResponse(sentAnything: true)
private let closed = AttemptFailure.closedBeforeResponse(sentAnything: true)

/// A request at nodes that do one and the same with whatever they are sent, until it is answered.
private struct Unanswered {
  /// How often the request was sent.
  private(set) var executions = 0
  private(set) var status = 0

  /// Rounds of waiting after which something is wrong.
  private static let roundsMax = 1000

  init(_ state: UpstreamState, isRepeatable: Bool = true, failures: [AttemptFailure]) {
    var life = LifeOfTries(.init(isRepeatable: isRepeatable, blockBytes: 900), state)
    var move = life.live(.begins)
    while status == 0, executions < Self.roundsMax {
      switch move {
      case .ask:
        move = life.live(.fails(failures[executions % failures.count]))
        executions += 1
      case .hold: move = life.live(.released)
      case .answer(let answered, _): status = answered
      default: status = -1
      }
    }
  }
}

@Suite("How often a request is sent that nobody answers")
struct UnansweredRequestTests {
  private func state(nodes: Int, tries: Int) throws -> UpstreamState {
    var settings = try makeUpstream(primaries: nodes).settings
    settings.retry.tries = tries
    return UpstreamState(settings)
  }

  /// Second tries that were paid for.
  private func tokens(_ state: UpstreamState) -> Int64 {
    var left: Int64 = 0
    while state.lasting.budget.take(now: LifeOfTries.began.nanoseconds) { left += 1 }
    return RetryBudget.tokensMax - left
  }

  @Test(arguments: [1, 2, 3, 20], [1, 2, 3, 10])
  func `a request that is always reset, or whose server is always lost, is sent tries times`(
    nodes: Int, tries: Int
  ) throws {
    for failure in [reset, .serverLost] {
      let state = try state(nodes: nodes, tries: tries)
      let life = Unanswered(state, failures: [failure])
      #expect(life.executions == tries && life.status == 502)
      #expect(tokens(state) == Int64(tries - 1))
    }
  }

  @Test(arguments: [1, 2, 20], [1, 3, 10])
  func `one that is always closed in order is sent twice, one that may not be repeated once`(
    nodes: Int, tries: Int
  ) throws {
    let life = Unanswered(try state(nodes: nodes, tries: tries), failures: [closed])
    #expect(life.executions == min(tries, 2) && life.status == 502)
    for failure in [closed, reset, .serverLost] {
      let state = try state(nodes: nodes, tries: tries)
      let order = Unanswered(state, isRepeatable: false, failures: [failure])
      #expect(order.executions == 1 && order.status == 502 && tokens(state) == 0)
    }
  }

  @Test func `resets and ends in order together stay within tries`() throws {
    let mixed: [([AttemptFailure], Int)] = [
      ([reset, closed], 4), ([closed, reset, closed], 3),
      ([reset, .serverLost, closed, reset], 5),
    ]
    for (failures, executions) in mixed {
      let life = Unanswered(try state(nodes: 2, tries: 5), failures: failures)
      #expect(life.executions == executions && life.status == 502)
    }
  }

  @Test func `four requests that are reset leave forty others their second tries`() throws {
    let state = try state(nodes: 2, tries: 3)
    for _ in 0..<4 {
      let life = Unanswered(state, failures: [reset])
      #expect(life.executions == 3)
    }
    for _ in 0..<40 {
      var life = LifeOfTries(.init(isRepeatable: true, blockBytes: 900), state)
      guard case .ask = life.live(.begins), case .ask = life.live(.fails(reset)) else {
        Issue.record("no second try")
        return
      }
    }
    #expect(tokens(state) == 48)
  }
}
