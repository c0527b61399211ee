import HTTPCore

extension ParserProperties {
  /// Values of fields, each read as every kind there is.
  package static func fieldValues(_ input: [UInt8]) -> String? {
    rangesProblem(input) ?? codingsProblem(input) ?? cookieProblem(input) ?? dateProblem(input)
      ?? tagsProblem(input) ?? redirectProblem(input) ?? cacheControlProblem(input)
  }

  /// Two lines say what one list of both says, and each directive that a plain reading finds is found.
  private static func cacheControlProblem(_ input: [UInt8]) -> String? {
    let whole = CacheControl(input.span)
    for seconds in [whole.maxAge, whole.sharedMaxAge, whole.staleIfError] {
      guard (0...CacheControl.secondsMax).contains(seconds ?? 0) else { return "seconds" }
    }
    let place = cut(input)
    let (first, second) = (Array(input[..<place]), Array(input[place...]))
    var lines = CacheControl(first.span)
    guard !lines.isUnreadable else { return wordsProblem(input, whole) }
    lines.add(second.span)
    let joined = CacheControl((first + octets(",") + second).span)
    guard lines == joined else { return "two lines are not one list" }
    return wordsProblem(input, whole)
  }

  /// Without quotation marks a list is what stands between its commas.
  private static func wordsProblem(_ input: [UInt8], _ control: CacheControl) -> String? {
    guard !input.contains(UInt8(ascii: "\"")), !control.isUnreadable else { return nil }
    let words = Set(
      text(input.span).lowercased().split(separator: ",").map {
        $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)[0]
          .filter { $0 != " " && $0 != "\t" }
      })
    guard control.noStore == words.contains("no-store") else { return "no-store" }
    guard control.isPrivate == words.contains("private") else { return "private" }
    guard control.noCache == words.contains("no-cache") else { return "no-cache" }
    return (control.sharedMaxAge != nil) == words.contains("s-maxage") ? nil : "s-maxage"
  }

  /// Ranges lie within the representation, and no byte is in two of them.
  private static func rangesProblem(_ input: [UInt8]) -> String? {
    for length: Int64 in [0, 1, 10, .max] {
      guard case .parts(let parts) = ByteRanges(input.span, length: length) else { continue }
      guard !parts.isEmpty, parts.count <= ByteRanges.rangesMax else { return "a number of ranges" }
      let sorted = parts.sorted { $0.lowerBound < $1.lowerBound }
      for (index, range) in sorted.enumerated() {
        guard range.lowerBound >= 0, range.upperBound <= length, !range.isEmpty else {
          return "a range outside"
        }
        if index > 0, sorted[index - 1].upperBound >= range.lowerBound { return "ranges touch" }
      }
    }
    return nil
  }

  private static func codingsProblem(_ input: [UInt8]) -> String? {
    let accepts = AcceptEncoding(input.span)
    for coding in ContentCoding.allCases where accepts.weight(coding) > 1000 {
      return "a weight above 1"
    }
    return nil
  }

  /// What was completed lacks nothing.
  private static func cookieProblem(_ input: [UInt8]) -> String? {
    var attributes = CookieAttributes()
    attributes.httpOnly = true
    attributes.secure = true
    attributes.sameSite = .lax
    var missing: [UInt8] = []
    attributes.appendMissing(to: input.span, into: &missing)
    var again: [UInt8] = []
    attributes.appendMissing(to: (input + missing).span, into: &again)
    return again.isEmpty ? nil : "an attribute was added twice"
  }

  /// A date is the same when it is written and read again.
  private static func dateProblem(_ input: [UInt8]) -> String? {
    guard let seconds = HTTPDate.parseAnyForm(input.span), seconds >= 0 else { return nil }
    var written: [UInt8] = []
    HTTPDate.format(seconds, into: &written)
    return HTTPDate.parseAnyForm(written.span) == seconds ? nil : "a date that is another"
  }

  /// What has a tag strongly has it weakly too.
  private static func tagsProblem(_ input: [UInt8]) -> String? {
    let tag = octets("\"ab\"")
    let strongly = EntityTag.list(input.span, has: tag.span, weakly: false)
    let weakly = EntityTag.list(input.span, has: tag.span, weakly: true)
    return !strongly || weakly ? nil : "a tag that is only strong"
  }

  /// A target that was accepted has a server of its own or is a path, whatever is asked for.
  private static func redirectProblem(_ input: [UInt8]) -> String? {
    guard let target = try? RedirectTarget(text(input.span)) else { return nil }
    var head = RequestHead()
    var parser = RequestParser()
    let request = octets("GET //evil.test/%0d%0a\\?<> HTTP/1.1\r\nHost: a.test\r\n\r\n")
    guard (try? parser.parse(request.span, into: &head, limits: wideLimits)) != nil else {
      return "the request is refused"
    }
    var output: [UInt8] = []
    target.write(for: head, into: &output)
    let location = text(output.span)
    guard location.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { return "a field's end" }
    if location.hasPrefix("https://") || location.hasPrefix("http://") {
      return location.hasPrefix("https://evil.test") && !text(input.span).contains("evil")
        ? "another server" : nil
    }
    return location.hasPrefix("/") && !location.hasPrefix("//") && !location.hasPrefix("/\\")
      ? nil : "a server from nowhere"
  }
}
