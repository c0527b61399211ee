internal import CLinux
internal import Glibc

/// The time of day, and the only place that asks the system for it.
///
/// A clock may be wrong by any number of years: a machine without a battery begins at 1970, and a
/// broken time server says what it likes. What comes from here lies within the years 1970 to 9999, so
/// arithmetic with periods and with the dates of certificates cannot overflow.
package enum WallTime {
  /// The last second of the year 9999, since 1970.
  package static let secondsMax: Int64 = 253_402_300_799

  /// Seconds since 1970.
  package static var seconds: Int64 { microseconds / 1_000_000 }

  /// Microseconds since 1970.
  package static var microseconds: Int64 {
    var time = timespec()
    // SAFETY: the kernel fills a value of this frame within the call.
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return microseconds(seconds: Int64(time.tv_sec), nanoseconds: Int64(time.tv_nsec))
  }

  /// What a clock says, brought into the years that are believed.
  package static func microseconds(seconds: Int64, nanoseconds: Int64) -> Int64 {
    guard seconds >= 0 else { return 0 }
    let part = min(max(0, nanoseconds), 999_999_999) / 1000
    return min(seconds, secondsMax) * 1_000_000 + part
  }
}
