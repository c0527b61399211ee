internal import Calendar

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
    output.append(CivilTime.weekdayNames[time.weekday])
    output.append(", ")
    two(&output, date.day)
    output.append(UInt8(ascii: " "))
    output.append(CivilDate.monthNames[date.month - 1])
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

  private static func two(_ output: inout [UInt8], _ value: Int) {
    output.append(48 + UInt8(value / 10 % 10))
    output.append(48 + UInt8(value % 10))
  }
}
