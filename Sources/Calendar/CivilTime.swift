/// A second of UTC, taken apart; seconds before the year 1 and after 9999 are the nearest one within.
package struct CivilTime: Equatable, Sendable {
  package let date: CivilDate
  package let hour: Int
  package let minute: Int
  package let second: Int
  /// 0 is Sunday.
  package let weekday: Int

  /// As protocols write them.
  package static let weekdayNames: [StaticString] = [
    "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat",
  ]

  /// Seconds since 1970.
  package init(seconds: Int64) {
    let first = CivilDate.firstDay * 86_400
    let last = CivilDate.lastDay * 86_400 + 86_399
    // Counted from the first day, so that nothing is below 0.
    let since = min(max(seconds, first), last) - first
    let day = since / 86_400
    let rest = Int(since % 86_400)
    date = CivilDate(day: day + CivilDate.firstDay)
    hour = rest / 3600
    minute = rest / 60 % 60
    second = rest % 60
    // The first day is a Monday.
    weekday = Int((day + 1) % 7)
  }
}

/// Points in time for people.
package enum UTC {
  /// `2026-11-22T12:00:00Z` for seconds since 1970.
  package static func text(_ seconds: Int64) -> String {
    let time = CivilTime(seconds: seconds)
    var text: [UInt8] = []
    text.reserveCapacity(20)
    append(time.date.year, 4, "-", to: &text)
    append(time.date.month, 2, "-", to: &text)
    append(time.date.day, 2, "T", to: &text)
    append(time.hour, 2, ":", to: &text)
    append(time.minute, 2, ":", to: &text)
    append(time.second, 2, "Z", to: &text)
    return String(decoding: text, as: UTF8.self)
  }

  /// The last `count` digits of a number that is not negative, and what stands behind them.
  private static func append(
    _ value: Int, _ count: Int, _ mark: Unicode.Scalar, to text: inout [UInt8]
  ) {
    var divisor = 1
    for _ in 1..<count { divisor *= 10 }
    while divisor > 0 {
      text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / divisor % 10))
      divisor /= 10
    }
    text.append(UInt8(ascii: mark))
  }
}
