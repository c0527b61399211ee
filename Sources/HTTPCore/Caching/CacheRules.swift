/// For how long an answer may be given again, and for which requests.
package struct StorageTerms: Equatable, Sendable {
  /// Seconds from its making for which it is fresh, RFC 9111 §4.2.1; 0 where nothing is said.
  package var freshness: Int64
  /// How old it was when it was received, §4.2.3.
  package var initialAge: Int64
  /// Seconds from its receipt for which it may be given; `nil` where the answer sets no bound.
  package var usable: Int64?
  /// The request fields that choose between answers, in lower case and each once; §4.1.
  package var varies: [[UInt8]]

  package init(freshness: Int64, initialAge: Int64, usable: Int64?, varies: [[UInt8]]) {
    self.freshness = freshness
    self.initialAge = initialAge
    self.usable = usable
    self.varies = varies
  }
}

/// Which answers to GET a shared cache may keep, to give them when no application answers.
///
/// | answer | verdict | RFC 9111 |
/// |---|---|---|
/// | 200, 203, 204, 300, 301, 308, 404, 410 | keep | §3, RFC 9110 §15.1 |
/// | 302, 303, 307 with `public`, `max-age`, `s-maxage` or `Expires` | keep | §3 |
/// | one of these with `no-store` or `private` | forget | §5.2.2.5, §5.2.2.7 |
/// | with `no-cache` | forget | §5.2.2.4 |
/// | with `must-revalidate`, `proxy-revalidate` or `s-maxage` | keep while it is fresh | §4.2.4, §5.2.2.10 |
/// | with `stale-if-error=N` | keep until N seconds after it was fresh | RFC 5861 §4 |
/// | with `Vary: *` | forget | §4.1 |
/// | with a Cache-Control or Vary that cannot be read | forget | |
/// | with Set-Cookie | ignore | §7.3 |
/// | a part (206, Content-Range), 304 | ignore | §3.3, §4.3.4 |
/// | any other status | ignore: an error never replaces a good answer | |
///
/// "Forget" means that the application has taken back what it allowed before.
package enum CacheRules {
  package enum Verdict: Equatable, Sendable {
    case keep(StorageTerms)
    /// Nothing is kept, and what was kept under the same address goes.
    case forget
    /// Nothing is kept, and nothing changes.
    case ignore
  }

  /// More names in Vary than this are not worth their comparisons.
  private static let variesMax = 16

  /// Judges the answer to a GET that `RequestHead.mayShareAnswer` admits.
  ///
  /// `now` is the time of day in seconds since 1970, `delay` the seconds from sending the request to
  /// the head of the answer.
  package static func verdict(
    on response: borrowing ResponseHead, now: Int64, delay: Int64
  ) -> Verdict {
    let needsWord: Bool
    switch response.status {
    case 200, 203, 204, 300, 301, 308, 404, 410: needsWord = false
    case 302, 303, 307: needsWord = true
    default: return .ignore
    }
    var facts = Facts()
    for field in response.fields { facts.take(field, of: response) }
    if facts.isPart { return .ignore }
    let control = facts.control
    guard !control.isUnreadable, !control.noStore, !control.isPrivate, !control.noCache,
      let varies = facts.varies
    else { return .forget }
    if needsWord, !control.isPublic, control.maxAge == nil, control.sharedMaxAge == nil,
      !facts.hasExpires
    {
      return .forget
    }
    if facts.setsCookie || varies.count > variesMax { return .ignore }
    let terms = facts.terms(varies, now: now, delay: max(0, delay))
    return terms.usable == 0 ? .forget : .keep(terms)
  }

  /// What the fields of an answer say that matters here.
  private struct Facts {
    var control = CacheControl()
    var isPart = false
    var setsCookie = false
    var hasExpires = false
    /// `nil` where no other request can have the same answer.
    var varies: [[UInt8]]? = []
    private var date: Int64?
    private var age: Int64?
    private var expires: Int64?

    mutating func take(_ field: HeaderField, of response: borrowing ResponseHead) {
      let value = response.span(field.value)
      switch field.known {
      case .cacheControl: control.add(value)
      case .contentRange: isPart = true
      case .setCookie: setsCookie = true
      case .vary: addVary(value)
      case .date: date = date ?? HTTPDate.parseAnyForm(value)
      case .other:
        let name = response.span(field.name)
        if ASCII.equals(name, "age") {
          // The first of several counts (§5.1).
          age = age ?? CacheControl.deltaSeconds(value)
        } else if ASCII.equals(name, "expires") {
          // What is no date lies in the past (§5.3), and so does the second of two.
          expires = hasExpires ? nil : HTTPDate.parseAnyForm(value)
          hasExpires = true
        }
      default: break
      }
    }

    private mutating func addVary(_ value: borrowing Span<UInt8>) {
      var tokens = ListTokens(ByteRange(start: 0, count: value.count))
      while let token = tokens.next(value) {
        var name: [UInt8] = []
        for index in token.range {
          guard ASCII.isToken(value[index]), value[index] != UInt8(ascii: "*") else {
            return varies = nil
          }
          name.append(ASCII.lower(value[index]))
        }
        if varies?.contains(name) == false { varies?.append(name) }
      }
    }

    func terms(_ varies: [[UInt8]], now: Int64, delay: Int64) -> StorageTerms {
      let freshness = freshness(now: now)
      let apparent = date.map { max(0, now - $0) } ?? 0
      let initial = min(max(apparent, (age ?? 0) + delay), CacheControl.secondsMax)
      var usable: Int64?
      if control.mustRevalidate || control.sharedMaxAge != nil {
        usable = max(0, freshness - initial)
      } else if let extra = control.staleIfError {
        usable = max(0, freshness - initial + extra)
      }
      return StorageTerms(
        freshness: freshness, initialAge: initial, usable: usable, varies: varies)
    }

    /// Nothing is guessed from Last-Modified: an answer that says nothing is stale at once, which it
    /// may be here.
    private func freshness(now: Int64) -> Int64 {
      if let seconds = control.sharedMaxAge ?? control.maxAge { return seconds }
      guard let expires else { return 0 }
      return min(max(0, expires - (date ?? now)), CacheControl.secondsMax)
    }
  }
}

