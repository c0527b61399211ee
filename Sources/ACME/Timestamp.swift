internal import Calendar

/// A date and time of RFC 3339 §5.6, as `2026-11-30T12:00:00Z` or `2026-11-30T13:00:00.5+01:00`.
package enum Timestamp {
  /// Seconds since 1970; parts of a second are cut.
  package static func seconds(_ text: String) -> Int64? {
    guard text.utf8.count <= 40 else { return nil }
    var reading = Reading(rest: Array(text.utf8)[...])
    guard let year = reading.number(4, 1...9999), reading.mark("-"),
      let month = reading.number(2, 1...12), reading.mark("-"),
      let day = reading.number(2, 1...31), reading.mark("T") || reading.mark("t"),
      let time = reading.time(withSeconds: true), reading.fraction(),
      let offset = reading.offset(), reading.rest.isEmpty
    else { return nil }
    let days = CivilDate.days(year: year, month: month, day: day)
    // The 31st of a shorter month is no date.
    let date = CivilDate(day: days)
    guard date.month == month, date.day == day else { return nil }
    return days * 86_400 + Int64(time) - Int64(offset)
  }

  private struct Reading {
    var rest: ArraySlice<UInt8>

    /// As many digits, within bounds.
    mutating func number(_ digits: Int, _ bounds: ClosedRange<Int>) -> Int? {
      let part = rest.prefix(digits)
      guard part.count == digits, part.allSatisfy({ (0x30...0x39).contains($0) }),
        let value = Int(String(decoding: part, as: UTF8.self)), bounds.contains(value)
      else { return nil }
      rest = rest.dropFirst(digits)
      return value
    }

    mutating func mark(_ mark: Unicode.Scalar) -> Bool {
      guard rest.first == UInt8(ascii: mark) else { return false }
      rest = rest.dropFirst()
      return true
    }

    /// `12:00:00` or `12:00`, in seconds; the last second of a minute may be a leap second.
    mutating func time(withSeconds: Bool) -> Int? {
      guard let hour = number(2, 0...23), mark(":"), let minute = number(2, 0...59) else {
        return nil
      }
      guard withSeconds else { return hour * 3600 + minute * 60 }
      guard mark(":"), let second = number(2, 0...60) else { return nil }
      return hour * 3600 + minute * 60 + second
    }

    /// `false` where a point has no digits behind it.
    mutating func fraction() -> Bool {
      guard mark(".") else { return true }
      let digits = rest.prefix { (0x30...0x39).contains($0) }
      rest = rest.dropFirst(digits.count)
      return !digits.isEmpty
    }

    /// How far the time is before UTC, in seconds.
    mutating func offset() -> Int? {
      if mark("Z") || mark("z") { return 0 }
      if mark("+") { return time(withSeconds: false) }
      if mark("-") { return time(withSeconds: false).map { -$0 } }
      return nil
    }
  }
}
