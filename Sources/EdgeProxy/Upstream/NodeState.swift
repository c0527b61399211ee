internal import Configuration
internal import EventLoop
internal import Synchronization

/// One node of an upstream as all workers see it: how busy it is and whether it is worth a try.
///
/// All times are nanoseconds of one monotonic clock; `began` is when the attempt was begun. Every
/// `begin` has one `end`, and one of the first three `record…` calls in between.
///
/// It stays when other nodes of its upstream come or go, so that what is known of it is not lost.
final class NodeState: Sendable, CustomStringConvertible {
  let address: SocketAddress
  /// The server on which `address` is meant, reached through its edge; `nil` for this one, or where
  /// the address means the same everywhere.
  let server: String?
  /// What a certificate of it bears: the host name in the configuration, else its address.
  let host: String
  /// The address as the configuration writes it, after the name of its server, for logs,
  /// status and metrics: of an upstream no two have the same.
  let name: [UInt8]
  /// A number made of the address and its server, the same on all servers.
  let mark: UInt64
  let isBackup: Bool

  private let cap: EjectionCap
  private let thresholds: HealthThresholds
  private let suspicion = Atomic<Bool>(false)
  /// When the last attempt was answered, in nanoseconds.
  private let answered = Atomic<Int64>(0)
  /// Tries in a row that stayed silent for longer than usual.
  private let silences = Atomic<Int>(0)
  private let word = Atomic<UInt64>(NodeCondition().word)
  private let inFlightCount = Atomic<Int>(0)
  /// When the last failure was, with its kind in the lowest four bits.
  private let last = Atomic<UInt64>(.max)
  private let failureCounts = [15 of Atomic<Int>](initializingWith: { span in
    while !span.isFull { span.append(Atomic<Int>(0)) }
  })
  private let standingWord = Atomic<UInt8>(Standing.enabled.rawValue)
  /// How long its answers took to their first byte.
  let latency = LatencyHistogram()
  /// There is a `trouble`.
  private let down = Atomic<Bool>(false)
  private let troubles = Guarded<NodeTrouble?>(nil)

  /// A node that has `joined` others, at a moment of the clock, begins with a small share; `own` is
  /// what the fleet calls this server.
  init(
    address: SocketAddress, server: String? = nil, own: String? = nil, host: String? = nil,
    isBackup: Bool, cap: EjectionCap, thresholds: HealthThresholds = .standard, joined: Int64? = nil
  ) {
    self.address = address
    self.server = server
    self.host = host ?? address.host
    self.isBackup = isBackup
    self.cap = cap
    self.thresholds = thresholds
    name = Self.name(address, on: server)
    // The others call what is on this machine by its server's name.
    let owner = server ?? (address.isLocal ? own : nil)
    mark = StableHash.of(Self.name(address, on: owner))
    if let joined { word.store(NodeCondition(joined: joined).word, ordering: .relaxed) }
  }

  /// Its `name`.
  var description: String { String(decoding: name, as: UTF8.self) }

  private static func name(_ address: SocketAddress, on server: String?) -> [UInt8] {
    Array((server.map { "\($0)/\(address)" } ?? address.description).utf8)
  }

  /// Attempts that have begun and not ended.
  var inFlight: Int { inFlightCount.load(ordering: .relaxed) }

  var condition: NodeCondition { NodeCondition(word: word.load(ordering: .acquiring)) }

  /// What an operator lets it have of the requests.
  var standing: Standing { Standing(rawValue: standingWord.load(ordering: .relaxed)) ?? .enabled }

  /// The control thread sets it; the upstream is told of it by `UpstreamState.takeStandings`.
  func stand(_ standing: Standing) { standingWord.store(standing.rawValue, ordering: .relaxed) }

  /// How many attempts failed for this reason since the start.
  func failureCount(_ failure: NodeFailure) -> Int {
    failureCounts[failure.rawValue].load(ordering: .relaxed)
  }

  /// The last failure, and when it was in nanoseconds; `nil` before the first.
  var lastFailure: (failure: NodeFailure, at: Int64)? {
    let word = last.load(ordering: .relaxed)
    guard word != .max, let failure = NodeFailure(rawValue: Int(word & 15)) else { return nil }
    return (failure, Int64(word & ~15))
  }

  func begin() { inFlightCount.add(1, ordering: .relaxed) }

  func end() { inFlightCount.subtract(1, ordering: .relaxed) }

  /// Takes the one trial of a node that is out; the request that gets it attempts the node next.
  func beginTrial(now: Int64) -> Bool {
    change { condition in condition.beginTrial(now: now) }
  }

  /// The node answered; a healthy one is only read, so that workers do not fight over its word.
  @discardableResult
  func recordSuccess(began: Int64, now: Int64) -> NodeCondition.Change {
    answered.store(now, ordering: .relaxed)
    if silences.load(ordering: .relaxed) != 0 { silences.store(0, ordering: .relaxed) }
    let result = change { condition in condition.succeeded(began: began, now: now, thresholds) }
    if result == .putBack { cap.release(self) }
    if isDown { recover { _ in true } }
    return result
  }

