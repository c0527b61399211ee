package import EventLoop
package import HTTPCore

/// Where instances announce themselves and which of them are believed.
package struct SubscriptionSettings: Sendable, Equatable {
  package var listen: [SocketAddress]
  /// `nil` where the file has none: then this machine may announce anything.
  package var allow: [Permission]?
  /// The directory of public keys; `nil`: nobody signs.
  package var signingKeys: String?
  /// Signatures over SHA-1 count too.
  package var allowsSHA1: Bool

  /// Instances announced to one server are known to all.
  package var isShared = false

  /// What machines of one network may announce.
  package struct Permission: Sendable, Equatable {
    package var from: Network
    /// Normalised, `*.` first for one label of anything.
    package var keys: [[UInt8]]
    /// Besides the own address of each.
    package var addresses: [Network]

    package func covers(_ key: [UInt8]) -> Bool {
      if keys.contains(key) { return true }
      guard let wildcard = SubscriptionKey.wildcard(over: key) else { return false }
      return keys.contains(wildcard)
    }
  }
}
