internal import EventLoop
internal import Glibc
internal import TLS

extension AttemptFailure {
  /// What the failure says of the node.
  var nodeFailure: NodeFailure {
    switch self {
    case .couldNotConnect(let failure): failure.nodeFailure
    case .couldNotSecure: .tls
    case .wrongProtocol, .speaksNoTLS: .wrongProtocol
    case .busy: .busy
    case .resetBeforeResponse, .serverLost: .reset
    case .closedBeforeResponse: .closed
    case .responseTimeout: .timeout
    case .headIncomplete, .afterBytes, .retryableStatus: .cut
    case .malformedResponse: .malformed
    }
  }

  /// How the try ended.
  var outcome: TryOutcome {
    switch self {
    case .serverLost: .serverLost
    case .headIncomplete(timedOut: false): .headIncomplete
    case .headIncomplete(timedOut: true): .headTimeout
    case .retryableStatus: .status
    default: .failed(nodeFailure)
    }
  }

  /// What the access log says of the try.
  var word: StaticString { outcome.word }

  /// What there is to know of it beside its word.
  var advice: String? {
    switch self {
    case .wrongProtocol(let spoken): spoken.advice
    case .speaksNoTLS: WrongProtocol.http.advice
    default: nil
    }
  }

  /// What connecting failed with.
  init(_ failure: ConnectFailure) {
    self = failure == .busy ? .busy : .couldNotConnect(failure)
  }

  /// The node, or the way to it, took no connection.
  var isConnectFailure: Bool {
    switch self {
    case .couldNotConnect, .busy: true
    default: false
    }
  }

  /// Another way to the node may do better: nothing that this process lacks is the reason.
  var isUnreached: Bool {
    switch self {
    case .couldNotConnect(.exhausted): false
    case .couldNotConnect: true
    default: false
    }
  }

  /// For a connection that ended before the first byte of an answer: whether anything of the
  /// request had gone.
  var sentBeforeEnd: Bool? {
    switch self {
    case .resetBeforeResponse(let sent), .closedBeforeResponse(let sent): sent
    default: nil
    }
  }

  /// Nothing of the request went out, so that this was no try of it.
  var isUnsent: Bool {
    switch self {
    case .couldNotConnect, .couldNotSecure, .speaksNoTLS, .busy: true
    default: sentBeforeEnd == false
    }
  }

  /// The request went out and the instance ended without a byte.
  var isUnanswered: Bool {
    switch self {
    case .resetBeforeResponse(sentAnything: true), .closedBeforeResponse(sentAnything: true): true
    default: false
    }
  }
}

extension SystemError {
  /// Whether a connection that could not be made says anything about the node: not when its queue
  /// is full (EAGAIN on a unix socket), nor when this process has run out of something.
  var blamesNode: Bool {
    ![EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL].contains(code)
  }
}

extension AccessRecord {
  /// Tells of a request without a try which names had no address to try.
  mutating func addUnresolved(_ upstream: UpstreamState) {
    guard upstream.nodes.isEmpty, status == 503 || !listener.isEmpty else { return }
    for host in upstream.unresolved {
      addTry(node: Array(host.description.utf8), outcome: "unresolved", microseconds: 0)
    }
  }
}

extension AttemptFailure {
  /// What TLS with a node failed with.
  init(_ error: TLSError) {
    if error.reasons.isEmpty {
      // The connection just broke.
      self.init(ConnectFailure(error.systemCode))
    } else {
      self = error.isForeign ? .speaksNoTLS : .couldNotSecure
    }
  }
}
