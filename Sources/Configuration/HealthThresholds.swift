/// How much evidence it takes to change the mind about a node.
package struct HealthThresholds: Equatable, Sendable {
  /// Successes in a row that put a node back.
  package var rise: UInt64
  /// Failures in a row that put it out.
  package var fall: UInt64

  /// What `NodeCondition` can count.
  package static let most: UInt64 = 7
  package static let standard = HealthThresholds(rise: 2, fall: 3)
}
