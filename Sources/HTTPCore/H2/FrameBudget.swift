/// A kind of frame that a client has sent too many of.
package enum Flood: Int, Sendable, CaseIterable {
  case resets, control, emptyData, windowUpdates, priorities, strayHeads, head

  /// What GOAWAY tells the client, as debug data, RFC 9113 §6.8.
  package var words: StaticString {
    switch self {
    case .resets: "too many streams were reset"
    case .control: "too many SETTINGS or PING frames"
    case .emptyData: "too many empty DATA frames"
    case .windowUpdates: "too many WINDOW_UPDATE frames"
    case .priorities: "too many PRIORITY or unknown frames"
    case .strayHeads: "too many HEADERS on streams that are over"
    case .head: "a request head is too large"
    }
  }

  /// The name in metrics.
  package var name: StaticString {
    switch self {
    case .resets: "resets"
    case .control: "control"
    case .emptyData: "empty-data"
    case .windowUpdates: "window-updates"
    case .priorities: "priorities"
    case .strayHeads: "stray-heads"
    case .head: "head"
    }
  }
}

/// What a client may ask for without bringing anything: frames that cost us work and it nothing.
///
/// Each kind has an allowance. Such frames use it up; time, requests and answers that the client takes
/// fill it again. A client that has used one up opens no more streams, and what is under way is
/// finished. A client that goes on all the same uses up a second, larger allowance, and then the
/// connection ends. RFC 9113 §10.5; the attacks are CVE-2019-9511 to 9518, CVE-2023-44487 and
/// CVE-2025-8671.
struct FrameBudget {
  /// What follows from a frame.
  enum Verdict: Equatable {
    case fine
    /// The allowance is used up.
    case spent(Flood)
    /// The second one is, too.
    case exceeded(Flood)

    var isFine: Bool { if case .fine = self { true } else { false } }
  }

  /// An allowance in billionths of a frame, so that a nanosecond's growth is a whole number.
  private struct Allowance {
    private let kind: Flood
    private var left: Int64
    private let most: Int64
    private let least: Int64
    private let perSecond: Int64
    private var updatedAt: Int64?
    /// Frames that requests and answers allow for, besides.
    ///
    /// Such frames may come long after and all at once, so they are kept however many they are.
    private var earned = 0

    init(_ kind: Flood, _ limit: FixedLimits.FrameRate) {
      self.kind = kind
      most = Int64(limit.burst) * Self.unit
      least = -most * Int64(FixedLimits.burstsAfterGoodbye)
      perSecond = Int64(limit.perSecond)
      left = most
    }

    private static let unit: Int64 = 1_000_000_000

    mutating func earn(_ count: Int) { earned += count }

    mutating func take(now: Int64) -> Verdict {
      guard earned == 0 else {
        earned -= 1
        return .fine
      }
      let elapsed = min(max(0, now - (updatedAt ?? now)), 3600 * Self.unit)
      updatedAt = now
      left = min(most, left + elapsed * perSecond) - Self.unit
      if left >= 0 { return .fine }
      if left >= least { return .spent(kind) }
      left = least
      return .exceeded(kind)
    }
  }

  private var resets = Allowance(.resets, FixedLimits.resets)
  private var control = Allowance(.control, FixedLimits.controlFrames)
  private var empty = Allowance(.emptyData, FixedLimits.emptyFrames)
  private var windows = Allowance(.windowUpdates, FixedLimits.windowUpdates)
  private var priorities = Allowance(.priorities, FixedLimits.priorities)
  private var strays = Allowance(.strayHeads, FixedLimits.strayHeads)
  /// Bytes sent that have not earned a WINDOW_UPDATE yet.
  private var bytesSent = 0
  private var continuations = 0
  private var blockBytes = 0
  private let blockBytesMax: Int

  init(headBytesMax: Int) {
    blockBytesMax = 2 * headBytesMax + FixedLimits.frameBytes
  }

  /// Counts a frame whose header has been read.
  mutating func take(_ frame: FrameScanner, now: Int64) -> Verdict {
    switch frame.type {
    case .data: return .fine
    case .headers:
      requestArrived()
      continuations = 0
      blockBytes = frame.length
      return .fine
    case .continuation:
      continuations += 1
      blockBytes += frame.length
      let isFine = continuations <= FixedLimits.continuations && blockBytes <= blockBytesMax
      return isFine ? .fine : .exceeded(.head)
    case .resetStream: return resets.take(now: now)
    case .settings, .ping, .goAway, .pushPromise: return control.take(now: now)
    case .windowUpdate: return windows.take(now: now)
    case .priority, .other: return priorities.take(now: now)
    }
  }

  /// Simple clients give back the window of every answer, however short; browsers say what is urgent,
  /// and change their minds; others measure the distance by PING.
  private mutating func requestArrived() {
    windows.earn(FixedLimits.windowUpdatesPerRequest)
    priorities.earn(FixedLimits.prioritiesPerRequest)
    control.earn(FixedLimits.controlFramesPerRequest)
    empty.earn(FixedLimits.emptyFramesPerRequest)
  }

  /// Counts DATA that has brought no data, which may be padding only.
  mutating func emptyFrame(now: Int64) -> Verdict { empty.take(now: now) }

  /// Counts HEADERS that nobody takes.
  mutating func strayHead(now: Int64) -> Verdict { strays.take(now: now) }

  /// Counts a reset that a client has made us send: it costs as much as one of its own.
  mutating func provokedReset(now: Int64) -> Verdict { resets.take(now: now) }

  /// A client that takes whole answers may also give some up.
  mutating func answered() { resets.earn(FixedLimits.resetsPerAnswer) }

  /// A client that takes answers has to say how much it can take.
  ///
  /// A DATA frame that is as long as it is because the application had no more, and not because the
  /// client's window was closed behind it, allows the client to open both windows again and to measure
  /// the distance. A client that opens its window by single bytes earns nothing.
  mutating func sent(_ bytes: Int, filledWindow: Bool) {
    bytesSent += bytes
    windows.earn(bytesSent / FixedLimits.bytesPerWindowUpdate)
    bytesSent %= FixedLimits.bytesPerWindowUpdate
    guard !filledWindow else { return }
    windows.earn(FixedLimits.windowUpdatesPerFrame)
    control.earn(FixedLimits.controlFramesPerFrame)
  }
}
