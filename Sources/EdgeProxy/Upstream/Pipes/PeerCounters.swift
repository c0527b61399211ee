/// What one loop has counted of its pipes to and from other servers.
final class PeerCounters: Sendable {
  /// Sessions with other servers' edges that this loop has begun: those that are open, and all.
  let sessions = Count()
  let sessionsBegun = Count()
  /// Pipes to instances of other servers.
  let pipesOut = Count()
  /// Pipes of other servers to instances here.
  let pipesIn = Count()
  /// Pipes of other servers that were refused: no such node, or it could not be reached.
  let refused = Count()
  /// Sessions that were given up because nothing came any more.
  let stalls = Count()
}
