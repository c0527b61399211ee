internal import EventLoop

/// Nodes that cannot be reached directly at present, and the server through whose edge they can.
///
/// A link may be cut between two servers and whole between both and a third. What is known is known
/// for a few seconds; then the direct way is tried again.
struct Detours {
  private struct Detour {
    let server: String
    let until: Instant
  }

  private var known: [ObjectIdentifier: Detour] = [:]

  /// Before the direct way is tried again.
  static let period = Duration.seconds(10)
  /// Nodes that have one; an upstream has at most 128 nodes.
  private static let countMax = 10_000

  var isEmpty: Bool { known.isEmpty }

  /// Through which server to reach a node now; `nil` for the direct way.
  func server(for node: NodeState, now: Instant) -> String? {
    guard let detour = known[ObjectIdentifier(node)], now < detour.until else { return nil }
    return detour.server
  }

  mutating func take(_ server: String, to node: NodeState, now: Instant) {
    if known.count >= Self.countMax { known = known.filter { now < $0.value.until } }
    guard known.count < Self.countMax else { return }
    known[ObjectIdentifier(node)] = Detour(server: server, until: now + Self.period)
  }

  /// It led nowhere.
  mutating func forget(_ node: NodeState) { known[ObjectIdentifier(node)] = nil }
}
