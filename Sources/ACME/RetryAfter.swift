internal import HTTPCore

/// How long to wait before the next question, RFC 9110 §10.2.3.
package enum RetryAfter {
  /// A CA that asks for more is asked again after so long.
  package static let longest = Duration.seconds(31 * 86_400)

  /// `now` is the CA's time in seconds since 1970; `nil` where the text is neither a number of seconds
  /// nor a date.
  package static func read(_ text: String, now: Int64) -> Duration? {
    let bytes = Array(text.utf8)
    if !bytes.isEmpty, bytes.allSatisfy(ASCII.isDigit) {
      // A number that is too large for the type is longer than the longest.
      return min(.seconds(Int64(text) ?? .max), longest)
    }
    guard let date = HTTPDate.parseAnyForm(bytes.span) else { return nil }
    let (seconds, overflow) = date.subtractingReportingOverflow(now)
    guard !overflow else { return date > now ? longest : .zero }
    return min(max(.zero, .seconds(seconds)), longest)
  }
}
