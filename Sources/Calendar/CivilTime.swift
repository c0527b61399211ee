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
    let date = time.date
    return "\(digits(date.year, 4))-\(digits(date.month, 2))-\(digits(date.day, 2))T"
      + "\(digits(time.hour, 2)):\(digits(time.minute, 2)):\(digits(time.second, 2))Z"
  }

  private static func digits(_ value: Int, _ count: Int) -> String {
    let text = "\(value)"
    return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
  }
}
