extension RequestHead {
  /// Counts this server as one that forwards the request, RFC 9110 §7.6.2; `false` where Max-Forwards
  /// lets none do that any more.
  ///
  /// A value that is no number is passed on as it is; one beyond 64 bits is the largest there is.
  package mutating func countForward() -> Bool {
    for index in fields.indices where fields[index].known == .maxForwards {
      guard let most = Self.number(span(fields[index].value)) else { continue }
      guard most > 0 else { return false }
      let start = bytes.count
      bytes.append(decimal: most - 1)
      fields[index].value = ByteRange(start: start, count: bytes.count - start)
    }
    return true
  }

  private static func number(_ digits: borrowing Span<UInt8>) -> UInt64? {
    guard !digits.isEmpty else { return nil }
    var number: UInt64 = 0
    for index in 0..<digits.count {
      guard ASCII.isDigit(digits[index]) else { return nil }
      let (tenfold, overflow) = number.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tenfold.addingReportingOverflow(UInt64(digits[index] - 48))
      number = overflow || carry ? .max : sum
    }
    return number
  }
}
