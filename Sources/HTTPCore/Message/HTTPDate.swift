/// IMF-fixdate, RFC 9110 §5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`.
package enum HTTPDate {
  package static let bytesCount = 29

  /// Writes the date of `seconds` since 1970 to `output`, which is replaced.
  ///
  /// The form has four digits for the year: what lies beyond is the first or the last second that it
  /// can tell of.
  package static func format(_ seconds: Int64, into output: inout [UInt8]) {
    output.removeAll(keepingCapacity: true)
    let time = CivilTime(seconds: seconds)
    let date = time.date
    append(&output, "SunMonTueWedThuFriSat", time.weekday)
    output.append(", ")
    two(&output, date.day)
    output.append(UInt8(ascii: " "))
    append(&output, "JanFebMarAprMayJunJulAugSepOctNovDec", date.month - 1)
    output.append(UInt8(ascii: " "))
    two(&output, date.year / 100)
    two(&output, date.year % 100)
    output.append(UInt8(ascii: " "))
    two(&output, time.hour)
    output.append(UInt8(ascii: ":"))
    two(&output, time.minute)
    output.append(UInt8(ascii: ":"))
    two(&output, time.second)
    output.append(" GMT")
  }

  private static func append(_ output: inout [UInt8], _ names: StaticString, _ index: Int) {
    for place in 0..<3 {
      // SAFETY: the callers' indices lie within the constant text.
      unsafe output.append(names.utf8Start[index * 3 + place])
    }
  }

  private static func two(_ output: inout [UInt8], _ value: Int) {
    output.append(48 + UInt8(value / 10 % 10))
    output.append(48 + UInt8(value % 10))
  }
}

/// A second of UTC, taken apart; seconds before the year 1 and after 9999 are the nearest one within.
package struct CivilTime: Equatable, Sendable {
  package let date: CivilDate
  package let hour: Int
  package let minute: Int
  package let second: Int
  /// 0 is Sunday.
  package let weekday: Int

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

/// Year, month and day of a day number, by the proleptic Gregorian calendar; days before the year 1
/// and after 9999 are the first and the last one within.
package struct CivilDate: Equatable, Sendable {
  package let year: Int
  package let month: Int
  package let day: Int

  /// 0001-01-01 and 9999-12-31 as days since 1970-01-01.
  static let firstDay: Int64 = -719_162
  static let lastDay: Int64 = 2_932_896

  /// Days since 1970-01-01; Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
  package init(day number: Int64) {
    let shifted = min(max(number, Self.firstDay), Self.lastDay) + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthPart = (5 * dayOfYear + 2) / 153
    day = Int(dayOfYear - (153 * monthPart + 2) / 5 + 1)
    month = Int(monthPart < 10 ? monthPart + 3 : monthPart - 9)
    year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
  }
}
