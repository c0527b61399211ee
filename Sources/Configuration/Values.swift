/// A number of bytes as people write it: `16KiB`.
enum ByteSize {
  private static let units: [(name: String, bytes: Int)] = [
    ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
  ]

  /// `nil` where it is no size; more than fits is `Int.max`, which no bound admits.
  static func parse(_ text: String) -> Int? {
    guard let (digits, unit) = Quantity.split(text),
      let factor = units.first(where: { $0.name == unit })?.bytes
    else { return nil }
    return Quantity.multiply(digits, factor)
  }

  /// In the largest unit that gives a whole number.
  static func text(_ bytes: Int) -> String {
    for unit in units where bytes != 0 && bytes % unit.bytes == 0 {
      return "\(bytes / unit.bytes)\(unit.name)"
    }
    return "\(bytes)B"
  }

  /// What is said to a text that is no size.
  static func hint(_ text: String, _ range: ClosedRange<Int>, _ path: String) -> String {
    guard Habits.isUnlimited(text) else { return Found.meant(meant(by: text)) }
    let most = self.text(range.upperBound)
    if range.lowerBound > 0 { return "; '\(text)' is no limit elsewhere, here \(most) is the most" }
    return path == "routes[].body_max"
      ? "; nginx's 0 is no limit, here 0B lets no body in and \(most) is the most"
      : "; '\(text)' is no limit elsewhere, here 0B is nothing at all and \(most) is the most"
  }

  /// What was probably meant by a size with a unit that is not ours: `20MiB` for `20MB`.
  static func meant(by text: String) -> String? {
    let below = ["M": "KiB", "G": "MiB", "T": "GiB"]
    let whole = Quantity.whole(text, parts: 1024) { below[String($0.uppercased().prefix(1))] }
    if let whole { return whole }
    guard let (digits, unit) = Quantity.split(text) else { return nil }
    let word = unit.drop { $0 == " " }.uppercased()
    if word.isEmpty { return self.text(min(Quantity.multiply(digits, 1), 1 << 50)) }
    let first = String(word.prefix(1))
    let ends: [Substring] = ["", "B", "IB", "ILOBYTES", "EGABYTES", "IGABYTES", "ERABYTES"]
    guard ["K", "M", "G", "T"].contains(first), ends.contains(word.dropFirst()) else { return nil }
    return "\(digits)\(first)iB"
  }
}

/// A time span as people write it: `500ms`.
package enum TimeSpan {
  private static let units: [(name: String, milliseconds: Int)] = [
    ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
  ]

  /// `nil` where it is no time span; more than fits becomes more than any bound admits.
  package static func parse(_ text: String) -> Duration? {
    guard let (digits, unit) = Quantity.split(text),
      let factor = units.first(where: { $0.name == unit })?.milliseconds
    else { return nil }
    return .milliseconds(Quantity.multiply(digits, factor))
  }

  package static func text(_ span: Duration) -> String {
    let parts = span.components
    let milliseconds = Int(parts.seconds) * 1000 + Int(parts.attoseconds / 1_000_000_000_000_000)
    for unit in units where milliseconds != 0 && milliseconds % unit.milliseconds == 0 {
      return "\(milliseconds / unit.milliseconds)\(unit.name)"
    }
    return milliseconds == 0 ? "0s" : "\(milliseconds)ms"
  }

  /// What is said to a text that is no time span.
  static func hint(_ text: String, _ range: ClosedRange<Duration>) -> String {
    if Habits.isUnlimited(text) { return noLimit(range) }
    if let number = Number.parse(text), number >= 1000 {
      return "; '\(text)ms' or '\(text)s': a unit is missing"
    }
    return Found.meant(meant(by: text))
  }

  /// What is said to 0 where it would be no time at all.
  static func noLimit(_ range: ClosedRange<Duration>) -> String {
    range.lowerBound == .zero
      ? "; 0 is no limit elsewhere, here 0s is no time at all and \(text(range.upperBound)) is the most"
      : "; 0 is no limit elsewhere, here \(text(range.upperBound)) is the most"
  }

  /// What was probably meant by a time span with a unit that is not ours: `10s` for `10 sec`.
  static func meant(by text: String) -> String? {
    if let sum = sum(of: text) { return sum }
    guard let (digits, unit) = Quantity.split(text) else { return nil }
    switch unit.drop(while: { $0 == " " }).lowercased() {
    case "", "s", "sec", "secs", "second", "seconds": return "\(digits)s"
    case "m", "min", "mins", "minute", "minutes": return "\(digits)m"
    case "h", "hour", "hours", "hr", "hrs": return "\(digits)h"
    case "ms", "msec", "millis", "milliseconds": return "\(digits)ms"
    case "d", "day", "days":
      return "\(Quantity.multiply(digits, 24))h"
    case "w", "week", "weeks": return "\(Quantity.multiply(digits, 7 * 24))h"
    case "y", "year", "years": return "\(Quantity.multiply(digits, 365 * 24))h"
    default: return nil
    }
  }

  /// `90s` for `1m30s`, `1500ms` for `1.5s`; `nil` for anything else.
  private static func sum(of text: String) -> String? {
    let sixtieth = Quantity.whole(text, parts: 60) { ["m": "s", "min": "s", "h": "m"][$0] }
    let whole = sixtieth ?? Quantity.whole(text, parts: 1000) { ["s": "ms", "sec": "ms"][$0] }
    if let whole { return whole }
    var rest = text.filter { $0 != " " }[...]
    var (total, parts) = (0, 0)
    while !rest.isEmpty {
      guard let (digits, unit) = Quantity.split(String(rest)) else { return nil }
      let name = unit.prefix { $0.isLetter }
      guard let factor = units.first(where: { $0.name == name })?.milliseconds, parts < 4 else {
        return nil
      }
      total = min(total, 1 << 40) + min(Quantity.multiply(digits, factor), 1 << 40)
      parts += 1
      rest = rest.dropFirst(digits.count + name.count)
    }
    return parts > 1 ? self.text(.milliseconds(total)) : nil
  }
}

