internal import Synchronization

/// How many second tries an upstream's requests may cost, shared by all workers.
///
/// A token bucket: each request puts in a fifth of a token and each second three, each second try
/// takes one out. It is kept as one point in time: the bucket holds what has come in since then at
/// three a second, so a request moves the point back by a fifteenth of a second, and a try moves it
/// forward by a third. A full bucket, the usual state, is only read.
///
/// The bucket holds at most 200 tokens. That is what one uWSGI instance has in hand at worst: its
/// listen queue of 100 and about as many workers. So everything that dies with one instance can
/// move on at once, and beyond 20 % an outage costs at most 200 further tries.
struct RetryBudget: ~Copyable, Sendable {
  static let tokensMax: Int64 = 200
  /// What a fifth of a token, and a token, take to come in by time alone, in nanoseconds.
  private static let request: Int64 = 1_000_000_000 / 15
  private static let token: Int64 = request * 5

  private let empty: Atomic<Int64>

  /// A full bucket.
  init() { empty = Atomic(.min / 2) }

  /// A request came in.
  func deposit(now: Int64) {
    let floor = now - Self.tokensMax * Self.token
    var current = empty.load(ordering: .relaxed)
    while current > floor {
      let (done, found) = empty.compareExchange(
        expected: current, desired: max(floor, current - Self.request), ordering: .relaxed)
      if done { return }
      current = found
    }
  }

  /// Takes one token; `false` when there is none, or when fewer than `leaving` would be left.
  func take(now: Int64, leaving: Int64 = 0) -> Bool {
    let floor = now - Self.tokensMax * Self.token
    var current = empty.load(ordering: .relaxed)
    while true {
      let next = max(current, floor) + Self.token
      guard next + leaving * Self.token <= now else { return false }
      let (done, found) = empty.compareExchange(
        expected: current, desired: next, ordering: .relaxed)
      if done { return true }
      current = found
    }
  }
}
