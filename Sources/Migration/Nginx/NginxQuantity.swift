/// Quantities as nginx writes them.
enum NginxQuantity {
  /// `10m`, `512k`, `1g` or bytes; `nil` for anything else.
  static func bytes(_ text: String) -> Int? {
    let lower = text.lowercased()
    let units = ["k": 1 << 10, "m": 1 << 20, "g": 1 << 30]
    let factor = units[String(lower.suffix(1))] ?? 1
    guard let count = number(factor == 1 ? lower[...] : lower.dropLast()) else { return nil }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: factor)
    return overflow ? 1 << 40 : min(bytes, 1 << 40)
  }

  /// `1h 30m`, `500ms`, `1d` or seconds, in milliseconds; at most a hundred years.
  static func milliseconds(_ text: String) -> Int? {
    let units = [
      "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000,
      "M": 2_592_000_000, "y": 31_536_000_000, "": 1000,
    ]
    var rest = text.filter { $0 != " " }[...]
    guard !rest.isEmpty else { return nil }
    var total = 0
    while !rest.isEmpty {
      let digits = rest.prefix { ("0"..."9").contains($0) }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(unit.count)
      guard let count = number(digits), let factor = units[String(unit)] else { return nil }
      let (product, overflow) = count.multipliedReportingOverflow(by: factor)
      if overflow || product > most { return most }
      total = min(total + product, most)
    }
    return total
  }

  private static let most = 3_155_760_000_000

  /// Digits alone, below 10^12.
  static func number(_ text: some StringProtocol) -> Int? {
    guard (1...12).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) })
    else { return nil }
    return Int(text)
  }
}
