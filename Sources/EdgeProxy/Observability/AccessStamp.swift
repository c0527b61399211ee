internal import Calendar

/// The time of a line in the access log, in UTC; made anew once a second.
struct AccessStamp {
  enum Style {
    /// `2026-11-23T01:02:03.000456Z`
    case rfc3339
    /// `23/Nov/2026:01:02:03 +0000`, as Apache has it between brackets.
    case apache
  }

  private let style: Style
  /// The second that `text` was made for, and the time up to the second.
  private var second = Int64.min
  private var text: [UInt8] = []

  init(_ style: Style) { self.style = style }

  /// Appends a time, in microseconds since 1970.
  mutating func append(_ time: Int64, to line: inout TextBuffer) {
    prepare(time)
    line.append(text.span)
    switch style {
    case .rfc3339:
      line.append(UInt8(ascii: "."))
      line.append(Int(((time % 1_000_000) + 1_000_000) % 1_000_000), digits: 6)
      line.append(UInt8(ascii: "Z"))
    case .apache: line.append(" +0000")
    }
  }

  /// Makes `text` anew when the second has changed.
  private mutating func prepare(_ time: Int64) {
    // Towards the past, of any number that there is.
    let second = time / 1_000_000 - (time % 1_000_000 < 0 ? 1 : 0)
    guard second != self.second else { return }
    self.second = second
    let civil = CivilTime(seconds: second)
    let date = civil.date
    var made = TextBuffer(capacity: 32)
    switch style {
    case .rfc3339:
      made.append(date.year, digits: 4)
      made.append(UInt8(ascii: "-"))
      made.append(date.month, digits: 2)
      made.append(UInt8(ascii: "-"))
      made.append(date.day, digits: 2)
      made.append(UInt8(ascii: "T"))
    case .apache:
      made.append(date.day, digits: 2)
      made.append(UInt8(ascii: "/"))
      made.append(CivilDate.monthNames[date.month - 1])
      made.append(UInt8(ascii: "/"))
      made.append(date.year, digits: 4)
      made.append(UInt8(ascii: ":"))
    }
    made.append(civil.hour, digits: 2)
    made.append(UInt8(ascii: ":"))
    made.append(civil.minute, digits: 2)
    made.append(UInt8(ascii: ":"))
    made.append(civil.second, digits: 2)
    text.removeAll(keepingCapacity: true)
    for index in 0..<made.count { text.append(made[index]) }
  }
}
