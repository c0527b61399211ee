internal import EventLoop
internal import Glibc
internal import HTTPCore
internal import Passwords

/// Checks passwords on threads of its own, since one check takes from 50 ms to a second.
///
/// What waits is bounded, and clients take turns (`PasswordQueue`), so that a flood of wrong passwords
/// delays neither workers nor control, and no user whose password was right a while ago
/// (`VerifiedPasswords`).
final class PasswordDesk: Sendable {
  private let room: Room
  /// Of this process alone.
  private let key: [UInt8]

  /// One thread for four processors, and four at most.
  private static let threadsMax = 4
  /// A password that waited longer is not checked any more.
  static let patience = Duration.seconds(10)

  init() throws(SystemError) {
    var random = SystemRandomNumberGenerator()
    key = (0..<32).map { _ in UInt8.random(in: 0 ... .max, using: &random) }
    let room = try Room()
    self.room = room
    for _ in 0..<min(Self.threadsMax, max(1, processorCount() / 4)) {
      try WorkerThread.detached(name: "passwords") { room.work() }
    }
  }

  deinit { room.close() }

  func mark(_ user: [UInt8], _ password: [UInt8], _ hash: PasswordHash) -> PasswordMark {
    PasswordMark(key: key, user: user, password: password, hash: hash)
  }

  /// Whether the password was right a while ago.
  func holds(_ mark: PasswordMark) -> Bool { room.holds(mark) }

  /// Has a password checked and `reply` told on one of the desk's threads; why not otherwise.
  func check(
    _ password: [UInt8], _ expected: UserTable.Found, _ mark: PasswordMark, for client: IPAddress,
    reply: @escaping @Sendable (PasswordOutcome) -> Void
  ) -> PasswordQueue.Refusal? {
    room.add(password, expected, mark, client, reply)
  }

  /// Checks that were made.
  var checked: Int { room.checked }
}

extension PasswordDesk {
  /// What the threads share.
  private final class Room: Sendable {
    private struct Content: Sendable {
      var queue = PasswordQueue()
      var verified = VerifiedPasswords()
      var checked = 0
      var isClosed = false
    }

    private let content = Guarded(Content())
    private let bell: Bell

    init() throws(SystemError) { bell = try Bell() }

    /// The threads end when they have done what they are at.
    func close() {
      content.withLock { $0.isClosed = true }
      bell.ring(times: UInt64(threadsMax))
    }

    var checked: Int { content.withLock { $0.checked } }

    func holds(_ mark: PasswordMark) -> Bool {
      let now = Self.now
      return content.withLock { $0.verified.hold(mark, now: now) }
    }

    func add(
      _ password: [UInt8], _ expected: UserTable.Found, _ mark: PasswordMark, _ client: IPAddress,
      _ reply: @escaping @Sendable (PasswordOutcome) -> Void
    ) -> PasswordQueue.Refusal? {
      let order = PasswordQueue.Order(
        mark: mark, client: client.client, password: password, expected: expected,
        until: Self.now + patience, replies: [reply])
      let (refusal, isNew) = content.withLock { $0.queue.add(order) }
      if isNew { bell.ring() }
      return refusal
    }

    func work() {
      // Clients come first, as with `LoaderThread`; where it is not allowed, the thread is like others.
      _ = setpriority(Int32(PRIO_PROCESS.rawValue), 0, 5)
      var memory = HashingMemory()
      while true {
        bell.wait()
        let (order, isClosed) = content.withLock { ($0.queue.next(), $0.isClosed) }
        if isClosed { return }
        if let order { carryOut(order, &memory) }
      }
    }

    private func carryOut(_ order: PasswordQueue.Order, _ memory: inout HashingMemory) {
      let isLate = Self.now > order.until
      // Its user may have been let in while it waited.
      let isKnown = order.expected.isKnown && holds(order.mark)
      var outcome = PasswordOutcome.late
      if isKnown {
        outcome = .right
      } else if !isLate {
        let fits = order.expected.hash.fits(order.password, &memory)
        outcome = fits && order.expected.isKnown ? .right : .wrong
      }
      let replies = content.withLock { content in
        if outcome == .right, !isKnown { content.verified.note(order.mark, now: Self.now) }
        if !isKnown, !isLate { content.checked += 1 }
        return content.queue.finish(order.mark)
      }
      for reply in replies { reply(outcome) }
    }

    private static var now: Instant { SystemClock().now }
  }
}
