internal import Configuration
internal import EventLoop

/// How one attempt of an exchange failed.
enum AttemptFailure: Equatable, Sendable {
  /// No connection, for this reason: nothing was sent.
  case couldNotConnect(ConnectFailure)
  /// No TLS, or a certificate that is not believed: nothing was sent.
  case couldNotSecure
  /// The node speaks no TLS at all: nothing was sent.
  case speaksNoTLS
  /// The unix socket's listen queue is full (EAGAIN): nothing was sent.
  case busy
  /// Reset before the first byte of a response; `sentAnything` when a byte of the request had gone.
  case resetBeforeResponse(sentAnything: Bool)
  /// Closed in order before the first byte of a response.
  case closedBeforeResponse(sentAnything: Bool)
  /// The node's server fell silent or ended after a byte of the request had gone and before the first
  /// of a response: the edge there, that is, through which the node is reached.
  case serverLost
  /// Nothing at all was received for the response timeout.
  case responseTimeout
  /// The response head had begun and broke off, or did not end in time; the client has none of it.
  case headIncomplete(timedOut: Bool)
  /// The response broke off or stalled after the client was sent a part of it.
  case afterBytes
  /// A response head that breaks the protocol.
  case malformedResponse
  /// What came is another protocol's than the one that the configuration names.
  case wrongProtocol(WrongProtocol)
  /// A whole response head with a status the policy lists.
  case retryableStatus(Int)
}

/// What becomes of an exchange whose attempt has failed.
enum RetryDecision: Equatable, Sendable {
  /// Ask `Balancer.pick` for another node now.
  case tryAnother
  /// Wait until a node is back, or a moment, then begin a new round of the nodes.
  case holdForInstance
  /// Pass the upstream's own response on.
  case deliverUpstreamAnswer
  /// Answer ourselves; the reason is for the access log.
  case answer(status: Int, reason: StaticString)
  /// Reset the connection, so that the client knows that the response is not whole.
  case cut

  static func == (left: RetryDecision, right: RetryDecision) -> Bool {
    switch (left, right) {
    case (.tryAnother, .tryAnother), (.holdForInstance, .holdForInstance),
      (.deliverUpstreamAnswer, .deliverUpstreamAnswer), (.cut, .cut):
      true
    case (.answer(let one, let why), .answer(let other, let reason)):
      one == other && "\(why)" == "\(reason)"
    default: false
    }
  }
}

/// What is known of an exchange when one of its attempts has failed.
struct RetryFacts: Equatable, Sendable {
  /// The method is idempotent (RFC 9110 §9.2.2), or has a key that the route honours.
  var isRepeatable: Bool
  /// The same request has just ended two instances (`DeadlyRequests`).
  var isDeadly = false
  /// Tries that may have been read, the failed one included unless nothing of it was sent; of the
  /// whole life of the request.
  var sent: Int
  /// How many of them ended in order before the first byte of an answer.
  var closed: Int
  /// The uwsgi request block as sent, without the packet's four bytes; 0 in other protocols.
  var blockBytes: Int
  /// Nanoseconds since the first attempt began.
  var elapsed: Int64
  /// Nodes are left that this round has not tried.
  var hasOthers: Bool
  /// Less than `hold` has been waited so far, and the worker has room for one more that waits.
  var mayHold: Bool
}

/// What may be tried again, and where.
///
/// | failure | again? | else |
/// |---|---|---|
/// | could not connect, no TLS, busy, or gone before a byte was sent | any method, another node; when none is left, hold | 503 |
/// | reset or closed before the first byte, block larger than the instance's buffer | never | 431 |
/// | reset or closed before the first byte, as the same request did twice a moment ago | never | 502 |
/// | closed before the first byte | repeatable, another node; hold when none is left; not after the second | 502 |
/// | reset before the first byte | repeatable, another node; hold when none is left | 502 |
/// | the node's server lost before the first byte | repeatable, a node of this server or of one that was heard from since; hold when none is left | 502 |
/// | response timeout, nothing received | repeatable, another node, within the time; never held | 504 |
/// | response head broken off | never | 502, or 504 when it was too slow |
/// | response broken off after the client has a part | never | cut |
/// | malformed response head, or one of another protocol | never | 502 |
/// | nothing received for much longer than usual | GET and HEAD, another node beside it, within half of the budget | waits on |
/// | a listed status | repeatable, another node; never held | the upstream's own answer |
///
/// "Another node" always means: an untried one is left, `tries` and `within` are not used up, and,
/// unless nothing had been sent, the budget gives a token, which is taken only when all else agrees.
/// `tries` counts the whole life of the request (`Tries`): what may have been read is held only
/// while a try and time for it are left, and is never sent more often.
/// Nodes that could not be reached are no tries: old addresses of instances that were restarted
/// must not use them up. When none is left that could be, another server is asked to connect to one
/// of them (`Tries`), within `tries` and `within`; then the request is held, not failed.
///
/// An application that raises before it answers looks over uwsgi exactly like one that was killed.
/// So two such ends in order are the end, be they from two nodes or, when no other could be asked,
/// from the same one twice. A reset can mean two things: the instance crashed, or it was reloaded and
/// dropped its listen queue, in which nobody had read the request. Therefore resets may use up the
/// tries, and after one the same node is asked again only after a pause.
///
/// A head that broke off is answered, not cut: the client has received nothing, and a browser whose
/// kept connection ends without an answer sends the request again by itself, a POST too.
struct RetryPolicy: Sendable {
  private let settings: RetrySettings
  private let bufferSizeBytes: Int
  private let within: Int64
  /// The statuses 100 to 611 that are worth another node, a bit each.
  private let statuses: [8 of UInt64]

