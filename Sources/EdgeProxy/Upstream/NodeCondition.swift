/// What is known of one node's health, small enough to be changed in one atomic step.
///
///     whole ── 3 failures in a row ──▶ out ── its pause is over ──▶ out, on trial
///       ▲                               ▲                            │      │
///       └────────── 2 successes ────────┼────────────────────────────┘      │
///                                       └── a longer pause ◀── failure ─────┘
///
/// An attempt that began before the last such change says nothing about the present state and is
/// not counted: the requests that die with an instance must not put out the one that follows it.
struct NodeCondition: Equatable, Sendable {
  /// Failures in a row that put a node out.
  static let fall: UInt64 = 3
  /// Successes that put it back whole.
  static let rise: UInt64 = 2
  /// The first and the longest pause.
  static let pauseMin: Int64 = 1000
  static let pauseMax: Int64 = 10_000
  /// After this long without an outcome a trial is taken for lost.
  static let trialMax: Int64 = 10_000

  private(set) var isOut = false
  private(set) var isOnTrial = false
  /// Whether the last try or check of the node failed; this alone decides whether it can serve.
  private(set) var lastFailed = false
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

  /// Of a node that came at `joined` and of which nothing is known yet.
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
  mutating func succeeded(began: Int64, now: Int64) -> Change {
    guard Self.milliseconds(began) >= changed else { return .none }
    failures = 0
    lastFailed = false
    guard isOut else { return .none }
    guard successes + 1 >= Self.rise else {
      successes += 1
      isOnTrial = false
      pause = 0
      return .none
    }
    self = NodeCondition()
    changed = Self.milliseconds(now)
    return .putBack
  }

  /// Whether a failure of an attempt that began at `began` is the one that puts the node out.
  func failurePutsOut(began: Int64) -> Bool {
    !isOut && failures + 1 >= Self.fall && Self.milliseconds(began) >= changed
  }

  /// An attempt that began at `began` failed; without `mayPutOut` the node stays in whatever comes.
  mutating func failed(began: Int64, now: Int64, mayPutOut: Bool, random: UInt64) -> Change {
    guard Self.milliseconds(began) >= changed else { return .none }
    let putsOut = failurePutsOut(began: began) && mayPutOut
    failures = min(failures + 1, Self.fall)
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

  /// The node says that it is there: whether that is so is tried with the next request.
  mutating func announced() {
    guard isOut, !isOnTrial else { return }
    pause = 0
    step = 0
  }

  /// A check from outside the requests; it moves only whether the node can serve.
  mutating func checked(succeeded: Bool) { lastFailed = !succeeded }

  /// 1 s, 2 s, 4 s, 8 s, 10 s, each an eighth more or less, and never outside of 1 s to 10 s.
  static func pause(step: UInt64, random: UInt64) -> Int64 {
    let base = min(pauseMin << Int64(step), pauseMax)
    let span = base / 4
    return max(pauseMin, min(pauseMax, base - span / 2 + Int64(random % UInt64(span + 1))))
  }

  private static func milliseconds(_ nanoseconds: Int64) -> Int64 {
    max(0, nanoseconds) / 1_000_000 & 0xff_ffff_ffff
  }
}

extension NodeCondition {
  /// One word: 40 bits of `changed` (34 years), 14 of `pause`, 10 of the rest.
  var word: UInt64 {
    var word = UInt64(changed) << 24 | UInt64(pause) << 10
    word |= (isOut ? 1 : 0) | (isOnTrial ? 2 : 0) | (lastFailed ? 4 : 0)
    return word | failures << 3 | successes << 5 | step << 6
  }

  init(word: UInt64) {
    changed = Int64(word >> 24)
    pause = Int64(word >> 10 & 0x3fff)
    isOut = word & 1 != 0
    isOnTrial = word & 2 != 0
    lastFailed = word & 4 != 0
    failures = word >> 3 & 3
    successes = word >> 5 & 1
    step = word >> 6 & 7
  }
}
