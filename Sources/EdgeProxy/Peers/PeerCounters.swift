/// What one loop has counted of its pipes to and from other servers.
final class PeerCounters: Sendable {
  /// Sessions with other servers' edges that this loop has begun: those that are open, and all.
  let sessions = WorkerCounters.Count()
  let sessionsBegun = WorkerCounters.Count()
  /// Pipes to instances of other servers.
  let pipesOut = WorkerCounters.Count()
  /// Pipes of other servers to instances here.
  let pipesIn = WorkerCounters.Count()
  /// Pipes of other servers that were refused: no such node, or it could not be reached.
  let refused = WorkerCounters.Count()
  /// Sessions that were given up because nothing came any more.
  let stalls = WorkerCounters.Count()
}
