internal import ACME

/// Puts what a CA asks for into DNS, and takes it away again.
protocol ChallengeSolver: AnyObject {
  /// `done` is called once, from the loop, when a CA would see all values, or with the reason why it would not.
  func present(_ values: [ChallengeValue], _ done: @escaping (SolverFailure?) -> Void)
  /// `done` is called once; a value that stays behind does no harm.
  func remove(_ values: [ChallengeValue], _ done: @escaping () -> Void)
  /// Nothing is told afterwards.
  func close()
}

/// Why a value did not come into DNS.
struct SolverFailure: Error, Equatable, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
