/// Why an attempt at a node failed, as far as the node's health goes.
///
/// Each has one word, `word`, in the access log, the status and the metrics; docs/troubleshooting.md
/// explains them all.
enum NodeFailure: Int, CaseIterable, Sendable {
  /// Could not be connected to, for a reason that is none of the next ones.
  case connect
  /// Nothing listens at its address.
  case refused
  /// Its unix socket does not exist.
  case noSuchSocket
  /// This process may not use its socket.
  case permissionDenied
  /// Connecting took too long.
  case connectTimeout
  /// There is no way to its machine.
  case unreachable
  /// No TLS, or a certificate that is not believed.
  case tls
  /// It speaks another protocol than the configuration says.
  case wrongProtocol
  /// A full listen queue: the node is there and has too much to do.
  case busy
  /// This process has no descriptors, ports or memory left.
  case exhausted
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

  /// A busy node is not a dead one, nor is one for which we lack the means.
  var countsAgainstNode: Bool { self != .busy && self != .exhausted }

  /// Whether a bare connect would have failed for the same reason.
  var isSeenByConnect: Bool {
    switch self {
    case .connect, .refused, .noSuchSocket, .permissionDenied, .connectTimeout, .unreachable: true
    default: false
    }
  }

  /// Whether a check would have failed for the same reason.
  var isSeenByChecks: Bool { isSeenByConnect || self == .tls }

  /// Whether a node that speaks another protocol may fail so.
  var maybeWrongProtocol: Bool {
    switch self {
    case .reset, .closed, .timeout, .cut, .malformed, .tls: true
    default: false
    }
  }

  /// Whether one is enough to say that the node is down: others may be the fault of one request.
  var isCertain: Bool { isSeenByChecks || self == .wrongProtocol }

  /// What logs, status and metrics call it.
  var word: StaticString {
    switch self {
    case .connect: "connect"
    case .refused: "refused"
    case .noSuchSocket: "no-such-socket"
    case .permissionDenied: "permission-denied"
    case .connectTimeout: "connect-timeout"
    case .unreachable: "unreachable"
    case .tls: "tls"
    case .wrongProtocol: "wrong-protocol"
    case .busy: "busy"
    case .exhausted: "exhausted"
    case .reset: "reset"
    case .closed: "closed"
    case .timeout: "timeout"
    case .cut: "cut"
    case .malformed: "malformed"
    }
  }

  /// The same in words, for people.
  var sentence: String {
    switch self {
    case .connect: "it cannot be connected to"
    case .refused: "connection refused"
    case .noSuchSocket: "no such socket"
    case .permissionDenied: "permission denied"
    case .connectTimeout: "connecting timed out"
    case .unreachable: "network unreachable"
    case .tls: "no TLS"
    case .wrongProtocol: "it speaks another protocol"
    case .busy: "its listen queue is full"
    case .exhausted: "this server has no descriptors, ports or memory left"
    case .reset: "connection reset before an answer"
    case .closed: "connection closed without an answer"
    case .timeout: "no answer in time"
    case .cut: "its answer broke off"
    case .malformed: "its answer is not valid"
    }
  }
}

/// Why a node is down, as of the failure that made it so.
struct NodeTrouble: Equatable, Sendable {
  /// One word.
  let cause: String
  /// The failure of a request, where it was one.
  let failure: NodeFailure?
  /// What there is to know beside it, such as what OpenSSL says; empty for nothing.
  let detail: String
  /// Whether a bare connect shows that it is over.
  let isSeenByConnect: Bool
  /// Whether a check does.
  let isSeenByChecks: Bool
  /// The cause in words.
  let sentence: String

  init(_ failure: NodeFailure, detail: String? = nil) {
    cause = "\(failure.word)"
    self.failure = failure
    sentence = failure.sentence
    self.detail = detail ?? ""
    isSeenByConnect = failure.isSeenByConnect
    isSeenByChecks = failure.isSeenByChecks
  }

  /// A check that found it unwell.
  init(cause: String, sentence: String) {
    self.cause = cause
    self.sentence = sentence
    failure = nil
    detail = ""
    isSeenByConnect = false
    isSeenByChecks = true
  }

  /// In words.
  var text: String { detail.isEmpty ? sentence : "\(sentence): \(detail)" }
}
