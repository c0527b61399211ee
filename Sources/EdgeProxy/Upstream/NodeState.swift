internal import EventLoop
internal import Synchronization

/// Why an attempt at a node failed, as far as the node's health goes.
enum NodeFailure: Int, CaseIterable, Sendable {
  /// Refused, unreachable or timed out.
  case connect
  /// A full listen queue: the node is there and has too much to do.
  case busy
  /// Reset before the first byte of a response.
  case reset
  /// Closed before the first byte of a response.
  case closed
  /// Silent for longer than the response timeout.
  case timeout
  /// Broke off after the first byte of a response.
  case cut
  /// An answer that breaks the protocol.
  case malformed

  /// A busy node is not a dead one.
  var countsAgainstNode: Bool { self != .busy }
}

/// One node of an upstream as all workers see it: how busy it is and whether it is worth a try.
///
/// All times are nanoseconds of one monotonic clock; `began` is when the attempt was begun. Every
/// `begin` has one `end`, and one of the three `record…` calls in between.
final class NodeState: Sendable {
  let address: SocketAddress
  /// Where it stands in the upstream's `nodes`.
  let index: Int
  /// The address as the configuration writes it, for the logs.
  let name: [UInt8]
  let isBackup: Bool

  private let cap: EjectionCap
  private let word = Atomic<UInt64>(NodeCondition().word)
  private let inFlightCount = Atomic<Int>(0)
  private let failureCounts = [7 of Atomic<Int>](initializingWith: { span in
    while !span.isFull { span.append(Atomic<Int>(0)) }
  })

  init(address: SocketAddress, index: Int, isBackup: Bool, cap: EjectionCap) {
    self.address = address
    self.index = index
    self.isBackup = isBackup
    self.cap = cap
    name = Array(address.description.utf8)
  }

  /// Attempts that have begun and not ended.
  var inFlight: Int { inFlightCount.load(ordering: .relaxed) }

  var condition: NodeCondition { NodeCondition(word: word.load(ordering: .acquiring)) }

  /// How many attempts failed for this reason since the start.
  func failureCount(_ failure: NodeFailure) -> Int {
    failureCounts[failure.rawValue].load(ordering: .relaxed)
  }

  func begin() { inFlightCount.add(1, ordering: .relaxed) }

  func end() { inFlightCount.subtract(1, ordering: .relaxed) }

  /// Takes the one trial of a node that is out; whoever gets it attempts the node next.
  func beginTrial(now: Int64) -> Bool {
    change { condition in condition.beginTrial(now: now) }
  }

  /// The node answered; a healthy one is only read, so that workers do not fight over its word.
  @discardableResult
  func recordSuccess(began: Int64, now: Int64) -> NodeCondition.Change {
    let result = change { condition in condition.succeeded(began: began, now: now) }
    if result == .putBack { cap.release(backup: isBackup) }
    return result
  }

  /// The node failed; it goes out with the third failure in a row unless too many are out.
  @discardableResult
  func recordFailure(
    _ failure: NodeFailure, began: Int64, now: Int64, random: UInt64
  ) -> NodeCondition.Change {
    failureCounts[failure.rawValue].add(1, ordering: .relaxed)
    guard failure.countsAgainstNode else { return .none }
    var hasPlace = false
    let result = change { condition in
      // The place is taken before the node goes out: the cap holds at every instant.
      if !hasPlace, condition.failurePutsOut(began: began) {
        hasPlace = cap.reserve(backup: isBackup)
      }
      return condition.failed(began: began, now: now, mayPutOut: hasPlace, random: random)
    }
    if hasPlace, result != .putOut { cap.release(backup: isBackup) }
    return result
  }

  /// The attempt ended for a reason of ours or the client's.
  func recordAbandoned(began: Int64) {
    change { condition in condition.abandoned(began: began) }
  }

  /// A check, such as a bare connect, came to a result.
  func recordCheck(succeeded: Bool) {
    change { condition in condition.checked(succeeded: succeeded) }
  }

  private func change<Result>(_ body: (inout NodeCondition) -> Result) -> Result {
    var current = word.load(ordering: .acquiring)
    while true {
      var condition = NodeCondition(word: current)
      let result = body(&condition)
      let next = condition.word
      guard next != current else { return result }
      let (done, found) = word.compareExchange(
        expected: current, desired: next, ordering: .acquiringAndReleasing)
      if done { return result }
      current = found
    }
  }
}

/// How many nodes of an upstream may be out at a time, shared by its nodes.
///
/// At most half of all of them and half of the primaries, so the last is never out. A lone primary
/// may go while a backup stands in, else a frozen one would cost every request its timeout; the
/// same holds for a lone backup.
final class EjectionCap: Sendable {
  private let primariesMax: UInt32
  private let backupsMax: UInt32
  private let totalMax: UInt32
  /// Primaries that are out in the low half, backups in the high half.
  private let out = Atomic<UInt64>(0)

  init(primaries: Int, backups: Int) {
    let total = primaries + backups
    totalMax = UInt32(total / 2)
    primariesMax = UInt32(primaries == 1 && total > 1 ? 1 : primaries / 2)
    backupsMax = UInt32(backups == 1 && total > 1 ? 1 : backups / 2)
  }

  /// Nodes that are out.
  var count: Int {
    let (primaries, backups) = Self.split(out.load(ordering: .relaxed))
    return Int(primaries + backups)
  }

  func reserve(backup: Bool) -> Bool {
    var current = out.load(ordering: .relaxed)
    while true {
      let (primaries, backups) = Self.split(current)
      guard primaries + backups < totalMax,
        backup ? backups < backupsMax : primaries < primariesMax
      else { return false }
      let (done, found) = out.compareExchange(
        expected: current, desired: current + Self.one(backup), ordering: .relaxed)
      if done { return true }
      current = found
    }
  }

  func release(backup: Bool) {
    out.subtract(Self.one(backup), ordering: .relaxed)
  }

  private static func one(_ backup: Bool) -> UInt64 { backup ? 1 << 32 : 1 }

  private static func split(_ word: UInt64) -> (primaries: UInt32, backups: UInt32) {
    (UInt32(truncatingIfNeeded: word), UInt32(truncatingIfNeeded: word >> 32))
  }
}