  init(_ settings: RetrySettings, bufferSizeBytes: Int) {
    self.settings = settings
    self.bufferSizeBytes = bufferSizeBytes
    within = settings.within.nanoseconds
    var statuses: [8 of UInt64] = .init(repeating: 0)
    for status in settings.statuses where (100..<612).contains(status) {
      statuses[(status - 100) / 64] |= 1 << UInt64((status - 100) % 64)
    }
    self.statuses = statuses
  }

  /// Whether another node may be asked beside one that is silent.
  func mayHedge(_ facts: RetryFacts) -> Bool { settings.hedges && mayTryAnother(facts) }

  /// Whether another server may be asked to connect to a node that could not be connected to.
  func mayDetour(_ facts: RetryFacts) -> Bool { settings.onConnect && hasTriesLeft(facts) }

  /// Whether a response with this status is a failure in the sense of `decide`.
  func lists(status: Int) -> Bool {
    guard (100..<612).contains(status) else { return false }
    return statuses[(status - 100) / 64] >> UInt64((status - 100) % 64) & 1 != 0
  }

  /// Decides by the table above; `takeToken` is called at most once, and last.
  func decide(
    _ failure: AttemptFailure, _ facts: RetryFacts, takeToken: () -> Bool
  ) -> RetryDecision {
    switch failure {
    case .couldNotConnect: notSent(facts, "connect")
    case .couldNotSecure: notSent(facts, "tls")
    case .speaksNoTLS: notSent(facts, "wrong-protocol")
    case .busy: notSent(facts, "busy")
    case .resetBeforeResponse(sentAnything: false): notSent(facts, "reset")
    case .closedBeforeResponse(sentAnything: false): notSent(facts, "closed")
    case .resetBeforeResponse: unanswered(facts, "reset", takeToken)
    case .closedBeforeResponse: unanswered(facts, "closed", takeToken)
    case .serverLost: mayHaveBeenRead(facts, "server-lost", takeToken)
    case .responseTimeout:
      isSafe(facts) && mayTryAnother(facts) && takeToken()
        ? .tryAnother : .answer(status: 504, reason: "timeout")
    case .headIncomplete(timedOut: true): .answer(status: 504, reason: "head-timeout")
    case .headIncomplete(timedOut: false): .answer(status: 502, reason: "head-incomplete")
    case .malformedResponse: .answer(status: 502, reason: "malformed")
    case .wrongProtocol: .answer(status: 502, reason: "wrong-protocol")
    case .afterBytes: .cut
    case .retryableStatus:
      isSafe(facts) && mayTryAnother(facts) && takeToken() ? .tryAnother : .deliverUpstreamAnswer
    }
  }

  /// Nothing was sent, so nothing can be done twice: free, and for every method.
  private func notSent(_ facts: RetryFacts, _ reason: StaticString) -> RetryDecision {
    guard settings.onConnect else { return .answer(status: 503, reason: reason) }
    if mayTryAnother(facts) { return .tryAnother }
    return facts.mayHold ? .holdForInstance : .answer(status: 503, reason: reason)
  }

  /// The request went out and the instance ended the connection without a byte.
  private func unanswered(
    _ facts: RetryFacts, _ reason: StaticString, _ takeToken: () -> Bool
  ) -> RetryDecision {
    if facts.blockBytes > bufferSizeBytes {
      return .answer(status: 431, reason: "request-block-too-large")
    }
    if facts.isDeadly { return .answer(status: 502, reason: "query-of-death") }
    // Whatever the tries that are left: the application has most likely raised an error twice.
    guard facts.closed < 2 else { return .answer(status: 502, reason: reason) }
    return mayHaveBeenRead(facts, reason, takeToken)
  }

  /// The request went out, and it is not known what became of it.
  private func mayHaveBeenRead(
    _ facts: RetryFacts, _ reason: StaticString, _ takeToken: () -> Bool
  ) -> RetryDecision {
    guard settings.onReset, isSafe(facts), hasTriesLeft(facts), facts.hasOthers || facts.mayHold
    else { return .answer(status: 502, reason: reason) }
    guard takeToken() else { return .answer(status: 502, reason: "retry-budget") }
    return facts.hasOthers ? .tryAnother : .holdForInstance
  }

  private func isSafe(_ facts: RetryFacts) -> Bool {
    facts.isRepeatable || settings.nonIdempotent
  }

  /// Whether a request that may have been read may be sent once more.
  func hasTriesLeft(_ facts: RetryFacts) -> Bool {
    facts.sent < settings.tries && facts.elapsed < within
  }

  private func mayTryAnother(_ facts: RetryFacts) -> Bool {
    facts.hasOthers && hasTriesLeft(facts)
  }
}