extension RequestHead {
  /// Whether the answer to this request may be the one that others get, and the other way round.
  ///
  /// It is a GET or HEAD without a body that says nothing of who asks: no Cookie, no Authorization
  /// (RFC 9111 §3.5). Fields by which frameworks let a client name another method or address than
  /// those of the request are not in the key, so a request with one of them has no part in this.
  package var mayShareAnswer: Bool {
    guard method == .get || method == .head, !isExtendedConnect, !isPipe, !asksForWebSocket else {
      return false
    }
    switch framing {
    case .none, .length(0): break
    case .length, .chunked: return false
    }
    for field in fields {
      switch field.known {
      case .cookie: return false
      case .other: if speaksForItself(span(field.name)) { return false }
      default: break
      }
    }
    return true
  }

  private func speaksForItself(_ name: borrowing Span<UInt8>) -> Bool {
    switch name.count {
    case 13:
      ASCII.equals(name, "authorization") || ASCII.equals(name, "x-http-method")
        || ASCII.equals(name, "x-rewrite-url")
    case 14: ASCII.equals(name, "x-original-url")
    case 17: ASCII.equals(name, "x-method-override")
    case 22: ASCII.equals(name, "x-http-method-override")
    default: false
    }
  }

  /// Whether the client does not want the answer kept, RFC 9111 §5.2.1.5.
  ///
  /// Its other directives are advice (§5.2.1) that is not taken: a reload must not turn a page that is
  /// there into an error.
  package var forbidsStorage: Bool {
    for field in fields where field.known == .cacheControl {
      let control = CacheControl(span(field.value))
      if control.noStore || control.isUnreadable { return true }
    }
    return false
  }

  /// The values of all fields with a name in lower case as one list, RFC 9110 §5.3; `nil` where there
  /// is none.
  package func combined(_ name: borrowing Span<UInt8>) -> [UInt8]? {
    var all: [UInt8]?
    for field in fields where field.name.count == name.count {
      var isSame = true
      for offset in 0..<name.count
      where ASCII.lower(bytes[Int(field.name.start) + offset]) != name[offset] {
        isSame = false
        break
      }
      guard isSame else { continue }
      if all == nil { all = [] } else { all?.append(", ") }
      all?.append(copying: span(field.value))
    }
    return all
  }

  /// Whether the client has what is kept already, RFC 9111 §4.3.2.
  ///
  /// If-Match and If-Unmodified-Since are for the origin alone. A date is compared with Last-Modified,
  /// else with the Date of the answer.
  package func has(_ stored: borrowing ResponseHead) -> Bool {
    guard stored.status == 200, method == .get || method == .head else { return false }
    var isConditional = false
    for field in fields where field.known == .ifNoneMatch {
      isConditional = true
      if EntityTag.list(span(field.value), has: stored.opaqueTag.span, weakly: true) { return true }
    }
    guard !isConditional, let asked = first(.ifModifiedSince),
      let since = HTTPDate.parseAnyForm(span(asked)), let changed = stored.changeDate
    else { return false }
    return changed <= since
  }
}
