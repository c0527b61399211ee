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

  /// What was probably meant by a size with a unit that is not ours: `20MiB` for `20MB`.
  static func meant(by text: String) -> String? {
    guard let (digits, unit) = Quantity.split(text) else { return nil }
    let word = unit.drop { $0 == " " }.uppercased()
    if word.isEmpty { return self.text(min(Quantity.multiply(digits, 1), 1 << 50)) }
    let first = String(word.prefix(1))
    guard ["K", "M", "G", "T"].contains(first), ["", "B", "IB"].contains(word.dropFirst())
    else { return nil }
    return "\(digits)\(first)iB"
  }
}

/// A time span as people write it: `500ms`.
enum TimeSpan {
  private static let units: [(name: String, milliseconds: Int)] = [
    ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
  ]

  /// `nil` where it is no time span; more than fits becomes more than any bound admits.
  static func parse(_ text: String) -> Duration? {
    guard let (digits, unit) = Quantity.split(text),
      let factor = units.first(where: { $0.name == unit })?.milliseconds
    else { return nil }
    return .milliseconds(Quantity.multiply(digits, factor))
  }

  static func text(_ span: Duration) -> String {
    let parts = span.components
    let milliseconds = Int(parts.seconds) * 1000 + Int(parts.attoseconds / 1_000_000_000_000_000)
    for unit in units where milliseconds != 0 && milliseconds % unit.milliseconds == 0 {
      return "\(milliseconds / unit.milliseconds)\(unit.name)"
    }
    return milliseconds == 0 ? "0s" : "\(milliseconds)ms"
  }

  /// What was probably meant by a time span with a unit that is not ours: `10s` for `10 sec`.
  static func meant(by text: String) -> String? {
    guard let (digits, unit) = Quantity.split(text) else { return nil }
    switch unit.drop(while: { $0 == " " }).lowercased() {
    case "", "sec", "secs", "second", "seconds": return "\(digits)s"
    case "min", "mins", "minute", "minutes": return "\(digits)m"
    case "hour", "hours", "hr", "hrs": return "\(digits)h"
    case "msec", "millis", "milliseconds": return "\(digits)ms"
    case "d", "day", "days":
      let hours = Quantity.multiply(digits, 24)
      return hours < 1000 ? "\(hours)h" : nil
    default: return nil
    }
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

  /// Stops at `Int.max / 2`, which leaves room for arithmetic.
  static func multiply(_ digits: Substring, _ factor: Int) -> Int {
    let limit = Int.max / 2
    guard let number = Int(digits) else { return limit }
    let (product, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? limit : min(product, limit)
  }
}
