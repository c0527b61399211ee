internal import HTTPCore

/// What counts as one client of the name service: clients are resolvers, of which a network has several, and
/// over UDP anyone can name an address that is not theirs.
enum ZoneNetwork {
  /// The /24 of an IPv4 address and the /56 of an IPv6 address, as its first one.
  static func containing(_ client: IPAddress) -> IPAddress {
    client.isIPv4
      ? IPAddress(high: 0, low: client.low & ~0xff) : IPAddress(high: client.high & ~0xff, low: 0)
  }
}

/// Which answers beyond the limit are sent all the same, without records and with a flag that leads to TCP.
///
/// Every second one of a network is. A resolver whose network somebody else asks in the name of so still
/// gets through, and who is the target of that gets half as many messages, none larger than what was sent.
struct ZoneSlip: Sendable {
  /// Whether the next one is sent, of all networks whose numbers have the same low bits.
  private var turns = [Bool](repeating: true, count: 1024)

  mutating func isSent(to network: IPAddress) -> Bool {
    let number = (network.high ^ network.low) >> 8
    let place = Int(truncatingIfNeeded: (number &* 0x9e37_79b9_7f4a_7c15) >> 54)
    defer { turns[place].toggle() }
    return turns[place]
  }
}
