internal import Configuration

/// What is known of one node's health, small enough to be changed in one atomic step.
///
///     whole ── 3 failures in a row ──▶ out ── its pause is over ──▶ out, on trial
///       ▲                               ▲                            │      │
///       └────────── 2 successes ────────┼────────────────────────────┘      │
///                                       └── a longer pause ◀── failure ─────┘
///
/// How many failures and successes it takes are `HealthThresholds`; above are the defaults. Checks
/// count as well: enough failed ones put a node out, and as long as they fail its pause begins
/// anew, so that no request is spent on it. Enough good ones put back only what a check can see, a
/// node that failed checks or could not be connected (`isCheckable`). One that takes requests and
/// resets them answers checks as well; it stays out until requests have been answered.
///
/// An attempt that began before the last such change says nothing about the present state and is
/// not counted: the requests that die with an instance must not put out the one that follows it.
struct NodeCondition: Equatable, Sendable {
  /// The first and the longest pause.
  static let pauseMin: Int64 = 1000
  static let pauseMax: Int64 = 10_000
  /// After this long without an outcome a trial is taken for lost.
  static let trialMax: Int64 = 10_000

  private(set) var isOut = false
  private(set) var isOnTrial = false
  /// Whether the last try or check of the node failed; this alone decides whether it can serve.
  private(set) var lastFailed = false
  /// Whether a check would have seen what put the node out.
  private(set) var isCheckable = false
  private(set) var failures: UInt64 = 0
  private(set) var successes: UInt64 = 0
  /// How often the pause has been doubled.
  private(set) var step: UInt64 = 0
  /// When the node was put out, put on trial or put back, in milliseconds.
  private(set) var changed: Int64 = 0
  /// How long after `changed` the next trial is due, in milliseconds.
  private(set) var pause: Int64 = 0

  enum Change: Equatable, Sendable { case none, putOut, putBack }

  init() {}

  /// The condition of a node that came at `joined` and of which nothing is known yet.
  init(joined: Int64) { changed = Self.milliseconds(joined) }

  /// How long it has been whole, in milliseconds; since ever for one that never changed.
  func wholeFor(now: Int64) -> Int64 {
    changed == 0 ? .max : Self.milliseconds(now) - changed
  }

  /// When a node that is out may be tried again, in milliseconds.
  var due: Int64 { changed + pause }

  func isAvailable(now: Int64) -> Bool {
    !isOut || Self.milliseconds(now) >= due
  }

  /// Takes the one trial of a node that is out and whose pause is over.
  mutating func beginTrial(now: Int64) -> Bool {
    guard isOut, isAvailable(now: now) else { return false }
    isOnTrial = true
    changed = Self.milliseconds(now)
    pause = Self.trialMax
    return true
  }

  /// An attempt that began at `began` got an answer.
  mutating func succeeded(
    began: Int64, now: Int64, _ thresholds: HealthThresholds = .standard
  ) -> Change {
    guard Self.milliseconds(began) >= changed else { return .none }
    failures = 0
    lastFailed = false
    guard isOut else { return .none }
    guard successes + 1 >= thresholds.rise else {
      successes += 1
      isOnTrial = false
      pause = 0
      return .none
    }
    putBack(now: now)
    return .putBack
  }

  private mutating func putBack(now: Int64) {
    self = NodeCondition()
    changed = Self.milliseconds(now)
  }

  /// Whether a failure of an attempt that began at `began` is the one that puts the node out.
  func failurePutsOut(began: Int64, _ thresholds: HealthThresholds = .standard) -> Bool {
    !isOut && failures + 1 >= thresholds.fall && Self.milliseconds(began) >= changed
  }

  /// An attempt that began at `began` failed; without `mayPutOut` the node stays in.
  ///
  /// `checkable` says that a check would have failed for the same reason.
  mutating func failed(
    began: Int64, now: Int64, mayPutOut: Bool, random: UInt64, checkable: Bool = false,
    _ thresholds: HealthThresholds = .standard
  ) -> Change {
    guard Self.milliseconds(began) >= changed else { return .none }
    let putsOut = failurePutsOut(began: began, thresholds) && mayPutOut
    failures = min(failures + 1, HealthThresholds.most)
    lastFailed = true
    successes = 0
    if putsOut {
      isOut = true
      step = 0
    } else if isOnTrial {
      isOnTrial = false
      step = min(step + 1, 4)
    } else {
      // One that was tried for want of another: its pause goes on as it was.
      return .none
    }
    isCheckable = checkable
    changed = Self.milliseconds(now)
    pause = Self.pause(step: step, random: random)
    return putsOut ? .putOut : .none
  }

  /// An attempt ended without saying anything about the node; its trial is free again.
  mutating func abandoned(began: Int64) {
    guard isOnTrial, Self.milliseconds(began) >= changed else { return }
    isOnTrial = false
    pause = 0
  }

  /// A check from outside the requests; it moves only whether the node can serve.
  mutating func checked(succeeded: Bool) { lastFailed = !succeeded }

  /// Whether `failedChecks` would put the node out.
  func checkPutsOut(began: Int64) -> Bool { !isOut && Self.milliseconds(began) >= changed }

  /// So many checks have failed, the last of them begun at `began`, that the node is to go.
  mutating func failedChecks(began: Int64, now: Int64, mayPutOut: Bool) -> Change {
    // A request that is on trial finds out more than a check does.
    guard Self.milliseconds(began) >= changed, !isOnTrial, isOut || mayPutOut else { return .none }
    let putsOut = !isOut
    isOut = true
    if putsOut { step = 0 }
    isCheckable = true
    successes = 0
    changed = Self.milliseconds(now)
    pause = Self.pauseMax
    return putsOut ? .putOut : .none
  }

  /// So many checks have succeeded that a node whose failure they could see is whole again.
  mutating func passedChecks(now: Int64) -> Change {
    guard isOut, isCheckable else { return .none }
    putBack(now: now)
    return .putBack
  }

  /// 1 s, 2 s, 4 s, 8 s, 10 s, each an eighth more or less, and never outside of 1 s to 10 s.
  ///
  /// A multiple of 2 ms, as `word` keeps it.
  static func pause(step: UInt64, random: UInt64) -> Int64 {
    let base = min(pauseMin << Int64(step), pauseMax)
    let span = base / 4
    return max(pauseMin, min(pauseMax, base - span / 2 + Int64(random % UInt64(span + 1)))) & ~1
  }

  private static func milliseconds(_ nanoseconds: Int64) -> Int64 {
    max(0, nanoseconds) / 1_000_000 & changedMask
  }

  private static let changedMask: Int64 = 1 << 38 - 1
}

extension NodeCondition {
  /// One word: 38 bits of `changed` (8 years), 13 of `pause` in units of 2 ms, 13 of the rest.
  var word: UInt64 {
    var word = UInt64(changed) << 26 | UInt64(pause / 2) << 13
    word |= (isOut ? 1 : 0) | (isOnTrial ? 2 : 0) | (lastFailed ? 4 : 0) | (isCheckable ? 8 : 0)
    return word | step << 4 | failures << 7 | successes << 10
  }

  init(word: UInt64) {
    changed = Int64(word >> 26)
    pause = Int64(word >> 13 & 0x1fff) * 2
    isOut = word & 1 != 0
    isOnTrial = word & 2 != 0
    lastFailed = word & 4 != 0
    isCheckable = word & 8 != 0
    step = word >> 4 & 7
    failures = word >> 7 & 7
    successes = word >> 10 & 7
  }
}
