/// What the `Cache-Control` fields of a message say together, RFC 9111 §5.2.
///
/// Directives that this program does not know are passed over (§5.2.3). Text that is no list of
/// directives makes the whole unreadable: what cannot be read may have forbidden something. A number
/// that is malformed, or said twice with two values, is 0, so that the answer counts as stale
/// (§4.2.1).
package struct CacheControl: Equatable, Sendable {
  package private(set) var noStore = false
  package private(set) var noCache = false
  package private(set) var isPrivate = false
  package private(set) var isPublic = false
  /// `must-revalidate` or `proxy-revalidate`, which mean the same to a shared cache.
  package private(set) var mustRevalidate = false
  /// Seconds; `nil` where nothing is said.
  package private(set) var maxAge: Int64?
  package private(set) var sharedMaxAge: Int64?
  /// RFC 5861 §4.
  package private(set) var staleIfError: Int64?
  package private(set) var isUnreadable = false

  /// Every larger number of seconds is taken for this one, RFC 9111 §1.2.2.
  package static let secondsMax: Int64 = 1 << 31

  /// What a message without the field says.
  package init() {}

  /// What one value says.
  package init(_ value: borrowing Span<UInt8>) { add(value) }

  /// Adds what a further field line says.
  package mutating func add(_ value: borrowing Span<UInt8>) {
    var index = 0
    while index < value.count {
      guard !Self.isBetween(value[index]) else {
        index += 1
        continue
      }
      guard let next = addDirective(value, from: index) else { return isUnreadable = true }
      index = next
    }
  }

  /// Reads `token [ "=" ( token / quoted-string ) ]`; where it ends, or `nil` where it is none.
  private mutating func addDirective(_ value: borrowing Span<UInt8>, from start: Int) -> Int? {
    let nameEnd = Self.tokenEnd(value, start)
    guard nameEnd > start else { return nil }
    var end = nameEnd
    var argument: Range<Int>?
    if end < value.count, value[end] == UInt8(ascii: "=") {
      let begin = end + 1
      if begin < value.count, value[begin] == Self.quote {
        guard let close = Self.closingQuote(value, begin + 1) else { return nil }
        argument = (begin + 1)..<close
        end = close + 1
      } else {
        end = Self.tokenEnd(value, begin)
        argument = begin..<end
      }
    }
    while end < value.count, ASCII.isBlank(value[end]) { end += 1 }
    guard end == value.count || value[end] == UInt8(ascii: ",") else { return nil }
    take(start..<nameEnd, argument ?? 0..<0, of: value)
    return end
  }

  /// Takes in one directive, whose name may be in any case.
  ///
  /// `no-cache` and `private` with names of fields are taken for the whole
  /// (§5.2.2.4, §5.2.2.7).
  private mutating func take(
    _ name: Range<Int>, _ argument: Range<Int>, of value: borrowing Span<UInt8>
  ) {
    let name = value.extracting(name)
    let argument = value.extracting(argument)
    switch name.count {
    case 6: if ASCII.equals(name, "public") { isPublic = true }
    case 7:
      if ASCII.equals(name, "private") {
        isPrivate = true
      } else if ASCII.equals(name, "max-age") {
        maxAge = Self.settled(maxAge, Self.seconds(argument))
      }
    case 8:
      if ASCII.equals(name, "no-store") {
        noStore = true
      } else if ASCII.equals(name, "no-cache") {
        noCache = true
      } else if ASCII.equals(name, "s-maxage") {
        sharedMaxAge = Self.settled(sharedMaxAge, Self.seconds(argument))
      }
    case 14:
      if ASCII.equals(name, "stale-if-error") {
        staleIfError = Self.settled(staleIfError, Self.seconds(argument))
      }
    case 15: if ASCII.equals(name, "must-revalidate") { mustRevalidate = true }
    case 16: if ASCII.equals(name, "proxy-revalidate") { mustRevalidate = true }
    default: break
    }
  }

  private static let quote = UInt8(ascii: "\"")

  private static func isBetween(_ byte: UInt8) -> Bool {
    ASCII.isBlank(byte) || byte == UInt8(ascii: ",")
  }

  private static func tokenEnd(_ value: borrowing Span<UInt8>, _ start: Int) -> Int {
    var index = start
    while index < value.count, ASCII.isToken(value[index]) { index += 1 }
    return index
  }

  /// The place of the quotation mark that ends a quoted-string, RFC 9110 §5.6.4.
  private static func closingQuote(_ value: borrowing Span<UInt8>, _ start: Int) -> Int? {
    var index = start
    while index < value.count, value[index] != quote {
      index += value[index] == UInt8(ascii: "\\") ? 2 : 1
    }
    return index < value.count ? index : nil
  }

  /// Two values for one directive make the answer stale.
  private static func settled(_ known: Int64?, _ said: Int64) -> Int64 {
    guard let known else { return said }
    return known == said ? known : 0
  }

  /// Reads delta-seconds; 0 where it is none.
  private static func seconds(_ argument: borrowing Span<UInt8>) -> Int64 {
    deltaSeconds(argument) ?? 0
  }

  /// Reads `1*DIGIT`; `nil` where it is none.
  static func deltaSeconds(_ text: borrowing Span<UInt8>) -> Int64? {
    guard !text.isEmpty else { return nil }
    var seconds: Int64 = 0
    for index in 0..<text.count {
      guard ASCII.isDigit(text[index]) else { return nil }
      seconds = min(seconds * 10 + Int64(text[index] - 48), secondsMax)
    }
    return seconds
  }
}
