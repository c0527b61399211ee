internal import EventLoop
internal import Glibc

/// Why a node could not be connected to.
enum ConnectFailure: Equatable, Sendable, CaseIterable {
  /// Nothing listens there (ECONNREFUSED).
  case refused
  /// A unix socket whose path does not exist (ENOENT).
  case noSuchSocket
  /// The user of this process may not use the socket or the network (EACCES, EPERM).
  case permissionDenied
  /// Nobody has answered in time.
  case timedOut
  /// There is no way to the machine (EHOSTUNREACH, ENETUNREACH and others).
  case unreachable
  /// Taken and broken off before a byte was sent.
  case reset
  /// A full listen queue: the node is there and has too much to do.
  case busy
  /// This process has no descriptors, ports or memory left for it.
  case exhausted
  /// Another error, or one that the edge of the node's server has not told.
  case other

  /// What `connect`, or the first bytes on a socket, failed with: a value of `errno`.
  init(_ code: Int32) {
    self =
      switch code {
      case ECONNREFUSED: .refused
      case ENOENT, ENOTDIR: .noSuchSocket
      case EACCES, EPERM: .permissionDenied
      case ETIMEDOUT: .timedOut
      case ENETUNREACH, EHOSTUNREACH, ENETDOWN, EHOSTDOWN: .unreachable
      case ECONNRESET, EPIPE: .reset
      case EAGAIN: .busy
      case EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL: .exhausted
      default: .other
      }
  }

  init(_ error: SystemError) { self.init(error.code) }

  var nodeFailure: NodeFailure {
    switch self {
    case .refused: .refused
    case .noSuchSocket: .noSuchSocket
    case .permissionDenied: .permissionDenied
    case .timedOut: .connectTimeout
    case .unreachable: .unreachable
    case .reset: .reset
    case .busy: .busy
    case .exhausted: .exhausted
    case .other: .connect
    }
  }

  /// What logs, status and metrics call it.
  var word: StaticString { nodeFailure.word }
}
