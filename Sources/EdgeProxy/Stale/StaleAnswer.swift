internal import EventLoop
internal import HTTPCore

/// The address that an answer is kept under.
///
/// It has all that an application is told of the address: the scheme, the host with its port as they
/// were sent but for the case, what a trusted proxy says of the host, and path and query as they were
/// sent.
struct StaleKey: Hashable, Sendable {
  let bytes: [UInt8]

  init(bytes: [UInt8]) { self.bytes = bytes }
}

/// What requests for one address must have in common to get the same answer.
struct StaleSelection: Hashable, Sendable {
  /// Which route asked which application.
  let scope: [UInt8]
  /// The names in Vary, and what the request had under each, RFC 9111 §4.1.
  let names: [[UInt8]]
  let values: [[UInt8]?]

  init(scope: [UInt8], names: [[UInt8]], of request: borrowing RequestHead) {
    self.scope = scope
    self.names = names
    var values: [[UInt8]?] = []
    for name in names { values.append(request.combined(name.span)) }
    self.values = values
  }

  func fits(_ request: borrowing RequestHead, scope: [UInt8]) -> Bool {
    guard self.scope == scope else { return false }
    for (name, value) in zip(names, values) where request.combined(name.span) != value {
      return false
    }
    return true
  }

  var bytesCount: Int {
    scope.count + names.reduce(0) { $0 + $1.count } + values.reduce(0) { $0 + ($1?.count ?? 0) }
  }
}

/// One good answer that is kept.
final class StaleAnswer: Sendable {
  enum Body: Sendable {
    case memory([UInt8])
    case file(StaleFile)
  }

  let key: StaleKey
  let selection: StaleSelection
  /// In the form in which it is received, see `ResponseHead.stored`.
  let head: [UInt8]
  let body: Body
  let bodyCount: Int
  let terms: StorageTerms
  let receivedAt: Instant
  /// Nobody may be given it after this.
  let endsAt: Instant

  /// What the objects of one answer take besides its bytes.
  static let objectBytes = 768

  /// `limit` is the route's.
  init(
    key: StaleKey, selection: StaleSelection, head: [UInt8], body: [UInt8], terms: StorageTerms,
    receivedAt: Instant, limit: Duration
  ) {
    self.key = key
    self.selection = selection
    self.head = head
    self.body = .memory(body)
    bodyCount = body.count
    self.terms = terms
    self.receivedAt = receivedAt
    endsAt = receivedAt + min(limit, terms.usable.map { .seconds($0) } ?? limit)
  }

  /// The same with its body in a file.
  init(_ other: StaleAnswer, in file: StaleFile) {
    key = other.key
    selection = other.selection
    head = other.head
    body = .file(file)
    bodyCount = other.bodyCount
    terms = other.terms
    receivedAt = other.receivedAt
    endsAt = other.endsAt
  }

  /// Whether it may be given at `now` by a route with this limit.
  func isUsable(at now: Instant, limit: Duration) -> Bool {
    now <= endsAt && now <= receivedAt + limit
  }

  /// Seconds since it was made, RFC 9111 §4.2.3.
  func age(at now: Instant) -> Int64 {
    terms.initialAge + max(0, now.microseconds(since: receivedAt) / 1_000_000)
  }

  /// What it takes of this process's memory.
  var memoryBytes: Int {
    let fixed = Self.objectBytes + 2 * key.bytes.count + selection.bytesCount + head.count
    if case .memory = body { return fixed + bodyCount }
    return fixed
  }

  var bodyBytes: [UInt8]? {
    if case .memory(let bytes) = body { return bytes }
    return nil
  }
}
