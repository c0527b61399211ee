internal import Etcd
internal import Logging

/// What etcd does not let this server write: told in the log once for each cause, as a warning until
/// such a write succeeds, and counted.
///
/// While etcd is away nothing is told here: the watches notice that.
final class EtcdWrites {
  enum Kind: CaseIterable {
    /// Without a lease nothing else is written.
    case leases
    case instances, tickets, port, name, issuance, challenges, addresses, records, operations

    var word: String {
      switch self {
      case .leases: "leases"
      case .instances: "instances"
      case .tickets: "tickets"
      case .port: "port"
      case .name: "name"
      case .issuance: "issuance"
      case .challenges: "challenges"
      case .records: "records"
      case .addresses: "addresses"
      case .operations: "operations"
      }
    }

    /// What the others miss.
    var loss: String {
      switch self {
      case .leases: "etcd grants this server no lease, so it can tell the fleet nothing"
      case .instances:
        "etcd does not take the instances that are announced here, so other servers do not know them"
      case .tickets: "etcd does not take this server's ticket keys, or its wish to rotate them"
      case .port: "etcd does not take whether this server's port is open"
      case .name:
        "etcd does not take this server's name, so a second server with that name is not noticed"
      case .issuance:
        "etcd does not take what this server writes about certificates that it orders"
      case .challenges:
        "etcd does not take which challenges of CAs are answered here, so no server waits for this one"
      case .records:
        "etcd does not take what this server writes about address records, so it changes none"
      case .addresses:
        "etcd does not take this server's public addresses, or which of the others it can connect to"
      case .operations:
        "etcd does not take orders of operators that are given here, so they were not carried out"
      }
    }
  }

  private let prefix: String
  private let warnings: Warnings
  private let logger: Logger
  private var isRetired = false
  /// Writes that were refused since the start.
  private(set) var refused: [Kind: Int] = [:]

  init(prefix: String, warnings: Warnings, logger: Logger) {
    self.prefix = prefix
    self.warnings = warnings
    self.logger = logger
  }

  /// Another link to the fleet tells from now on.
  func retire() {
    isRetired = true
    for kind in Kind.allCases { warnings.clear(Self.key(kind)) }
  }

  func succeeded(_ kind: Kind) {
    guard warnings.clear(Self.key(kind)) else { return }
    logger.notice("etcd takes what this server writes again", metadata: ["what": "\(kind.word)"])
  }

  func failed(_ kind: Kind, _ error: CallError) {
    guard error.isRefusal, !isRetired else { return }
    refused[kind, default: 0] += 1
    let advice = Self.advice(error, prefix: prefix)
    guard warnings.raise(Self.key(kind), "\(kind.loss): \(error)", advice: advice) else { return }
    logger.warning(
      "etcd refuses what this server writes",
      metadata: ["what": "\(kind.word)", "reason": "\(error)", "advice": "\(advice)"])
  }

  func ended<Response>(_ kind: Kind, _ result: Result<Response, CallError>) {
    switch result {
    case .success: succeeded(kind)
    case .failure(let error): failed(kind, error)
    }
  }

  private static func key(_ kind: Kind) -> String { "etcd write \(kind.word)" }

  /// What to do about a refusal.
  static func advice(_ error: CallError, prefix: String) -> String {
    guard case .refused(let status) = error else { return "look whether this is etcd" }
    switch status.code {
    case .permissionDenied:
      return "give its user the right: etcdctl role grant-permission ROLE readwrite"
        + " --prefix=true \(prefix)"
    case .resourceExhausted:
      return "make room in etcd: compact and defragment it, then etcdctl alarm disarm"
    default: return "look at the log of etcd"
    }
  }
}

@available(*, unavailable) extension EtcdWrites: Sendable {}
