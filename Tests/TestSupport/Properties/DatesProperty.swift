import HTTPCore

extension ParserProperties {
  /// Any number has a date, those of the years that a date can say read back as they are in all three
  /// forms of RFC 9110 §5.6.7, and whatever is said in one of these forms is read without harm.
  package static func dates(_ bytes: [UInt8]) -> String? {
    var input = FuzzInput(bytes)
    return writtenProblem(input.number(Int64.self)) ?? spokenProblem(&input)
  }

  /// From 0001-01-01 to 9999-12-31: the years that are written.
  private static let sayable: ClosedRange<Int64> = -62_135_596_800...253_402_300_799
  /// 0000-01-01, which four digits can say as well.
  private static let earliest: Int64 = -62_167_219_200

  private static func writtenProblem(_ seconds: Int64) -> String? {
    var written: [UInt8] = []
    HTTPDate.format(seconds, into: &written)
    guard written.count == HTTPDate.bytesCount else { return "\(seconds): \(written.count) bytes" }
    guard sayable.contains(seconds) else { return nil }
    let said = text(written.span)
    guard HTTPDate.parse(written.span) == seconds else {
      return "\(seconds) is \(said), which is \(HTTPDate.parse(written.span) ?? 0)"
    }
    for form in otherForms(said) {
      let read = HTTPDate.parseAnyForm(octets(form).span)
      // Two digits of a year are those of 1970 to 2069.
      let isShort = form.hasSuffix("GMT") && !(0...3_155_759_999).contains(seconds)
      guard read == seconds || isShort && read != nil else { return "\(form): \(read ?? 0)" }
    }
    return nil
  }

  /// `Sun Nov  6 08:49:37 1994` and `Sunday, 06-Nov-94 08:49:37 GMT` of `Sun, 06 Nov 1994 08:49:37 GMT`.
  private static func otherForms(_ said: String) -> [String] {
    let words = said.dropFirst(5).split(separator: " ").map(String.init)
    let day = words[0].hasPrefix("0") ? " \(words[0].dropFirst())" : words[0]
    let name = weekdays.first { said.hasPrefix($0.prefix(3)) } ?? ""
    return [
      "\(said.prefix(3)) \(words[1]) \(day) \(words[3]) \(words[2])",
      "\(name), \(words[0])-\(words[1])-\(words[2].suffix(2)) \(words[3]) GMT",
    ]
  }

  /// Dates from parts that are nearly right.
  private static func spokenProblem(_ input: inout FuzzInput) -> String? {
    let form = input.below(forms.count)
    var said: [UInt8] = []
    for part in forms[form] { said += input.word(part) }
    guard let seconds = HTTPDate.parseAnyForm(said.span) else { return nil }
    // A day that its month does not have is one of the next, and a leap second the next minute's.
    let bounds = earliest...(sayable.upperBound + 86_400 * 4)
    return bounds.contains(seconds) ? nil : "\(text(said.span)) is \(seconds)"
  }

  private static let weekdays = [
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
  ]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "nov", "",
  ].map(octets)
  private static let numbers = ["00", "01", "29", "30", "31", "32", "60", "99", " 6", "6", "-1"]
    .map(octets)
  private static let years = ["0000", "0001", "1600", "1970", "2000", "9999", " 994", "-001", "0"]
    .map(octets)
  private static let clocks = [
    "00:00:00", "23:59:59", "23:59:60", "24:00:00", "12:60:00", "12-00-00", " 1: 2: 3", "1:2:3",
  ].map(octets)
  private static let forms: [[[[UInt8]]]] = [
    [
      ["Sun, ", "Xxx, ", "Sun,"].map(octets), numbers, [octets(" ")], months, [octets(" ")], years,
      [octets(" ")], clocks, [" GMT", " UTC", ""].map(octets),
    ],
    [
      ["Sun ", "Xxx ", "Sun"].map(octets), months, [octets(" ")], numbers, [octets(" ")], clocks,
      [octets(" ")], years,
    ],
    [
      weekdays.map(octets), [", ", ",", " "].map(octets), numbers, [octets("-")], months,
      [octets("-")], numbers, [octets(" ")], clocks, [" GMT", ""].map(octets),
    ],
  ]
}
