/// What has been tried for one certificate since it was issued last.
///
/// It tells how often, at which CA, and when the next attempt may begin; times are seconds since 1970. It
/// is stored where all servers see it, so that no death of a server makes a CA be asked more often.
package struct IssuanceAttempts: Codable, Sendable, Equatable {
  /// Why an attempt failed, as far as that decides about the next one.
  package enum Cause: Sendable, Equatable {
    /// The CA did not find what it asked for, or found something else.
    case validation
    /// The CA wants to hear nothing before that time; `wholeAccount` where it counts more than these names.
    case rateLimited(until: Int64, wholeAccount: Bool)
    /// It was not the CA that failed, but what we write down: another server may not be able to either.
    case ours
    /// Anything else.
    case other
  }

  package struct Failure: Codable, Sendable, Equatable {
    package var at: Int64
    /// The directory's URL.
    package var issuer: String
    package var problem: String
  }

  /// The directory of the CA whose turn it is; `nil` for the first.
  private var issuer: String?
  /// Failures in a row there, and everywhere.
  private var there = 0
  package private(set) var failures = 0
  private var notBefore: Int64 = 0
  /// When validations failed within the last hour.
  private var validations: [Int64] = []
  /// CAs that are not to be asked before a time, by their directories.
  private var closed: [String: Int64] = [:]
  package private(set) var last: Failure?

  /// The wait after the first failure in a row, after the second, and so on; the last one stays.
  private static let waits: [Int64] = [60, 120, 120, 300, 600, 1800, 3600, 7200, 14_400, 21_600]
  /// After so many failures in a row another CA has its turn.
  private static let failuresThere = 3
  /// Let's Encrypt takes five failed validations for a name in an hour; another program may need one.
  private static let validationsMax = 4
  private static let hour: Int64 = 3600
  /// A CA that is closed for longer than this is asked all the same.
  private static let closedMax: Int64 = 14 * 24 * hour
  private static let problemBytesMax = 1000

  package init() {}

  /// The CA whose turn it is, and when; `issuers` are directories in the operator's order, never none.
  ///
  /// A CA that is closed is passed over while another is open.
  package func next(_ issuers: [String], now: Int64) -> (issuer: String, at: Int64) {
    let start = issuer.flatMap { issuers.firstIndex(of: $0) } ?? 0
    let order = issuers[start...] + issuers[..<start]
    let at = max(notBefore, validationAt(now))
    let open = order.first { closed[$0, default: 0] <= max(at, now) }
    guard open == nil else { return (open ?? "", at) }
    let first = order.min { closed[$0, default: 0] < closed[$1, default: 0] } ?? ""
    return (first, max(at, closed[first, default: 0]))
  }

  /// When another validation may fail without there being too many in an hour.
  private func validationAt(_ now: Int64) -> Int64 {
    let recent = recentValidations(now)
    guard recent.count >= Self.validationsMax else { return 0 }
    return recent[recent.count - Self.validationsMax] + Self.hour
  }

  /// Those of the hour before `now`; what a record claims of the future does not count.
  private func recentValidations(_ now: Int64) -> [Int64] {
    validations.filter { $0 > now - Self.hour && $0 <= now }
  }

  package mutating func failed(
    _ cause: Cause, at issuer: String, problem: String, issuers: [String], now: Int64
  ) {
    let before = there
    failures = Self.counted(failures)
    there = issuer == (self.issuer ?? issuers.first) ? Self.counted(there) : 1
    self.issuer = issuer
    last = Failure(at: now, issuer: issuer, problem: Self.shortened(problem))
    validations = recentValidations(now)
    closed = closed.filter { $0.value > now }
    notBefore = now + Self.waits[min(failures, Self.waits.count) - 1]
    switch cause {
    case .validation: validations.append(now)
    case .rateLimited(let until, _):
      closed[issuer] = min(max(until, now + Self.hour), now + Self.closedMax)
      pass(issuers)
      // The next CA has not been asked: nothing is to be waited for.
      if closed.count < issuers.count { notBefore = now }
    case .ours:
      // No CA has its turn for that, and none is asked more often than it takes.
      there = before
      notBefore = now + min(60, 10 * Int64(failures))
    case .other: break
    }
    if there >= Self.failuresThere { pass(issuers) }
  }

  /// One more, whatever a record said.
  private static func counted(_ count: Int) -> Int { min(max(0, count), 999_999) + 1 }

  /// The next CA has its turn.
  private mutating func pass(_ issuers: [String]) {
    guard issuers.count > 1, let issuer, let place = issuers.firstIndex(of: issuer) else { return }
    self.issuer = issuers[(place + 1) % issuers.count]
    there = 0
  }

  /// The operator wants an attempt now: what was waited for is forgotten, but not what a CA has closed.
  package mutating func hurry() {
    notBefore = 0
    validations = []
  }

  private static func shortened(_ text: String) -> String {
    text.utf8.count <= problemBytesMax
      ? text : String(decoding: text.utf8.prefix(problemBytesMax), as: UTF8.self) + "…"
  }
}
