internal import EventLoop

/// What a provider did not do, and when it is asked again: after 10 s, 20 s, 40 s, and so on up to 10 minutes.
///
/// A change that fails again and again does not keep the others waiting.
struct RecordTroubles {
  private struct Trouble {
    var failures = 0
    var until = Instant(nanoseconds: 0)

    mutating func grow(_ now: Instant) {
      failures += 1
      until = now + RecordTroubles.pause(after: failures)
    }
  }

  private var listing: Trouble?
  private var changes: [RecordPlan.Change: Trouble] = [:]
  /// Of all changes, since one succeeded.
  private var inRow: Trouble?

  static let pauses = (first: Duration.seconds(10), last: Duration.seconds(600))

  static func pause(after failures: Int) -> Duration {
    // 2^6 times the first is more than the last.
    min(pauses.first * (1 << min(max(failures, 1) - 1, 6)), pauses.last)
  }

  /// Changes that have failed.
  var failed: Set<RecordPlan.Change> { Set(changes.keys) }

  func mayList(_ now: Instant) -> Bool { listing.map { now >= $0.until } ?? true }

  /// The first of these changes that may be tried, of those that failed least often.
  func next(of wanted: [RecordPlan.Change], _ now: Instant) -> RecordPlan.Change? {
    if let inRow, now < inRow.until { return nil }
    return wanted.filter { change in changes[change].map { now >= $0.until } ?? true }
      .min { (changes[$0]?.failures ?? 0) < (changes[$1]?.failures ?? 0) }
  }

  mutating func listed() { listing = nil }

  mutating func listingFailed(_ now: Instant) {
    var trouble = listing ?? Trouble()
    trouble.grow(now)
    listing = trouble
  }

  /// The provider has made a change, as far as can be seen.
  mutating func made(_ change: RecordPlan.Change) {
    inRow = nil
    changes[change] = nil
  }

  mutating func failed(_ change: RecordPlan.Change, _ now: Instant) {
    changes[change, default: Trouble()].grow(now)
    var trouble = inRow ?? Trouble()
    trouble.grow(now)
    inRow = trouble
  }

  /// Nobody wants others than these any more; returns those that are forgotten.
  mutating func keep(_ wanted: some Sequence<RecordPlan.Change>) -> Set<RecordPlan.Change> {
    let gone = failed.subtracting(wanted)
    for change in gone { changes[change] = nil }
    return gone
  }
}
