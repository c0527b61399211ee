internal import Calendar

extension HTTPDate {
  /// Seconds since 1970 of an IMF-fixdate; `nil` where it is none.
  ///
  /// The obsolete forms of RFC 9110 §5.6.7 are not read: a message with one is treated as if it had
  /// none.
  package static func parse(_ text: borrowing Span<UInt8>) -> Int64? {
    guard text.count == bytesCount, text[3] == UInt8(ascii: ","), text[4] == ASCII.space,
      text[7] == ASCII.space, text[11] == ASCII.space, text[16] == ASCII.space,
      text[19] == UInt8(ascii: ":"), text[22] == UInt8(ascii: ":"),
      ASCII.equalsExactly(text.extracting(25..<29), " GMT"),
      let day = number(text, 5..<7), let month = month(text, 8), let year = number(text, 12..<16),
      let hour = number(text, 17..<19), let minute = number(text, 20..<22),
      let second = number(text, 23..<25), (1...31).contains(day), hour < 24, minute < 60,
      second < 61
    else { return nil }
    let days = CivilDate.days(year: year, month: month, day: day)
    return days * 86_400 + Int64(hour * 3600 + minute * 60 + second)
  }

  private static func number(_ text: borrowing Span<UInt8>, _ range: Range<Int>) -> Int? {
    var value = 0
    for index in range {
      guard ASCII.isDigit(text[index]) else { return nil }
      value = value * 10 + Int(text[index] - 48)
    }
    return value
  }

  /// The month, from 1, whose name begins at a place of the text, which has three bytes from there.
  static func month(_ text: borrowing Span<UInt8>, _ start: Int) -> Int? {
    for (index, name) in CivilDate.monthNames.enumerated()
    where ASCII.equalsExactly(text.extracting(start..<(start + 3)), name) {
      return index + 1
    }
    return nil
  }
}
