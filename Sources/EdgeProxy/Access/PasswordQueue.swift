internal import EventLoop
internal import HTTPCore
internal import Passwords

/// Passwords that wait to be checked; the clients take turns.
///
/// One client that guesses fills its own few places, and others wait for one check of its at most each
/// time. The same password of the same user is checked once, however many requests bring it.
struct PasswordQueue: Sendable {
  struct Order: Sendable {
    let mark: PasswordMark
    /// What counts as one client.
    let client: IPAddress
    let password: [UInt8]
    let expected: UserTable.Found
    /// After that nobody waits for it any more.
    let until: Instant
    var replies: [@Sendable (PasswordOutcome) -> Void]
  }

  enum Refusal: Equatable { case full, tooManyOfClient }

  static let ordersMax = 128
  static let ordersOfClientMax = 8
  /// Requests that wait for one check or another.
  static let repliesMax = 4096

  private var waiting: [IPAddress: [Order]] = [:]
  /// Whose turn it is, the next one first.
  private var turns: [IPAddress] = []
  /// What is being checked.
  private var working: [PasswordMark: Order] = [:]
  private(set) var count = 0
  private var replyCount = 0

  /// Adds an order; `nil` when it will be carried out, and `isNew` when a thread is needed for it.
  mutating func add(_ order: Order) -> (refusal: Refusal?, isNew: Bool) {
    guard replyCount < Self.repliesMax else { return (.full, false) }
    if working[order.mark] != nil {
      working[order.mark]?.replies += order.replies
      replyCount += order.replies.count
      return (nil, false)
    }
    var own = waiting[order.client] ?? []
    if let same = own.firstIndex(where: { $0.mark == order.mark }) {
      own[same].replies += order.replies
      waiting[order.client] = own
      replyCount += order.replies.count
      return (nil, false)
    }
    guard own.count < Self.ordersOfClientMax else { return (.tooManyOfClient, false) }
    guard count < Self.ordersMax else { return (.full, false) }
    if own.isEmpty { turns.append(order.client) }
    waiting[order.client] = own + [order]
    count += 1
    replyCount += order.replies.count
    return (nil, true)
  }

  /// The next order to carry out, which `finish` ends; `nil` where there is none.
  mutating func next() -> Order? {
    while !turns.isEmpty {
      let client = turns.removeFirst()
      guard var own = waiting[client], !own.isEmpty else { continue }
      let order = own.removeFirst()
      waiting[client] = own.isEmpty ? nil : own
      if !own.isEmpty { turns.append(client) }
      count -= 1
      guard working[order.mark] == nil else {
        // Another client has brought the same a moment ago.
        working[order.mark]?.replies += order.replies
        continue
      }
      working[order.mark] = order
      return order
    }
    return nil
  }

  /// An order was carried out: who is told.
  mutating func finish(_ mark: PasswordMark) -> [@Sendable (PasswordOutcome) -> Void] {
    let replies = working.removeValue(forKey: mark)?.replies ?? []
    replyCount -= replies.count
    return replies
  }
}
