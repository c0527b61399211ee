internal import Calendar

extension HTTPDate {
  /// Reads a date in any of the three forms that RFC 9110 §5.6.7 has recipients accept, as seconds
  /// since 1970; `nil` where it is none.
  package static func parseAnyForm(_ text: borrowing Span<UInt8>) -> Int64? {
    if let seconds = parse(text) { return seconds }
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
    let days = CivilDate.days(year: year, month: month, day: day)
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
}
