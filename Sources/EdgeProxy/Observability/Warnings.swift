internal import EventLoop

/// What is wrong with this server now, since when, and what to do about it.
///
/// `edgeproxy status` shows it.
/// The part that notices a fault raises a warning under a key of its own, and clears it when the fault
/// is over. Any thread may do both.
final class Warnings: Sendable {
  struct Warning: Equatable, Sendable {
    /// Names the faulty thing, such as `listen https 0.0.0.0:443`.
    let key: String
    /// What is wrong, with the system's error and the address or path.
    var text: String
    /// What to do about it.
    var advice: String
    /// Seconds since 1970.
    var since: Int64
  }

  private let raised = Guarded<[String: Warning]>([:])

  /// More are not kept: a status that nobody can read helps nobody.
  static let countMax = 1000

  /// Tells of a fault; returns whether that is news, and so worth a line in the log.
  ///
  /// A fault that is known under the key keeps its time, whatever is said of it now.
  @discardableResult
  func raise(
    _ key: String, _ text: String, advice: String, now: Int64 = WallTime.seconds
  ) -> Bool {
    raised.withLock { raised in
      let known = raised[key]
      guard known?.text != text || known?.advice != advice else { return false }
      guard known != nil || raised.count < Self.countMax else { return false }
      raised[key] = Warning(key: key, text: text, advice: advice, since: known?.since ?? now)
      return true
    }
  }

  /// The fault is over; returns whether there was one.
  @discardableResult
  func clear(_ key: String) -> Bool { raised.withLock { $0.removeValue(forKey: key) != nil } }

  /// The oldest first.
  var all: [Warning] {
    raised.withLock { Array($0.values) }.sorted { ($0.since, $0.key) < ($1.since, $1.key) }
  }
}
