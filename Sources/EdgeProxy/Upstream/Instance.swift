internal import EventLoop

/// One instance of an application, as discovery tells it to the balancing.
struct Instance: Equatable, Sendable {
  var address: SocketAddress
  /// The server that it is to be reached through; `nil` where it is reached directly.
  var server: String?
  /// The bytes 0 and 3 of the uwsgi packets that are sent to it.
  var modifier1: UInt8 = 0
  var modifier2: UInt8 = 0
  /// Its share of the requests beside the others of its application; at least 1.
  var weight = 1
  /// Requests that it works on at once; 0 where that is not known.
  var cores = 0
  /// Asked only when no other is to be had.
  var isBackup = false
  /// It runs on this server.
  var isLocal = false
  /// It has said goodbye or has not been heard of lately: asked only when no other is to be had, and
  /// before backups that are out.
  var isDoubtful = false

  /// A lasting order: by address, then by server.
  func isOrderedBefore(_ other: Instance) -> Bool {
    guard address == other.address else {
      return address.bytes.lexicographicallyPrecedes(other.address.bytes)
    }
    return (server ?? "") < (other.server ?? "")
  }
}

/// The instances that are announced under one key.
struct Application: Equatable, Sendable {
  /// A normalised host name, `*.` first for one label of anything.
  var key: [UInt8]
  /// In a lasting order; at most `TriedNodes.nodesMax`.
  var instances: [Instance]
}
