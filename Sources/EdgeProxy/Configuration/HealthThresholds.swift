/// How much evidence it takes to change the mind about a node.
struct HealthThresholds: Equatable, Sendable {
  /// Successes in a row that put a node back.
  var rise: UInt64
  /// Failures in a row that put it out.
  var fall: UInt64

  /// What `NodeCondition` can count.
  static let most: UInt64 = 7
  static let standard = HealthThresholds(rise: 2, fall: 3)
}
