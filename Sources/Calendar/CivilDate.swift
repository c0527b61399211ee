/// Year, month and day of a day number, by the proleptic Gregorian calendar; days before the year 1
/// and after 9999 are the first and the last one within.
package struct CivilDate: Equatable, Sendable {
  package let year: Int
  package let month: Int
  package let day: Int

  /// 0001-01-01 and 9999-12-31 as days since 1970-01-01.
  static let firstDay: Int64 = -719_162
  static let lastDay: Int64 = 2_932_896

  /// As protocols and logs write them; `month` counts from 1.
  package static let monthNames: [StaticString] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

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

  /// Days since 1970-01-01 of a date; Howard Hinnant, as above.
  package static func days(year: Int, month: Int, day: Int) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = shifted / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return Int64(era * 146_097 + dayOfEra - 719_468)
  }
}
