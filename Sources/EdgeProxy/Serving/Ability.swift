/// Why this server should get no traffic.
enum Unable: Equatable, Sendable {
  case draining
  case noCertificate
  case noBackend

  /// The one word that the health endpoint and the log say.
  var word: StaticString {
    switch self {
    case .draining: "draining"
    case .noCertificate: "no-certificate"
    case .noBackend: "no-backend"
    }
  }
}

/// Whether this server can serve, from what is known at one moment.
struct Ability: Equatable, Sendable {
  var isDraining = false
  var hasCertificate = true
  var hasBackend = true

  /// What stands in the way first; `nil` when nothing does.
  var unable: Unable? {
    if isDraining { return .draining }
    if !hasCertificate { return .noCertificate }
    return hasBackend ? nil : .noBackend
  }

  /// Whether any node of any upstream may be expected to answer requests.
  ///
  /// It may when its last try or check did not fail; one that was never tried counts as well, so at
  /// the start the first checks have to be over before this is asked. Only nodes that `counts` says
  /// to are looked at, and none that an operator has disabled.
  static func hasBackend(
    _ upstreams: [UpstreamState], where counts: (NodeState) -> Bool = { _ in true }
  ) -> Bool {
    upstreams.contains {
      $0.settings.nodeProtocol != .tcp
        && $0.nodes.contains {
          !$0.condition.lastFailed && $0.standing != .disabled && counts($0)
        }
    }
  }
}
