internal import Configuration
internal import EventLoop

/// What the names among the nodes of a configuration mean at one time.
struct HostAddresses: Equatable, Sendable {
  /// In a lasting order; a name that is not here was never resolved.
  private var known: [HostAndPort: [SocketAddress]] = [:]

  static let none = HostAddresses()

  /// The addresses of a node: its own, or those that its name has now.
  subscript(_ address: NodeAddress) -> [SocketAddress] {
    switch address {
    case .fixed(let address): [address]
    case .named(let host): known[host] ?? []
    }
  }

  /// `nil` where it was never resolved.
  subscript(_ host: HostAndPort) -> [SocketAddress]? { known[host] }

  /// Takes over an answer, and says whether it is news.
  ///
  /// Resolvers change the order of addresses from answer to answer.
  mutating func set(_ host: HostAndPort, _ addresses: [SocketAddress]) -> Bool {
    let ordered = Set(addresses).sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
    return known.updateValue(ordered, forKey: host) != ordered
  }

  /// Forgets all others.
  mutating func keep(_ hosts: Set<HostAndPort>) { known = known.filter { hosts.contains($0.key) } }
}
