internal import Etcd

/// Which servers of a fleet may have their https port closed: at most half, so never all.
///
/// Each server keeps a key of its own, under a lease, that says `open` or `closing`. The server
/// that wrote `closing` first may close first: etcd's revisions are one order for all, and a server
/// that reads its own write has read every earlier one. When servers are lost, and so the half
/// becomes smaller, those that closed last open again.
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

  /// Whether one more server might be closed, for a server that cannot ask etcd.
  ///
  /// `heard` has the other servers' own answers of a moment ago, `true` for an open port; they
  /// override what etcd last said about these servers. There are at least `serversMin` servers; one
  /// that has said nothing counts as open.
  func mightPermit(_ key: [UInt8], heard: [[UInt8]: Bool], serversMin: Int) -> Bool {
    let closed = servers.filter { $0.value.isClosing && heard[$0.key] != true }.keys
    let others = Set(closed).union(heard.filter { !$0.value }.keys).subtracting([key])
    return others.count < half(key, serversMin)
  }

  /// Whether a server that is closed, and cannot ask etcd, may stay so by what the others say.
  ///
  /// When too many have closed at the same moment, those whose names come first stay closed.
  func mightStayClosed(_ key: [UInt8], heard: [[UInt8]: Bool], serversMin: Int) -> Bool {
    let before = heard.filter { !$0.value && $0.key.lexicographicallyPrecedes(key) }
    return before.count < half(key, serversMin)
  }

  /// How many may be closed, of all that are known.
  private func half(_ key: [UInt8], _ serversMin: Int) -> Int {
    let known = servers[key] == nil ? servers.count + 1 : servers.count
    return max(known, serversMin) / 2
  }

  /// Whether the server with this key may be closed; `nil` while it has not said that it wants to be.
  func permits(_ key: [UInt8]) -> Bool? {
    guard let server = servers[key], server.isClosing else { return nil }
    let before = servers.values.count { $0.isClosing && $0.revision < server.revision }
    return before < servers.count / 2
  }
}
