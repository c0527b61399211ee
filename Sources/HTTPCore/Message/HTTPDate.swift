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

  /// Reads a date in any of the three forms that RFC 9110 §5.6.7 has recipients accept, as seconds
  /// since 1970; `nil` where it is none.
  package static func parse(_ text: borrowing Span<UInt8>) -> Int64? {
    // `Sun, 06 Nov 1994 08:49:37 GMT`
    if text.count == bytesCount, text[3] == UInt8(ascii: ",") {
      guard ASCII.equalsExactly(text.extracting(25..<29), " GMT"),
        let year = number(text, 12, 4)
      else { return nil }
      return seconds(text, year: year, month: 8, day: 5, clock: 17)
    }
    // `Sun Nov  6 08:49:37 1994`
    if text.count == 24, text[3] == ASCII.space {
      guard let year = number(text, 20, 4) else { return nil }
      return seconds(text, year: year, month: 4, day: 8, clock: 11)
    }
    // `Sunday, 06-Nov-94 08:49:37 GMT`
    var comma = 0
    while comma < text.count, text[comma] != UInt8(ascii: ",") { comma += 1 }
    guard (6...9).contains(comma), text.count == comma + 24,
      ASCII.equalsExactly(text.extracting((comma + 20)..<(comma + 24)), " GMT"),
      let short = number(text, comma + 9, 2)
    else { return nil }
    return seconds(
      text, year: short < 70 ? 2000 + short : 1900 + short, month: comma + 5, day: comma + 2,
      clock: comma + 12)
  }

  /// The numbers are places in the text; the year is one already.
  private static func seconds(
    _ text: borrowing Span<UInt8>, year: Int, month: Int, day: Int, clock: Int
  ) -> Int64? {
    guard let month = self.month(text, month), let day = number(text, day, 2),
      let hour = number(text, clock, 2), let minute = number(text, clock + 3, 2),
      let second = number(text, clock + 6, 2), (1...31).contains(day), hour < 24, minute < 60,
      second <= 60, text[clock + 2] == UInt8(ascii: ":"), text[clock + 5] == UInt8(ascii: ":")
    else { return nil }
    let days = CivilDate.dayNumber(year: year, month: month, day: day)
    return days * 86_400 + Int64(hour * 3600 + minute * 60 + second)
  }

  /// A space stands for a leading zero.
  private static func number(_ text: borrowing Span<UInt8>, _ start: Int, _ digits: Int) -> Int? {
    var value = 0
    for index in start..<(start + digits) {
      let byte = text[index]
      guard ASCII.isDigit(byte) || byte == ASCII.space && index == start else { return nil }
      value = value * 10 + (byte == ASCII.space ? 0 : Int(byte - 48))
    }
    return value
  }

  private static func month(_ text: borrowing Span<UInt8>, _ start: Int) -> Int? {
    let names: [StaticString] = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    for (index, name) in names.enumerated()
    where ASCII.equalsExactly(text.extracting(start..<(start + 3)), name) {
      return index + 1
    }
    return nil
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

  /// Days since 1970-01-01 of a date; the same source.
  package static func dayNumber(year: Int, month: Int, day: Int) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return Int64(era * 146_097 + dayOfEra - 719_468)
  }
}
