/// What is counted for the metrics.
struct IssuanceCount: Hashable {
  enum Result: String { case issued, failed }
  /// What people call the CA.
  let issuer: String
  let result: Result
}
