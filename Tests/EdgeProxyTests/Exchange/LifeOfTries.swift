import EventLoop
import Testing

@testable import EdgeProxy

/// Other servers that say what a test has them say.
struct ScriptedServers: OtherServers {
  /// When each was last heard from.
  var heard: [String: Instant] = [:]
  /// Those that may be asked to connect to a node.
  var helpers: [String] = []

  func hasHeard(from server: String, since moment: Instant) -> Bool {
    heard[server].map { $0 > moment } ?? false
  }

  func helper(
    for nodes: [NodeState], random: UInt64
  ) -> (node: NodeState, server: String)? {
    guard let node = nodes.first, let server = helpers.first else { return nil }
    return (node, server)
  }
}

/// What happens to a request.
enum Happening: Sendable {
  case begins
  case fails(AttemptFailure)
  /// The same for the try beside the first.
  case besideFails(AttemptFailure)
  /// The same on a connection that has served another request.
  case failsOnKept(AttemptFailure)
  /// The same for a try that goes through another server.
  case failsThere(AttemptFailure)
  case answers(Int)
  case besideAnswers(Int)
  case staysSilent
  /// The request may go on: an instance may be back, or a node have room.
  case released
  case slotFreed
  /// The nodes have become others, and have other numbers.
  case renumbered
  case later(Double)
  case hears(String)
  case budgetEnds
}

/// What the exchange is told to do then.
enum Move: Equatable, Sendable {
  case nothing
  case ask(Int)
  case again
  case beside(Int)
  case through(String, Int)
  case lookAgain
  /// Until so many seconds after the request began.
  case hold(until: Double)
  case queue(until: Double)
  case deliver
  indirect case keep(then: Move)
  case deliverKept
  case refuseBlock(sent: Int, limit: Int)
  case answer(Int, String)
}

/// A request that lives through what a test says, at real nodes of a real upstream.
struct LifeOfTries {
  static let began = Instant(nanoseconds: seconds(1000))

  let state: UpstreamState
  private(set) var tries: Tries
  private var servers = ScriptedServers()
  private var now = Self.began
  private var generation = 1
  /// When the last try began.
  private var startedAt = Self.began

  init(_ request: Tries.Request, _ state: UpstreamState, helpers: [String] = []) {
    self.state = state
    servers.helpers = helpers
    tries = Tries(request, generation: generation, at: Self.began)
  }

  private var prospects: Prospects<ScriptedServers> {
    Prospects(
      state: state, generation: generation, servers: servers, now: now, random: 0)
  }

  mutating func live(_ happening: Happening) -> Move {
    switch happening {
    case .begins, .slotFreed: return move(tries.next(prospects))
    case .fails(let cause): return fail(.first, Tries.Failure(cause: cause, began: startedAt))
    case .besideFails(let cause):
      return fail(.beside, Tries.Failure(cause: cause, began: startedAt))
    case .failsOnKept(let cause):
      return fail(.first, Tries.Failure(cause: cause, began: startedAt, isOnReused: true))
    case .failsThere(let cause):
      return fail(.first, Tries.Failure(cause: cause, began: startedAt, isDetour: true))
    case .answers(let status): return head(.first, status)
    case .besideAnswers(let status): return head(.beside, status)
    case .staysSilent:
      switch tries.silent(.first, began: startedAt, prospects) {
      case .waitOn: return .nothing
      case .lookAgain: return .lookAgain
      case .beside(let index): return .beside(index)
      }
    case .released: return move(tries.released(isOther: false, prospects))
    case .renumbered: generation += 1
    case .later(let span): now = now + .nanoseconds(seconds(span))
    case .hears(let server): servers.heard[server] = now
    case .budgetEnds: while state.lasting.budget.take(now: now.nanoseconds) {}
    }
    return .nothing
  }

  private mutating func fail(_ which: Tries.Which, _ failure: Tries.Failure) -> Move {
    if case .again = tries.failed(which, failure, prospects) { return .again }
    return move(tries.next(after: which, failure.cause, prospects))
  }

  private mutating func head(_ which: Tries.Which, _ status: Int) -> Move {
    switch tries.head(which, status: status, prospects) {
    case .deliver: .deliver
    case .keep(let order): .keep(then: move(order))
    }
  }

  private mutating func move(_ order: Tries.Order) -> Move {
    switch order {
    case .nothing: return .nothing
    case .ask(let index):
      startedAt = now
      return .ask(index)
    case .through(let server, let index):
      startedAt = now
      return .through(server, index)
    case .hold(let until, _, _): return .hold(until: elapsed(until))
    case .queue(let until, _): return .queue(until: elapsed(until))
    case .deliverKept: return .deliverKept
    case .refuseBlock(let sent, let limit): return .refuseBlock(sent: sent, limit: limit)
    case .answer(let status, let reason): return .answer(status, "\(reason)")
    }
  }

  private func elapsed(_ moment: Instant) -> Double {
    Double(moment.nanoseconds - Self.began.nanoseconds) / 1_000_000_000
  }
}
