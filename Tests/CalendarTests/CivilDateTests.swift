import Testing

@testable import Calendar

@Suite("Dates and times of the calendar")
struct CivilDateTests {
  @Test(arguments: [(Int64.min, 1), (-719_163, 1), (-719_162, 1), (2_932_896, 9999), (.max, 9999)])
  func `days beyond the calendar are its first and its last`(day: Int64, year: Int) {
    #expect(CivilDate(day: day).year == year)
  }

  @Test func `days follow one another for 400 years`() {
    var year = 1900
    var month = 1
    var day = 1
    for number in Int64(-25_567)..<Int64(-25_567 + 146_097) {
      let date = CivilDate(day: number)
      guard date.year == year, date.month == month, date.day == day else {
        Issue.record("day \(number) is \(date), not \(year)-\(month)-\(day)")
        return
      }
      let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
      let lengths = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
      day += 1
      if day > lengths[month - 1] { (month, day) = (month + 1, 1) }
      if month > 12 { (year, month) = (year + 1, 1) }
    }
    #expect(year == 2300)
  }

  @Test(
    arguments: [
      (951_782_400, "2000-02-29T00:00:00Z"), (1_795_403_167, "2026-11-23T03:06:07Z"),
      (-1, "1969-12-31T23:59:59Z"), (253_402_300_799, "9999-12-31T23:59:59Z"),
      (.max, "9999-12-31T23:59:59Z"), (.min, "0001-01-01T00:00:00Z"),
    ] as [(Int64, String)])
  func `times are written as RFC 3339 does`(_ seconds: Int64, _ text: String) {
    #expect(UTC.text(seconds) == text)
  }

  @Test(arguments: [-719_162, -1, 0, 59, 60, 11_016, 2_932_896] as [Int64])
  func `a date has the number of its day`(number: Int64) {
    let date = CivilDate(day: number)
    #expect(CivilDate.days(year: date.year, month: date.month, day: date.day) == number)
  }
}
