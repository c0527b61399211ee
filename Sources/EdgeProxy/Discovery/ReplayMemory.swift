internal import EventLoop

/// The latest times that signed datagrams bore, so that none counts twice.
///
/// The time of each pair of key and address must grow, whatever the command: the command is not signed,
/// and a datagram that was seen as one must not be taken as the other. A time is forgotten once it is
/// too old to be accepted anyway.
struct ReplayMemory {
  private struct Pair: Hashable {
    let key: [UInt8]
    let address: SocketAddress
  }

  private var latest: [Pair: Int64] = [:]
  /// When this memory began, in seconds since 1970: what was signed earlier may have been seen by the
  /// process before.
  private let begun: Int64

  /// How far a time may be off, in seconds.
  static let window: Int64 = 60
  /// More pairs than the registry takes instances: nothing is accepted beyond.
  static let pairsMax = 100_000

  init(begun: Int64) { self.begun = begun }

  /// Why a time is not accepted; such a time need not be remembered.
  func refusal(
    key: [UInt8], address: SocketAddress, time: Int64, now: Int64
  ) -> SubscriptionRefusal? {
    guard abs(time - now) <= Self.window else { return .wrongTime }
    guard time >= begun else { return .replayed }
    if let known = latest[Pair(key: key, address: address)] {
      return time > known ? nil : .replayed
    }
    return latest.count < Self.pairsMax ? nil : .tooMany
  }

  mutating func remember(key: [UInt8], address: SocketAddress, time: Int64) {
    latest[Pair(key: key, address: address)] = time
  }

  /// Forgets what could not be replayed any more.
  mutating func forget(now: Int64) {
    latest = latest.filter { $0.value + Self.window >= now }
  }
}
