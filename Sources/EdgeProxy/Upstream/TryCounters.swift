/// How a try at a node ended: one word in the access log and the metrics.
enum TryOutcome: Equatable, Sendable {
  /// It has answered.
  case ok
  /// It has answered first, beside a silent one.
  case hedged
  /// Another one has answered first.
  case lost
  /// A kept connection had been closed; the request went out again on a fresh one.
  case stale
  /// Its answer has a status that is worth another node.
  case status
  /// The server of the node was lost.
  case serverLost
  case headIncomplete, headTimeout
  case failed(NodeFailure)

  static let all: [TryOutcome] =
    [.ok, .hedged, .lost, .stale, .status, .serverLost, .headIncomplete, .headTimeout]
    + NodeFailure.allCases.map { .failed($0) }

  /// Its index in `all`.
  var place: Int {
    switch self {
    case .ok: 0
    case .hedged: 1
    case .lost: 2
    case .stale: 3
    case .status: 4
    case .serverLost: 5
    case .headIncomplete: 6
    case .headTimeout: 7
    case .failed(let failure): 8 + failure.rawValue
    }
  }

  /// The head of an answer has come.
  var isAnswer: Bool {
    switch self {
    case .ok, .hedged, .status: true
    default: false
    }
  }

  var word: StaticString {
    switch self {
    case .ok: "ok"
    case .hedged: "hedged"
    case .lost: "lost"
    case .stale: "stale"
    case .status: "status"
    case .serverLost: "server-lost"
    case .headIncomplete: "head-incomplete"
    case .headTimeout: "head-timeout"
    case .failed(let failure): failure.word
    }
  }
}

/// The tries at the nodes of one upstream that have ended, as one worker counts them.
final class TryCounters: CounterRow {
  private let outcomes = [32 of Count](initializingWith: { span in
    while !span.isFull { span.append(Count()) }
  })
  /// From the beginning of a try to the head of its answer; tries without an answer are not among them.
  let durations = DurationHistogram()

  func count(_ outcome: TryOutcome, microseconds: Int64) {
    outcomes[outcome.place].add()
    if outcome.isAnswer { durations.record(microseconds) }
  }

  func add(_ other: TryCounters) {
    for place in TryOutcome.all.indices { outcomes[place].add(other.outcomes[place].now) }
    durations.add(other.durations)
  }

  func count(of outcome: TryOutcome) -> Int { outcomes[outcome.place].now }
}
