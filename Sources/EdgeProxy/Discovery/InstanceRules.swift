internal import Configuration
internal import EventLoop
internal import HTTPCore

/// Why an instance is not taken, from any source.
enum InstanceRefusal: String, Error, Sendable {
  case otherForm = "other-form"
  case badKey = "bad-key"
  case badAddress = "bad-address"
  case badServer = "bad-server"
  case dangerousModifier = "dangerous-modifier"

  /// For the log.
  var reason: String {
    switch self {
    case .otherForm: "it is not in the form that servers write"
    case .badKey: "its key is no host name"
    case .badAddress: "its address is not IP:PORT, nor a path"
    case .badServer: "it names a server as no server is called"
    case .dangerousModifier: "its modifier makes uWSGI do other things than answer requests"
    }
  }
}

/// What may be said of an instance: the one judge for datagrams, for etcd and for the copy on disk.
///
/// What passes here can be written to the copy and read back. Which machine may say it is another
/// question, which `SubscriptionPolicy` answers for datagrams.
enum InstanceRules {
  static let weightMax = 1000
  static let coresMax = 100_000

  /// Throws why an instance under a key is not taken.
  static func check(_ key: [UInt8], _ instance: Instance) throws(InstanceRefusal) {
    guard isKey(key) else { throw .badKey }
    guard isUsable(instance.address) else { throw .badAddress }
    guard isHarmless(instance.modifier1) else { throw .dangerousModifier }
    if let server = instance.server, !NodeName.isGood(server.utf8) { throw .badServer }
  }

  /// A host name in normal form, or `*.` with one.
  static func isKey(_ key: [UInt8]) -> Bool { SubscriptionKey.normalise(key) == key }

  /// uWSGI answers requests of this modifier, and does nothing else.
  static func isHarmless(_ modifier1: UInt8) -> Bool {
    UpstreamSettings.refusedModifiers[Int(modifier1)] == nil
  }

  /// Whatever is said, a share and a number of cores are within bounds.
  static func weight(_ said: Int) -> Int { min(max(said, 1), weightMax) }
  static func cores(_ said: Int) -> Int { min(max(said, 0), coresMax) }

  /// `IP:PORT`, `[IP]:PORT`, a path, or `@` and an abstract name; `nil` for what is none.
  ///
  /// The copy and etcd write `unix:` before the last two.
  static func address(_ text: some Collection<UInt8>) -> SocketAddress? {
    let prefix = Array("unix:".utf8)
    let bytes = Array(text.starts(with: prefix) ? Array(text.dropFirst(5)) : Array(text))
    guard let first = bytes.first, bytes.allSatisfy(isPrintable) else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    let isPath = first == UInt8(ascii: "/") || first == UInt8(ascii: "@")
    guard let address = isPath ? SocketAddress(unixPath: text) : SocketAddress(text),
      isUsable(address)
    else { return nil }
    return address
  }

  /// Something that can be connected to, and that fits between two spaces.
  private static func isUsable(_ address: SocketAddress) -> Bool {
    guard address.family == .unix else {
      guard address.port != 0, let host = IPAddress(address) else { return false }
      return !host.isUnspecified && !host.isMulticast
    }
    let path = address.host.utf8
    return (path.first == UInt8(ascii: "/") || path.first == UInt8(ascii: "@"))
      && path.count > 1 && path.allSatisfy(isPrintable)
  }

  private static func isPrintable(_ byte: UInt8) -> Bool { (0x21...0x7e).contains(byte) }
}
