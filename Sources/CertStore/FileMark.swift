internal import EventLoop
internal import Glibc

/// What tells that a file is another than before without reading it; links are followed.
struct FileMark: Hashable, Sendable {
  private let device: UInt64
  private let inode: UInt64
  private let size: Int64
  /// Nanoseconds since 1970.
  private let changedAt: Int64
  private let modifiedAt: Int64

  /// For so long after a change a file may change again and look the same: clocks of file systems
  /// have coarse steps.
  private static let doubtfulNanoseconds: Int64 = 2_000_000_000

  /// `nil` where there is no file, or it cannot be looked at.
  init?(_ path: String) {
    var facts = stat()
    // SAFETY: the path is a C string for the length of the call, which fills a value of this frame.
    guard unsafe stat(path, &facts) == 0 else { return nil }
    device = UInt64(facts.st_dev)
    inode = UInt64(facts.st_ino)
    size = Int64(facts.st_size)
    changedAt = Self.nanoseconds(facts.st_ctim)
    modifiedAt = Self.nanoseconds(facts.st_mtim)
  }

  private static func nanoseconds(_ time: timespec) -> Int64 {
    Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }

  /// Whether the file would look otherwise had it changed after `seconds` since 1970.
  func isCertain(at seconds: Int64) -> Bool {
    max(changedAt, modifiedAt) < seconds &* 1_000_000_000 &- Self.doubtfulNanoseconds
  }
}