  /// The node failed; it goes out with the third failure in a row (`fall`) unless too many are out.
  ///
  /// `detail` is what there is to know beside the kind.
  @discardableResult
  func recordFailure(
    _ failure: NodeFailure, detail: String? = nil, began: Int64, now: Int64, random: UInt64
  ) -> NodeCondition.Change {
    failureCounts[failure.rawValue].add(1, ordering: .relaxed)
    last.store(UInt64(max(0, now)) & ~15 | UInt64(failure.rawValue), ordering: .relaxed)
    guard failure.countsAgainstNode else { return .none }
    var hasPlace = false
    let result = change { condition in
      // The place is taken before the node goes out: the cap holds at every instant.
      if !hasPlace, condition.failurePutsOut(began: began, thresholds) {
        hasPlace = cap.reserve(self)
      }
      return condition.failed(
        began: began, now: now, mayPutOut: hasPlace, random: random,
        checkable: failure.isSeenByChecks, thresholds)
    }
    if hasPlace, result != .putOut { cap.release(self) }
    if !isDown { judge(failure, detail, began: began, result) }
    return result
  }

  /// Whether the node is down after a failure; an attempt that began before the last change of its
  /// condition says nothing of it.
  private func judge(
    _ failure: NodeFailure, _ detail: String?, began: Int64, _ change: NodeCondition.Change
  ) {
    let condition = condition
    let isNews = began / 1_000_000 >= condition.changed
    guard
      change == .putOut || isNews && (failure.isCertain || condition.failures >= thresholds.fall)
    else { return }
    goDown(NodeTrouble(failure, detail: detail))
  }

  /// The attempt ended for a reason of ours or the client's.
  func recordAbandoned(began: Int64) {
    change { condition in condition.abandoned(began: began) }
  }

  /// A check, such as a bare connect, came to a result.
  func recordCheck(succeeded: Bool) {
    change { condition in condition.checked(succeeded: succeeded) }
    if succeeded, isDown { recover { $0.isSeenByConnect } }
  }

  /// So many checks have failed, the last for this reason, that the node is to go, unless too many
  /// are out.
  @discardableResult
  func putOutByChecks(
    _ trouble: NodeTrouble = NodeTrouble(.timeout), began: Int64, now: Int64
  ) -> NodeCondition.Change {
    var hasPlace = false
    let result = change { condition in
      if !hasPlace, condition.checkPutsOut(began: began) {
        hasPlace = cap.reserve(self)
      }
      return condition.failedChecks(began: began, now: now, mayPutOut: hasPlace)
    }
    if hasPlace, result != .putOut { cap.release(self) }
    if !isDown { goDown(trouble) }
    return result
  }

  /// So many checks have succeeded that the node is well, as far as checks can tell, which may be no
  /// more than bare connects.
  @discardableResult
  func putBackByChecks(
    now: Int64, areConnects: Bool = false
  ) -> NodeCondition.Change {
    let result = change { condition in condition.passedChecks(now: now) }
    if result == .putBack { cap.release(self) }
    if isDown { recover { areConnects ? $0.isSeenByConnect : $0.isSeenByChecks } }
    return result
  }

  /// Whether a request has been answered since `moment`, in nanoseconds.
  func hasAnswered(since moment: Int64) -> Bool { answered.load(ordering: .relaxed) >= moment }

  /// Whether any request was answered.
  var hasEverAnswered: Bool { answered.load(ordering: .relaxed) != 0 }

  // MARK: Up or down

  /// It was found to be of no use, and since then nothing has shown that it is back.
  ///
  /// A node that is out is down; one that is down is not out where it is the last of its upstream, or
  /// while too many are. This is for people and monitors: requests go by `condition`.
  var isDown: Bool { down.load(ordering: .relaxed) }

  /// Why it is down; `nil` while it is up.
  var trouble: NodeTrouble? { troubles.withLock { $0 } }

  /// From here on it is down for this reason, unless it was before; `instead` of another one where
  /// more is known now.
  func goDown(_ trouble: NodeTrouble, instead: Bool = false) {
    troubles.withLock {
      if $0 == nil || instead { $0 = trouble }
      down.store(true, ordering: .relaxed)
    }
  }

  /// It is up again, where what has been seen says so of its trouble, and it is not out.
  private func recover(_ isOver: (NodeTrouble) -> Bool) {
    guard !condition.isOut else { return }
    troubles.withLock {
      guard let trouble = $0, isOver(trouble) else { return }
      $0 = nil
      down.store(false, ordering: .relaxed)
    }
  }

  // MARK: Suspicion

  /// A try has been silent for longer than usual; how many in a row have.
  func recordSilence() -> Int { silences.add(1, ordering: .relaxed).newValue }

  /// Wants the node to be checked at once; `true` for the first to say so.
  func suspect() -> Bool { !suspicion.exchange(true, ordering: .relaxed) }

  var isSuspected: Bool { suspicion.load(ordering: .relaxed) }

  /// The check has come to a result.
  func clearSuspicion() {
    silences.store(0, ordering: .relaxed)
    suspicion.store(false, ordering: .relaxed)
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
