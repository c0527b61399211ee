internal import EventLoop
internal import Glibc

/// What came of the connects of this server to one address.
///
/// Two failures in a row are needed before it counts as failed: one packet may be lost. It does no I/O.
struct ProbeRecord {
  enum Outcome: Equatable {
    case connected
    case failed
    /// The network says that there is no way, which may be this server's trouble or theirs.
    case noWay
    /// This server cannot even try.
    case unable
  }

  /// Of the last two outcomes in a row; `nil` before that.
  private(set) var outcome: Outcome?
  /// The last outcome, and how often it came in a row.
  private var last: (outcome: Outcome, times: Int)?
  /// When the connect began whose outcome is the last one; one that began earlier says nothing new.
  private var begunLast = Instant(nanoseconds: .min)

  /// Whether it is worth asking again soon.
  var isDoubtful: Bool { last.map { $0.outcome != .connected && $0.outcome != outcome } ?? false }

  mutating func ended(_ outcome: Outcome, begun: Instant) {
    guard begun >= begunLast else { return }
    begunLast = begun
    let times = last?.outcome == outcome ? (last?.times ?? 0) : 0
    last = (outcome, min(times, Self.timesMin) + 1)
    if outcome == .connected || times + 1 >= Self.timesMin { self.outcome = outcome }
  }

  private static let timesMin = 2
}

extension ProbeRecord.Outcome {
  init(_ outcome: BareConnect.Outcome) {
    switch outcome {
    case .connected: self = .connected
    case .timedOut: self = .failed
    case .failed(let code):
      switch code {
      case ENETUNREACH, ENETDOWN, EHOSTDOWN: self = .noWay
      case EADDRNOTAVAIL, EAFNOSUPPORT, EPROTONOSUPPORT, EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES,
        EPERM, EAGAIN, EINVAL:
        self = .unable
      default: self = .failed
      }
    }
  }
}
