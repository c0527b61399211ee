internal import Configuration
internal import EventLoop
internal import TLS

/// A server of the fleet as etcd has it: what `edgeproxy node join` stores and `node remove` takes away.
///
///     key     PREFIX peers/NODE
///     value   1 ADDRESS, a line feed, the certificate in PEM
///
/// The first number is the form's version.
struct PeerEntry: Equatable, Sendable {
  var node: String
  var address: SocketAddress
  var certificate: NodeCertificate
  private let text: [UInt8]

  /// What the part of a key is called that follows the prefix of the fleet.
  static let directory = "peers/"
  /// Where the authority lies, below the prefix.
  static let authorityName = "peers-authority"
  /// Servers that are taken; a fleet has a handful.
  static let countMax = 1000

  /// `nil` where the text is no certificate, or one of another server.
  init?(node: String, address: SocketAddress, pem: [UInt8]) {
    guard NodeName.isGood(node.utf8), let certificate = NodeCertificate(pem: pem),
      certificate.node == node
    else { return nil }
    self.node = node
    self.address = address
    self.certificate = certificate
    text = pem
  }

  var peer: Peer {
    Peer(name: node, address: address, fingerprint: certificate.fingerprint)
  }

  static func key(prefix: String, node: String) -> [UInt8] {
    Array((prefix + directory + node).utf8)
  }

  var value: [UInt8] { Array("1 \(address)\n".utf8) + text }

  /// Reads what is stored under a key; `nil` where it is not of this form.
  init?(key: [UInt8], value: [UInt8], prefix: String) {
    guard let node = Self.node(key: key, prefix: prefix),
      value.count <= NodeCertificate.bytesMax,
      let end = value.firstIndex(of: UInt8(ascii: "\n"))
    else { return nil }
    let words = value[..<end].split(separator: UInt8(ascii: " "))
    guard words.count >= 2, words[0].elementsEqual("1".utf8),
      let address = SocketAddress(String(decoding: words[1], as: UTF8.self)),
      address.family != .unix, address.port != 0
    else { return nil }
    self.init(node: node, address: address, pem: Array(value[(end + 1)...]))
  }

  /// The server whose entry lies under a key; `nil` for a key of something else.
  static func node(key: [UInt8], prefix: String) -> String? {
    let start = Array((prefix + directory).utf8)
    guard key.starts(with: start) else { return nil }
    return NodeName.read(key[start.count...])
  }
}
