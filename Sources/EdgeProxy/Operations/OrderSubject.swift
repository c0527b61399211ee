internal import Configuration
internal import EventLoop
internal import HTTPCore

/// What an order is about.
enum OrderSubject: Hashable, Sendable, CustomStringConvertible {
  case node(NodeReference)
  /// A normalised host, `*.` first for one label of anything, or `*` for every host.
  case host(String)

  /// As operators write it.
  var description: String {
    switch self {
    case .node(let reference): reference.description
    case .host(let host): host
    }
  }

  /// What the part of a key of etcd is called that follows the prefix of the fleet.
  static let directory = "operations/"
  private static let nodes = "nodes/"
  private static let hosts = "hosts/"
  private static let bytesMax = 1024

  /// The key behind `PREFIX operations/`.
  var name: String {
    switch self {
    case .node(let reference): Self.nodes + PercentText.encoded(reference.description)
    case .host(let host): Self.hosts + host
    }
  }

  /// An unknown client of etcd may have written it; throws with what is wrong.
  init(name: Substring) throws(OrderRefusal) {
    guard name.utf8.count <= Self.bytesMax else { throw OrderRefusal("its key is too long") }
    if name.hasPrefix(Self.nodes) {
      guard let text = PercentText.decoded(name.dropFirst(Self.nodes.count)),
        let reference = NodeReference(text)
      else { throw OrderRefusal("its key names no node") }
      self = .node(reference)
    } else if name.hasPrefix(Self.hosts) {
      let text = String(name.dropFirst(Self.hosts.count))
      guard let host = HostPattern.read(text), host == text else {
        throw OrderRefusal("its key names no host")
      }
      self = .host(host)
    } else {
      throw OrderRefusal("its key names neither a node nor a host")
    }
  }
}

/// A node by the name that it has in the whole fleet.
///
/// An address that only its own machine can reach belongs to a server: `edge1/127.0.0.1:3031`. Others mean
/// the same everywhere.
struct NodeReference: Hashable, Sendable, CustomStringConvertible {
  let server: String?
  let address: SocketAddress

  /// `own` is the name of this server.
  init(_ address: SocketAddress, on server: String?, own: String) {
    self.address = address
    self.server = address.isLocal ? server ?? own : nil
  }

  /// Reads what `description` gives; `nil` for anything else.
  init?(_ text: String) {
    if let address = SocketAddress(text) {
      guard !address.isLocal else { return nil }
      (server, self.address) = (nil, address)
    } else {
      guard let slash = text.firstIndex(of: "/"),
        let name = NodeName.read(Array(text[..<slash].utf8)),
        let address = SocketAddress(String(text[text.index(after: slash)...])), address.isLocal
      else { return nil }
      (server, self.address) = (name, address)
    }
    // What comes back must be what was said: one node has one key.
    guard description == text else { return nil }
  }

  var description: String { server.map { "\($0)/\(address)" } ?? address.description }
}

/// Hosts as operators and etcd write them.
enum HostPattern {
  /// Every host.
  static let all = "*"

  /// A host, `*.` and a host, or `*`, normalised; `nil` for anything else.
  static func read(_ text: String) -> String? {
    if text == all { return all }
    let isWildcard = text.hasPrefix("*.")
    let name = Array((isWildcard ? text.dropFirst(2) : text[...]).utf8)
    var host: [UInt8] = []
    guard HostName.normalise(name.span, into: &host) else { return nil }
    return (isWildcard ? "*." : "") + String(decoding: host, as: UTF8.self)
  }
}
