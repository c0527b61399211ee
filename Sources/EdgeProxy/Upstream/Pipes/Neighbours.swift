internal import Configuration

/// What upstreams know of the fleet: who this server is in it, and whose edges it can reach.
struct Neighbours: Equatable, Sendable {
  /// The name of this server; `nil` where it has no part in a fleet.
  var own: String?
  /// The other servers, by name, in order.
  var servers: [String] = []

  /// A server on its own.
  static let none = Neighbours(own: nil)

  /// Whether an instance on a server is reached: on this one (`nil`) always.
  func reach(_ server: String?) -> Bool {
    guard let server else { return true }
    return servers.contains(server)
  }
}

extension Configuration {
  /// Before anything is known of the others.
  var neighbours: Neighbours { Neighbours(own: listen.peers.isEmpty ? nil : node) }
}

extension Peering {
  /// Nobody is reached without a certificate.
  func neighbours(of own: String) -> Neighbours {
    guard credentials != nil else { return Neighbours(own: own) }
    return Neighbours(own: own, servers: directory.all.map(\.name))
  }
}
