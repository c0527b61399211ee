internal import EventLoop

/// What `Tries` is told, and what it answers.
extension Tries {
  /// What stays the same of a request through all its tries.
  struct Request: Equatable, Sendable {
    /// The method is idempotent (RFC 9110 §9.2.2), or has a key that the route honours.
    var isRepeatable = false
    /// Reading it twice at once does no harm and costs no body.
    var mayBeDoubled = false
    /// It goes out as one packet, which has the modifiers of its node.
    var isPacket = false
    /// The uwsgi request block as sent, without the packet's four bytes; 0 in other protocols.
    var blockBytes = 0
    /// What binds the request to a node, see `Balancer.Request`.
    var affinity: UInt64?
    var bound: UInt64?
    /// The same request has just ended two instances, see `DeadlyRequests`.
    var isDeadly = false
  }

  /// One of the tries that are under way.
  enum Which { case first, beside }

  /// What an exchange does next.
  enum Order {
    /// Another try goes on.
    case nothing
    /// The node with this number is asked.
    case ask(Int)
    /// The same, and another server connects to it.
    case through(String, Int)
    /// The request waits for an instance to come back, and first rests.
    case hold(until: Instant, restsUntil: Instant, isFirst: Bool)
    /// It waits for a node that has less to do.
    case queue(until: Instant, isFirst: Bool)
    /// The answer that was kept is delivered.
    case deliverKept
    /// The instance cannot read so large a block.
    case refuseBlock(sent: Int, limit: Int)
    case answer(status: Int, reason: StaticString)
  }

  /// How a try ended that brought no answer.
  struct Failure {
    let cause: AttemptFailure
    let began: Instant
    /// Its connection had served another request before.
    var isOnReused = false
    /// Another server connected to the node.
    var isDetour = false
  }

  enum Ended: Equatable {
    /// The same node is asked at once on a fresh connection.
    case again
    /// The try is over, and says something of its node or not.
    case over(blamesNode: Bool)
  }

  enum Verdict {
    case deliver
    /// The answer is kept in case that no better one comes.
    case keep(Order)
  }

  enum Silence: Equatable {
    case waitOn
    /// A server that may help has not been heard from yet.
    case lookAgain
    /// The node with this number is asked as well.
    case beside(Int)
  }
}
