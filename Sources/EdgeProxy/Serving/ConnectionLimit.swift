internal import EventLoop
internal import HTTPCore

/// Counts the connections of each client for all workers together.
///
/// The kernel spreads a client's connections over the workers, so that a count in each would let it have
/// the limit several times. A lock is taken when a connection comes and when it goes, never for a
/// request, and clients are spread over several locks, so that workers hardly ever meet. Memory
/// follows the number of clients that are there.
final class ConnectionLimit: Sendable {
  private static let shardCount = 64

  private let shards = (0..<shardCount).map { _ in Guarded<[IPAddress: Int]>([:]) }

  /// Counts one more until the permit goes; `nil` where that would be too many.
  func enter(_ client: IPAddress, countMax: Int) -> ConnectionPermit? {
    let isIn = shard(of: client).withLock { counts in
      let count = counts[client, default: 0]
      guard count < countMax else { return false }
      counts[client] = count + 1
      return true
    }
    return isIn ? ConnectionPermit(of: client, in: self) : nil
  }

  fileprivate func leave(_ client: IPAddress) {
    shard(of: client).withLock { counts in
      guard let count = counts[client] else { return }
      counts[client] = count > 1 ? count - 1 : nil
    }
  }

  /// How many clients have a connection.
  var clientCount: Int { shards.reduce(0) { $0 + $1.withLock(\.count) } }

  private func shard(of client: IPAddress) -> Guarded<[IPAddress: Int]> {
    shards[Int(UInt(bitPattern: client.hashValue) % UInt(Self.shardCount))]
  }
}

/// One connection or session that is counted for its client, until this goes.
///
/// It has one owner and gives the count back by itself, whatever way the connection ends.
struct ConnectionPermit: ~Copyable {
  private let client: IPAddress
  /// `nil` for a client that is not counted.
  private let limit: ConnectionLimit?

  fileprivate init(of client: IPAddress, in limit: ConnectionLimit) {
    self.client = client
    self.limit = limit
  }

  private init(uncounted client: IPAddress) {
    self.client = client
    limit = nil
  }

  /// For a client without a limit.
  static func uncounted(_ client: IPAddress) -> ConnectionPermit {
    ConnectionPermit(uncounted: client)
  }

  deinit { limit?.leave(client) }
}
