/// What one check of a node came to.
enum CheckOutcome: Equatable, Sendable {
  /// A connection, where that was all that was wanted, or uWSGI's answer to a PING.
  case passed
  /// A whole response head; whether the status is one of a well node.
  case answered(status: Int, isWell: Bool)
  /// No connection, for this reason.
  case notConnected(ConnectFailure)
  /// No TLS, or a certificate that is not believed.
  case notSecured
  /// Connected, and nothing came in time.
  case silent
  /// The answer to a PING of a uWSGI without the plugin for it, such as Debian's: a worker has read
  /// the packet and hung up in order, which takes as much life as an answer.
  case closed
  /// Ended without an answer.
  case ended
  /// Something that is no answer.
  case malformed
  /// A MySQL server that takes no sessions, with the code of its error.
  case refused(code: Int)

  /// Whether the node did what was asked of it.
  var isWell: Bool {
    switch self {
    case .passed, .closed, .answered(_, isWell: true): true
    default: false
    }
  }

  /// Whether the node's process did anything at all: the kernel accepts connections for one that is
  /// frozen.
  var showsLife: Bool {
    switch self {
    case .notConnected, .notSecured, .silent: false
    default: true
    }
  }

  /// For the log and the status page.
  var description: String {
    switch self {
    case .passed: "ok"
    case .answered(let status, _): "\(status)"
    case .notConnected(let failure): "\(failure.word)"
    case .notSecured: "tls"
    case .silent: "silent"
    case .closed: "closed"
    case .ended: "empty"
    case .malformed: "malformed"
    case .refused(let code): "mysql \(code)"
    }
  }

  /// Why a node is down whose checks ended so.
  var trouble: NodeTrouble {
    switch self {
    case .notConnected(let failure): NodeTrouble(failure.nodeFailure)
    case .notSecured: NodeTrouble(.tls)
    case .silent: NodeTrouble(cause: "timeout", sentence: "its check was not answered in time")
    case .ended: NodeTrouble(cause: "closed", sentence: "its check was not answered")
    case .malformed:
      NodeTrouble(cause: "malformed", sentence: "the answer to its check is not valid")
    case .refused(let code):
      NodeTrouble(cause: "check", sentence: "its check was refused with MySQL error \(code)")
    case .answered(let status, _):
      NodeTrouble(cause: "check", sentence: "its check was answered \(status)")
    case .passed, .closed: NodeTrouble(cause: "check", sentence: "its check failed")
    }
  }
}
