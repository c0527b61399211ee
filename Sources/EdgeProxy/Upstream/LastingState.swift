internal import Synchronization

/// What an upstream keeps while its nodes come and go, shared by all workers.
final class LastingState: Sendable {
  /// What may be spent on second tries.
  let budget = RetryBudget()
  /// How many nodes may be out.
  let cap = EjectionCap()

  private let turn = Atomic<UInt>(0)

  /// The next number of a sequence that all workers draw from.
  func nextTurn() -> UInt { turn.add(1, ordering: .relaxed).oldValue }
}
