internal import EventLoop
internal import Glibc

extension AttemptFailure {
  /// What the failure says of the node.
  var nodeFailure: NodeFailure {
    switch self {
    case .couldNotConnect, .couldNotSecure: .connect
    case .busy: .busy
    case .resetBeforeResponse, .serverLost: .reset
    case .closedBeforeResponse: .closed
    case .responseTimeout: .timeout
    case .headIncomplete, .afterBytes, .retryableStatus: .cut
    case .malformedResponse: .malformed
    }
  }

  /// What the access log says of the try.
  var word: StaticString {
    switch self {
    case .couldNotConnect: "connect"
    case .couldNotSecure: "tls"
    case .busy: "busy"
    case .resetBeforeResponse: "reset"
    case .closedBeforeResponse: "closed"
    case .serverLost: "server-lost"
    case .responseTimeout: "timeout"
    case .headIncomplete(timedOut: false): "head-incomplete"
    case .headIncomplete(timedOut: true): "head-timeout"
    case .afterBytes: "cut"
    case .malformedResponse: "malformed"
    case .retryableStatus: "status"
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
    case .couldNotConnect, .couldNotSecure, .busy: true
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
