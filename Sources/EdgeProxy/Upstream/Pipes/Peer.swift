internal import EventLoop

/// Another server of the fleet, from its entry in etcd.
struct Peer: Equatable, Sendable {
  /// The `node` of its configuration.
  var name: String
  /// Where its `listen.peers` is.
  var address: SocketAddress
  /// SHA-256 of its certificate: a server with another certificate is not taken for it, however it
  /// is signed.
  var fingerprint: [UInt8]
}

/// The servers of the fleet that are known at one time, without this one.
struct PeerDirectory: Equatable, Sendable {
  private let peers: [String: Peer]

  /// An entry under the name `own` is passed over; of two with one name the first counts.
  init(_ peers: [Peer], own: String) {
    self.peers = Dictionary(
      peers.lazy.filter { $0.name != own }.map { ($0.name, $0) },
      uniquingKeysWith: { first, _ in first })
  }

  static let empty = PeerDirectory([], own: "")

  /// In the order of their names.
  var all: [Peer] { peers.values.sorted { $0.name < $1.name } }

  subscript(name: String) -> Peer? { peers[name] }

  /// The server that has this certificate; `nil` for a stranger's.
  func owner(ofCertificate fingerprint: [UInt8]) -> Peer? {
    peers.values.first { $0.fingerprint == fingerprint }
  }
}
