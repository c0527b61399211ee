internal import Etcd

/// What this server has told the fleet, and what is still to be told.
///
/// It does no I/O: `next` says what to write, and how that ended is told to it. One write is under
/// way at a time; with a new lease everything is told again, because it dies with the old one.
struct Publication {
  private let prefix: String
  /// Stored keys and values as they shall be.
  private var wanted: [[UInt8]: [UInt8]] = [:]
  /// What etcd has under the present lease.
  private var stored: [[UInt8]: [UInt8]] = [:]
  private var lease: Int64?
  private var writing: [[UInt8]: [UInt8]?]?

  /// Steps of one transaction; etcd refuses more than 128 by default.
  static let stepsMax = 100

  init(prefix: String) { self.prefix = prefix }

  /// All that this server hears of itself, and that others can use.
  mutating func want(_ instances: [SharedInstance]) {
    wanted = Dictionary(
      instances.map { ($0.storedKey(prefix: prefix), $0.storedValue) },
      uniquingKeysWith: { first, _ in first })
  }

  mutating func gained(_ lease: Int64) {
    self.lease = lease
    stored = [:]
  }

  mutating func lost() {
    lease = nil
    stored = [:]
  }

  var isComplete: Bool { lease != nil && writing == nil && wanted == stored }

  /// The next write; `nil` when there is none, or one is under way.
  mutating func next() -> TxnRequest? {
    guard let lease, writing == nil, wanted != stored else { return nil }
    var changes: [[UInt8]: [UInt8]?] = [:]
    for (key, value) in wanted where stored[key] != value {
      guard changes.count < Self.stepsMax else { break }
      changes[key] = .some(value)
    }
    for key in stored.keys where wanted[key] == nil {
      guard changes.count < Self.stepsMax else { break }
      changes[key] = .some(nil)
    }
    writing = changes
    let steps = changes.map { key, value -> RequestOp in
      guard let value else { return .deleteRange(DeleteRangeRequest(.key(key))) }
      return .put(PutRequest(key: key, value: value, lease: lease))
    }
    return TxnRequest(compare: [], success: steps)
  }

  /// How the write ended that was begun under `lease`.
  mutating func ended(succeeded: Bool, lease: Int64) {
    let changes = writing ?? [:]
    writing = nil
    guard succeeded, lease == self.lease else { return }
    for (key, value) in changes { stored[key] = value }
  }

  var presentLease: Int64? { lease }
}
