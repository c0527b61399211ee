/// What a `Range` field asks of a representation whose length is known, RFC 9110 §14.
package enum ByteRanges: Equatable, Sendable {
  /// There is none, or it is one that may be passed over: the whole is sent.
  case whole
  /// 416: nothing of what is asked for is there.
  case unsatisfiable
  /// In the order in which they were asked for; none is empty, and none touches another.
  case parts([Range<Int64>])

  /// Ranges in one field at most; one with more is passed over (RFC 9110 §17.15).
  package static let rangesMax = 16

  /// Reads a field value for a representation of `length` bytes.
  ///
  /// Ranges that overlap or touch become one, so that nothing is sent twice. An empty
  /// representation has no ranges and is sent as it is.
  package init(_ value: borrowing Span<UInt8>, length: Int64) {
    self = .whole
    let unit: StaticString = "bytes="
    let unitCount = unit.utf8CodeUnitCount
    guard length > 0, value.count > unitCount,
      ASCII.equals(value.extracting(0..<unitCount), unit)
    else { return }
    var tokens = ListTokens(ByteRange(start: unitCount, count: value.count - unitCount))
    var found: [Range<Int64>] = []
    var count = 0
    while let token = tokens.next(value) {
      count += 1
      guard count <= Self.rangesMax,
        let range = Self.range(value.extracting(token.range), length: length)
      else { return }
      if !range.isEmpty { Self.insert(range, into: &found) }
    }
    guard count > 0 else { return }
    self = found.isEmpty ? .unsatisfiable : .parts(found)
  }

  /// `first "-" [ last ]` or `"-" suffix`; empty where the representation has none of it, `nil` where
  /// it is malformed.
  private static func range(_ text: borrowing Span<UInt8>, length: Int64) -> Range<Int64>? {
    var dash = 0
    while dash < text.count, text[dash] != UInt8(ascii: "-") { dash += 1 }
    guard dash < text.count else { return nil }
    let last = text.extracting((dash + 1)..<text.count)
    if dash == 0 {
      guard let suffix = number(last) else { return nil }
      return max(0, length - suffix)..<length
    }
    guard let start = number(text.extracting(0..<dash)) else { return nil }
    var end = length
    if last.count > 0 {
      guard let named = number(last), named >= start else { return nil }
      end = min(length, named == .max ? named : named + 1)
    }
    return start < end ? start..<end : 0..<0
  }

  /// Digits; a number beyond 64 bits is the largest there is.
  private static func number(_ text: borrowing Span<UInt8>) -> Int64? {
    guard text.count > 0 else { return nil }
    var value: Int64 = 0
    for index in 0..<text.count {
      guard ASCII.isDigit(text[index]) else { return nil }
      let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tenfold.addingReportingOverflow(Int64(text[index] - 48))
      value = overflow || carry ? .max : sum
    }
    return value
  }

  /// Adds a range; with those that it touches it becomes one, in the place of the first of them.
  private static func insert(_ range: Range<Int64>, into found: inout [Range<Int64>]) {
    var joined = range
    // The larger one may touch what the smaller did not.
    for _ in found {
      for other in found where touch(joined, other) {
        joined = min(joined.lowerBound, other.lowerBound)..<max(joined.upperBound, other.upperBound)
      }
    }
    var all: [Range<Int64>] = []
    var isPlaced = false
    for other in found {
      guard touch(joined, other) else {
        all.append(other)
        continue
      }
      if !isPlaced { all.append(joined) }
      isPlaced = true
    }
    if !isPlaced { all.append(joined) }
    found = all
  }

  private static func touch(_ one: Range<Int64>, _ other: Range<Int64>) -> Bool {
    one.lowerBound <= other.upperBound && other.lowerBound <= one.upperBound
  }
}

extension RequestHead {
  /// The ranges that a request asks for.
  package func ranges(length: Int64) -> ByteRanges {
    guard let part = first(.range) else { return .whole }
    return ByteRanges(span(part), length: length)
  }
}
