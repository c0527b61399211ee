/// Names one armed timer; it stays harmless after the timer fired or was cancelled.
package struct TimerToken: Equatable, Sendable {
  fileprivate let index: Int32
  fileprivate let generation: UInt32

  /// No timer.
  package static let none = TimerToken(index: -1, generation: 0)
}

/// An object that is told when its timer fires.
package protocol TimerTarget: AnyObject {
  func timerFired(_ token: TimerToken)
}

/// Timers hashed by their due time: arming, cancelling and firing take constant time.
///
/// The wheel has 1024 buckets of 8 ms. A timer further away than one turn of the wheel (8 s) stays
/// in its bucket and is looked at once a turn. A timer fires up to 8 ms late and never early.
struct TimerWheel {
  private struct Entry {
    var due: Int64 = 0
    var next: Int32 = -1
    var previous: Int32 = -1
    var generation: UInt32 = 0
    var target: (any TimerTarget)?
  }

  private static let bucketCount = 1024
  private static let tickNanoseconds: Int64 = 8_000_000

  private var entries: [Entry] = []
  private var free: [Int32] = []
  private var buckets = [Int32](repeating: -1, count: bucketCount)
  /// One bit per bucket that is not empty.
  private var occupied = [UInt64](repeating: 0, count: bucketCount / 64)
  /// The next tick to look at.
  private var tick: Int64
  private(set) var count = 0

  init(now: Instant) {
    tick = Self.tick(now)
  }

  /// The tick that an instant lies in.
  ///
  /// A clock that stands before its start or at its end leaves room for one turn of the wheel.
  private static func tick(_ instant: Instant) -> Int64 {
    min(max(0, instant.nanoseconds / tickNanoseconds), Int64.max / tickNanoseconds - 2048)
  }

  mutating func arm(_ target: any TimerTarget, at due: Instant) -> TimerToken {
    let index: Int32
    if let reused = free.popLast() {
      index = reused
    } else {
      index = Int32(entries.count)
      entries.append(Entry())
    }
    // Rounded up, so that a timer never fires early; never before the tick that comes next.
    let rounded = due.nanoseconds.saturatingAdd(Self.tickNanoseconds - 1)
    let dueTick = max(tick, rounded / Self.tickNanoseconds)
    let bucket = Int(dueTick % Int64(Self.bucketCount))
    let head = buckets[bucket]
    entries[Int(index)].due = dueTick
    entries[Int(index)].target = target
    entries[Int(index)].previous = -1
    entries[Int(index)].next = head
    if head >= 0 { entries[Int(head)].previous = index }
    buckets[bucket] = index
    occupied[bucket / 64] |= 1 << UInt64(bucket % 64)
    count += 1
    return TimerToken(index: index, generation: entries[Int(index)].generation)
  }

  /// Cancels the timer; nothing happens when it has fired or was cancelled before.
  mutating func cancel(_ token: TimerToken) {
    guard token.index >= 0, entries[Int(token.index)].generation == token.generation,
      entries[Int(token.index)].target != nil
    else { return }
    unlink(token.index)
  }

  private mutating func unlink(_ index: Int32) {
    let entry = entries[Int(index)]
    let bucket = Int(entry.due % Int64(Self.bucketCount))
    if entry.previous >= 0 {
      entries[Int(entry.previous)].next = entry.next
    } else {
      buckets[bucket] = entry.next
      if entry.next < 0 { occupied[bucket / 64] &= ~(1 << UInt64(bucket % 64)) }
    }
    if entry.next >= 0 { entries[Int(entry.next)].previous = entry.previous }
    entries[Int(index)].target = nil
    entries[Int(index)].generation &+= 1
    free.append(index)
    count -= 1
  }

  /// Takes out one timer that is due; `nil` when no more are.
  mutating func popDue(now: Instant) -> (any TimerTarget, TimerToken)? {
    let nowTick = Self.tick(now)
    // After a long pause one turn of the wheel visits every bucket; more turns find nothing new.
    if nowTick - tick > Int64(Self.bucketCount) { tick = nowTick - Int64(Self.bucketCount) }
    while tick <= nowTick {
      var index = buckets[Int(tick % Int64(Self.bucketCount))]
      while index >= 0 {
        let entry = entries[Int(index)]
        if entry.due <= nowTick, let target = entry.target {
          let token = TimerToken(index: index, generation: entry.generation)
          unlink(index)
          return (target, token)
        }
        index = entry.next
      }
      if tick == nowTick { return nil }
      tick += 1
    }
    return nil
  }

  /// Nanoseconds until the next bucket with a timer is due; `nil` when there is none.
  func delay(now: Instant) -> Int64? {
    guard count > 0 else { return nil }
    let start = Int(tick % Int64(Self.bucketCount))
    var word = start / 64
    var bits = occupied[word] & (~0 << UInt64(start % 64))
    for _ in 0...(Self.bucketCount / 64) {
      if bits != 0 {
        let bucket = word * 64 + bits.trailingZeroBitCount
        let ahead = (bucket - start + Self.bucketCount) % Self.bucketCount
        let due = Instant(nanoseconds: (tick + Int64(ahead)) * Self.tickNanoseconds)
        return max(0, due.nanoseconds.saturatingSubtract(now.nanoseconds))
      }
      word = (word + 1) % occupied.count
      bits = occupied[word]
    }
    return nil
  }
}
