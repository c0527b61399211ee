/// What a client may ask for without bringing anything: frames that cost us work and it nothing.
///
/// Each kind has an allowance that is used up by such frames and grows back with time; what a client
/// takes of answers earns it more. RFC 9113 §10.5; the attacks are CVE-2019-9511 to 9518,
/// CVE-2023-44487 and CVE-2025-8671.
struct FrameBudget {
  /// An allowance in billionths of a frame, so that a nanosecond's growth is a whole number.
  private struct Allowance {
    private var left: Int64
    private let most: Int64
    private let perSecond: Int64
    private var updatedAt: Int64?

    init(_ limit: FixedLimits.FrameRate) {
      most = Int64(limit.burst) * Self.unit
      perSecond = Int64(limit.perSecond)
      left = most
    }

    private static let unit: Int64 = 1_000_000_000

    /// Uses one up; `false` when none is left.
    mutating func take(now: Int64) -> Bool {
      let elapsed = min(max(0, now - (updatedAt ?? now)), 3600 * Self.unit)
      updatedAt = now
      left = min(most, left + elapsed * perSecond) - Self.unit
      return left >= 0
    }

  }

  private var resets = Allowance(FixedLimits.resets)
  private var control = Allowance(FixedLimits.controlFrames)
  private var empty = Allowance(FixedLimits.emptyFrames)
  private var windows = Allowance(FixedLimits.windowUpdates)
  private var priorities = Allowance(FixedLimits.priorities)
  private var strays = Allowance(FixedLimits.strayHeads)
  /// WINDOW_UPDATEs that what was sent allows for, besides; they come after it, perhaps all at once,
  /// so that they are kept however many they are.
  private var windowsEarned = 0
  /// Bytes sent that have not earned one yet.
  private var bytesSent = 0
  private var continuations = 0
  private var blockBytes = 0
  private let blockBytesMax: Int

  init(headBytesMax: Int) {
    blockBytesMax = 2 * headBytesMax + FixedLimits.frameBytes
  }

  /// Counts a frame whose header has been read; `false` when it is one too many.
  mutating func take(_ frame: FrameScanner, now: Int64) -> Bool {
    switch frame.type {
    case .data: return true
    case .headers:
      // Simple clients give back the window of every answer, however short.
      windowsEarned += FixedLimits.windowUpdatesPerRequest
      continuations = 0
      blockBytes = frame.length
      return true
    case .continuation:
      continuations += 1
      blockBytes += frame.length
      return continuations <= FixedLimits.continuations && blockBytes <= blockBytesMax
    case .resetStream: return resets.take(now: now)
    case .settings, .ping, .goAway, .pushPromise: return control.take(now: now)
    case .windowUpdate:
      guard windowsEarned == 0 else {
        windowsEarned -= 1
        return true
      }
      return windows.take(now: now)
    case .priority, .other: return priorities.take(now: now)
    }
  }

  /// Counts DATA that has brought no data, which may be padding only.
  mutating func emptyFrame(now: Int64) -> Bool { empty.take(now: now) }

  /// Counts HEADERS that nobody takes.
  mutating func strayHead(now: Int64) -> Bool { strays.take(now: now) }

  /// Counts a reset that a client has made us send: it costs as much as one of its own.
  mutating func provokedReset(now: Int64) -> Bool { resets.take(now: now) }

  /// A client that takes answers has to say how much it can take.
  mutating func sent(_ bytes: Int) {
    bytesSent += bytes
    windowsEarned += bytesSent / FixedLimits.bytesPerWindowUpdate
    bytesSent %= FixedLimits.bytesPerWindowUpdate
  }
}
