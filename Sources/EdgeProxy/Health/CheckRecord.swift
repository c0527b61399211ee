internal import Configuration

/// What the checks of one node have found: the last outcome and how many agree with it.
struct CheckRecord: Equatable, Sendable {
  /// What has become clear with the last check.
  enum Verdict: Equatable, Sendable { case nothing, isDown, isWell }

  private(set) var last: Last?
  /// Checks in a row that came to the same verdict as the last.
  private(set) var streak: UInt64 = 0

  struct Last: Equatable, Sendable {
    var outcome: CheckOutcome
    var milliseconds: Int64
    /// In seconds since 1970.
    var at: Int64
  }

  /// Whether the last check found the node well; `nil` where there was none.
  private(set) var isWell: Bool?

  /// Takes down how a check ended.
  ///
  /// `hasAnswered` says that the node answered a request meanwhile: then silence is no sign that it
  /// is frozen but that all its workers are busy.
  mutating func note(
    _ last: Last, isWell: Bool, hasAnswered: Bool, _ thresholds: HealthThresholds
  ) -> Verdict {
    self.last = last
    if last.outcome == .silent, hasAnswered {
      streak = 0
      return .nothing
    }
    streak = self.isWell == isWell ? streak + 1 : 1
    self.isWell = isWell
    guard streak >= (isWell ? thresholds.rise : thresholds.fall) else { return .nothing }
    return isWell ? .isWell : .isDown
  }
}
