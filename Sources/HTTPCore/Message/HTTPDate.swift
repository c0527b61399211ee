/// IMF-fixdate, RFC 9110 §5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`.
package enum HTTPDate {
  package static let bytesCount = 29

  /// Writes the date of `seconds` since 1970 to `output`, which is replaced.
  package static func format(_ seconds: Int64, into output: inout [UInt8]) {
    output.removeAll(keepingCapacity: true)
    let day = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
    let second = seconds - day * 86_400
    let date = CivilDate(day: day)
    append(&output, "SunMonTueWedThuFriSat", Int((day % 7 + 11) % 7))
    output.append(", ")
    two(&output, date.day)
    output.append(UInt8(ascii: " "))
    append(&output, "JanFebMarAprMayJunJulAugSepOctNovDec", date.month - 1)
    output.append(UInt8(ascii: " "))
    two(&output, date.year / 100)
    two(&output, date.year % 100)
    output.append(UInt8(ascii: " "))
    two(&output, Int(second / 3600))
    output.append(UInt8(ascii: ":"))
    two(&output, Int(second / 60 % 60))
    output.append(UInt8(ascii: ":"))
    two(&output, Int(second % 60))
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

/// Year, month and day of a day number, by the proleptic Gregorian calendar.
package struct CivilDate: Equatable, Sendable {
  package let year: Int
  package let month: Int
  package let day: Int

  /// Days since 1970-01-01; Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
  package init(day number: Int64) {
    let shifted = number + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
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
