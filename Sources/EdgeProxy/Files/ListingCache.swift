internal import EventLoop

/// The last pages that show what is in a directory, for one worker.
///
/// A page of a large directory costs tens of milliseconds of the worker's time. So it is made once for
/// as long as the directory is unchanged, all answers share it, and not more than one is made in a turn
/// of the loop.
struct ListingCache {
  private struct Entry {
    let directory: [UInt8]
    let path: [UInt8]
    let facts: FileFacts
    let page: SharedPage
  }

  private static let countMax = 8
  private static let bytesMax = 4 << 20
  /// A directory that has just changed may change again within the same tick of the kernel's clock, and
  /// have the same time afterwards.
  private static let settledMicroseconds: Int64 = 50_000

  /// After so long another page may be made.
  static let pause = Duration.milliseconds(1)

  /// The one used last comes first.
  private var entries: [Entry] = []
  private var madeAt: Instant?

  /// The page of a directory that still has these facts.
  mutating func find(_ directory: [UInt8], _ path: [UInt8], _ facts: FileFacts) -> SharedPage? {
    let index = entries.firstIndex {
      $0.facts == facts && $0.path == path && $0.directory == directory
    }
    guard let index else { return nil }
    let entry = entries.remove(at: index)
    entries.insert(entry, at: 0)
    return entry.page
  }

  /// Whether a page may be made in the turn that began at `now`; it counts as made then.
  mutating func mayMake(now: Instant) -> Bool {
    guard madeAt != now else { return false }
    madeAt = now
    return true
  }

  /// Keeps a page; `wallClock` is the time in microseconds since 1970 at which the directory was read.
  mutating func keep(
    _ page: SharedPage, _ directory: [UInt8], _ path: [UInt8], _ facts: FileFacts, wallClock: Int64
  ) {
    entries.removeAll { $0.path == path && $0.directory == directory }
    let age = facts.age(at: wallClock)
    guard age >= Self.settledMicroseconds, page.bytes.count <= Self.bytesMax else { return }
    entries.insert(Entry(directory: directory, path: path, facts: facts, page: page), at: 0)
    var bytes = 0
    let kept = entries.prefix(Self.countMax).prefix {
      bytes += $0.page.bytes.count
      return bytes <= Self.bytesMax
    }
    entries = Array(kept)
  }
}

extension FileFacts {
  /// Microseconds since the last change; 0 for one in the future.
  fileprivate func age(at wallClock: Int64) -> Int64 {
    let (seconds, overflow) = modifiedSeconds.multipliedReportingOverflow(by: 1_000_000)
    guard !overflow else { return modifiedSeconds < 0 ? .max : 0 }
    let (time, tooLarge) = seconds.addingReportingOverflow(modifiedNanoseconds / 1000)
    guard !tooLarge else { return 0 }
    let (age, tooOld) = wallClock.subtractingReportingOverflow(time)
    return tooOld ? .max : max(0, age)
  }
}
