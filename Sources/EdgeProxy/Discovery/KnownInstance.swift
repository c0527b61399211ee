internal import EventLoop

/// One instance as discovery knows it.
struct KnownInstance: Equatable {
  /// How this server came to know it.
  enum Origin: Equatable, Hashable {
    case subscription(SubscriptionSource)
    /// Another server of the fleet was told, and says so.
    case shared(node: String)
    /// It was known before the start, from that source.
    case copy(SubscriptionSource)

    /// The source that it counts for, since a source may have only so many.
    var source: SubscriptionSource {
      switch self {
      case .subscription(let source), .copy(let source): source
      case .shared(let node): .server(node)
      }
    }
  }

  /// Why an instance may be gone.
  enum Doubt: String { case goodbye, silent, lapsed }

  var instance: Instance
  var origin: Origin
  var firstHeard: Instant
  var lastHeard: Instant
  /// Silence counts from here: the start, for one that was known before.
  var quietSince: Instant
  var hasSaidGoodbye = false
  /// The server that shares it does so no more.
  var hasLapsed = false
  /// How often it was probed since its goodbye.
  var probes = 0
  var nextProbe: Instant?

  /// Three announcements of the usual ten seconds may be lost.
  static let doubtfulAfter = Duration.seconds(30)
  /// Then it is forgotten, where another of its key is fresh.
  static let goneAfter = Duration.seconds(60)

  /// Not heard of lately; what is shared is told once and holds until it lapses.
  func isSilent(_ now: Instant) -> Bool {
    if case .shared = origin { return hasLapsed }
    return quietSince + Self.doubtfulAfter <= now
  }

  func isGone(_ now: Instant) -> Bool {
    (isSilent(now) || hasSaidGoodbye) && quietSince + Self.goneAfter <= now
  }

  func doubt(_ now: Instant) -> Doubt? {
    if hasSaidGoodbye { return .goodbye }
    guard isSilent(now) else { return nil }
    return hasLapsed ? .lapsed : .silent
  }

  /// Another server vouches for it.
  var isShared: Bool {
    if case .shared = origin { return !hasLapsed }
    return false
  }
}
