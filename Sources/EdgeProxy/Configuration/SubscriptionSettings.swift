internal import EventLoop
internal import HTTPCore

/// Where instances announce themselves and which of them are believed.
struct SubscriptionSettings: Sendable, Equatable {
  var listen: [SocketAddress]
  /// `nil` where the file has none: then this machine may announce anything.
  var allow: [Permission]?
  /// The directory of public keys; `nil`: nobody signs.
  var signingKeys: String?
  /// Signatures over SHA-1 count too.
  var allowsSHA1: Bool

  /// Instances announced to one server are known to all.
  var isShared = false

  /// What machines of one network may announce.
  struct Permission: Sendable, Equatable {
    var from: Network
    /// Normalised, `*.` first for one label of anything.
    var keys: [[UInt8]]
    /// Besides the own address of each.
    var addresses: [Network]

    func covers(_ key: [UInt8]) -> Bool {
      if keys.contains(key) { return true }
      guard let wildcard = SubscriptionKey.wildcard(over: key) else { return false }
      return keys.contains(wildcard)
    }
  }
}