/// What sizes and time spans have in common.
private enum Quantity {
  /// The digits and what comes after them.
  static func split(_ text: String) -> (digits: Substring, unit: String)? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard !digits.isEmpty else { return nil }
    let unit = text.dropFirst(digits.count)
    return (digits, String(unit))
  }

  /// A decimal fraction in the next smaller unit, where that is whole: `1536KiB` for `1.5MiB`.
  static func whole(
    _ text: String, parts: Int, smaller: (String) -> String?
  ) -> String? {
    guard let (digits, rest) = split(text), rest.hasPrefix("."),
      let (fraction, unit) = split(String(rest.dropFirst())), digits.count < 8, fraction.count < 5,
      let number = Int(digits), let above = Int(fraction), let smaller = smaller(unit)
    else { return nil }
    var scale = 1
    for _ in fraction { scale *= 10 }
    guard (above * parts).isMultiple(of: scale) else { return nil }
    return "\(number * parts + above * parts / scale)\(smaller)"
  }

  /// Stops at `Int.max / 2`, which leaves room for arithmetic.
  static func multiply(_ digits: Substring, _ factor: Int) -> Int {
    let limit = Int.max / 2
    guard let number = Int(digits) else { return limit }
    let (product, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? limit : min(product, limit)
  }
}

extension Number {
  /// What is said to a text that is no number of a range.
  static func hint(_ text: String, _ range: ClosedRange<Int>, _ path: String) -> String {
    if path == "routes[].redirect.status" {
      if text.hasPrefix("permanent") { return Found.meant("301") }
      if text.hasPrefix("temporary") { return Found.meant("302") }
    }
    let word = text.lowercased()
    if path.hasSuffix(".tries"), text == "0" { return "; 1 is the first try alone" }
    if Habits.isUnlimited(text), !path.contains("modifier") {
      let isNone = [".rate", ".burst", ".cores"].contains { path.hasSuffix($0) }
      return isNone
        ? Found.meant("0")
        : "; '\(text)' is no limit elsewhere, here \(range.upperBound) is the most"
    }
    if word == "auto" || word == "default" { return "; leave the key out for its default" }
    let plain = text.filter { !"_, ".contains($0) }
    if plain != text, Number.parse(plain) != nil { return Found.meant(plain) }
    if word.hasSuffix("k"), let thousands = Number.parse(String(word.dropLast())),
      thousands < 1_000_000
    {
      return Found.meant("\(thousands * 1000)")
    }
    if let rate = Number.parse(String(word.prefix { $0.isNumber })), path.hasSuffix(".rate"),
      ["r/s", "/s", "rps"].contains(word.drop { $0.isNumber })
    {
      return Found.meant("\(rate)")
    }
    return ""
  }
}
