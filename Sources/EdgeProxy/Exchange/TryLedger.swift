internal import EventLoop

/// The tries of one request, counted once over its whole life, however often it waits in between.
///
/// A try counts from its beginning, since nobody can say how much of it was read. It is taken off
/// again only when it ends and no byte of the request had been sent. Nothing else lowers the count.
struct TryLedger: Equatable, Sendable {
  /// Tries that may have been read, the one under way included.
  private(set) var sent = 0
  /// Of those, how many ended in order before the first byte of an answer, and how many by a reset.
  private(set) var closed = 0
  private(set) var reset = 0
  /// A node that was tried is not asked again before this, unless there is news of the nodes.
  private(set) var restsUntil = Instant(nanoseconds: 0)
  /// When the last try began that ended with its server; `nil` while there was none.
  ///
  /// What took that server away may have taken others too, so from then on only servers are asked
  /// that were heard from later.
  private(set) var lostSince: Instant?

  /// The nodes tried since the request last waited for an instance.
  private(set) var tried = TriedNodes()
  /// Of those, nodes of other machines that could not be connected to.
  private(set) var unreached = TriedNodes()
  /// Says which nodes the numbers in `tried` mean.
  private(set) var generation = 0

  /// The same request has just ended two instances, see `DeadlyRequests`.
  var isDeadly = false
  /// A second node was asked beside a silent one, see `Hedging.swift`.
  var hasHedged = false
  /// Another server was asked to connect, see `LastResort.swift`.
  var hasDetoured = false

  /// The first pause after a reset, and the longest.
  static let restMin = Duration.milliseconds(250)
  static let restMax = Duration.seconds(1)

  /// Tries after which an instance ended without a byte of an answer.
  var unanswered: Int { closed + reset }

  /// Forgets which nodes were asked, since the numbers mean other nodes in this generation.
  mutating func renumber(_ generation: Int) {
    self.generation = generation
    tried = TriedNodes()
    unreached = TriedNodes()
  }

  /// The node with this number is asked.
  mutating func begin(_ index: Int) {
    tried.insert(index)
    sent += 1
  }

  /// The same node is asked again, on a fresh connection.
  ///
  /// The connection had been kept from an earlier request and may have ended before this one
  /// arrived. If a byte had been sent that is not certain, so the first try stays counted.
  mutating func beginAgain(afterSending sentAnything: Bool) {
    if sentAnything { sent += 1 }
  }

  /// A try that began at `began` ended without an answer that can be delivered.
  mutating func failed(_ failure: AttemptFailure, began: Instant, at now: Instant) {
    switch failure {
    case _ where failure.isUnsent: sent -= 1
    case .closedBeforeResponse: closed += 1
    case .resetBeforeResponse:
      reset += 1
      rest(from: now)
    case .serverLost:
      lostSince = max(began, lostSince ?? began)
      rest(from: now)
    default: break
    }
  }

  /// The instance may be ending and its successor not there yet, so nodes that were tried are left
  /// alone for a moment, and for longer from the second try on.
  private mutating func rest(from now: Instant) {
    restsUntil = now + (sent <= 1 ? Self.restMin : Self.restMax)
  }

  mutating func notReached(_ index: Int) { unreached.insert(index) }

  /// The request has waited for an instance: every node may be tried again, as far as tries are left.
  mutating func beginRound() { tried.beginRound() }
}
