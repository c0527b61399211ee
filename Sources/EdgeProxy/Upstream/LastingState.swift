internal import Synchronization

/// What an upstream keeps while its nodes come and go, shared by all workers.
final class LastingState: Sendable {
  /// What may be spent on second tries.
  let budget = RetryBudget()
  /// How many nodes may be out.
  let cap = EjectionCap()

  /// How long answers take.
  let latency = LatencyHistogram()

  /// An operator keeps requests from one of its nodes.
  private let orders = Atomic<Bool>(false)

  private let hedgeCount = Atomic<Int>(0)
  private let hedgeWonCount = Atomic<Int>(0)
  private let turn = Atomic<UInt>(0)

  /// Second tries beside silent ones, and those of them that answered first.
  var hedges: Int { hedgeCount.load(ordering: .relaxed) }
  var hedgesWon: Int { hedgeWonCount.load(ordering: .relaxed) }

  func countHedge() { hedgeCount.add(1, ordering: .relaxed) }
  func countHedgeWon() { hedgeWonCount.add(1, ordering: .relaxed) }

  var hasOrders: Bool { orders.load(ordering: .relaxed) }

  func setOrders(_ areThere: Bool) { orders.store(areThere, ordering: .relaxed) }

  /// The next number of a sequence that all workers draw from.
  func nextTurn() -> UInt { turn.add(1, ordering: .relaxed).oldValue }
}
