internal import Etcd

/// Which servers of a fleet may have their https port closed: at most half, so never all.
///
/// Each server keeps a key of its own, under a lease, that says `open` or `closing`. Whoever wrote
/// `closing` first may close first: etcd's revisions are one order for all, and who reads its own
/// write has read every earlier one. When servers are lost, and so the half becomes smaller, those
/// that closed last open again.
struct FleetFloor: Equatable {
  private struct Server: Equatable {
    var isClosing: Bool
    var revision: Int64
  }

  private var servers: [[UInt8]: Server] = [:]

  static let closing = Array("closing".utf8)
  static let open = Array("open".utf8)

  mutating func apply(_ changes: Changes) {
    for key in changes.removed { servers[key] = nil }
    for keyValue in changes.put {
      let isClosing = keyValue.value == Self.closing
      // The same word again, as under a new lease, keeps its place in the order.
      if let known = servers[keyValue.key], known.isClosing == isClosing { continue }
      servers[keyValue.key] = Server(isClosing: isClosing, revision: keyValue.modRevision)
    }
  }

  var count: Int { servers.count }
  var closingCount: Int { servers.values.count(where: \.isClosing) }

  /// Whether one more server might be closed, as far as is known; for one that cannot ask.
  ///
  /// `serversMin` are there, whatever has been heard of them; who has said nothing counts as open.
  func mightPermit(_ key: [UInt8], serversMin: Int) -> Bool {
    let others = servers.filter { $0.key != key }
    return others.values.count(where: \.isClosing) < max(others.count + 1, serversMin) / 2
  }

  /// The same by what the other servers' edges say of their ports: those called `closed`, of `count` servers.
  ///
  /// Of too many that have closed at the same moment those whose names come first stay closed.
  static func permits(own: String, isClosed: Bool, closed: Set<String>, of count: Int) -> Bool {
    let half = count / 2
    if closed.count < half { return true }
    return isClosed && closed.count { $0 < own } < half
  }

  /// Whether the server with this key may be closed; `nil` while it has not said that it wants to be.
  func permits(_ key: [UInt8]) -> Bool? {
    guard let server = servers[key], server.isClosing else { return nil }
    let before = servers.values.count { $0.isClosing && $0.revision < server.revision }
    return before < servers.count / 2
  }
}
