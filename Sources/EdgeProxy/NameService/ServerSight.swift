internal import Configuration
internal import HTTPCore

/// What one server says of its own port, and of the addresses of the others as it sees them.
///
///     1 port=open fails=192.0.2.7 fails=2001:db8::7 unsure=192.0.2.9 unsure=ipv6
///
/// The first number is the form's version. `unsure` is what this server has no way to try: an address, or all of
/// a family. The others it connects to, or it has not tried them yet. Words that a reader does not know are
/// passed over.
struct ServerSight: Equatable, Sendable {
  enum Family: String, CaseIterable, Sendable { case ipv4, ipv6 }

  /// The truth about its own https port, not a wish.
  var isOpen: Bool
  var fails: Set<IPAddress> = []
  var unsure: Set<IPAddress> = []
  /// Families that it has no way to.
  var blind: Set<Family> = []

  /// As many addresses as a fleet may have.
  private static let addressesMax = KnownServer.countMax * KnownServer.addressesMax
  private static let bytesMax = 256 << 10

  /// How this server sees an address of another.
  func view(_ address: IPAddress) -> LivingAddresses.View {
    if fails.contains(address) { return .fails }
    return unsure.contains(address) || blind.contains(address.family) ? .cannotSay : .connects
  }

  var value: [UInt8] {
    var text: [UInt8] = Array("1 port=\(isOpen ? "open" : "closed")".utf8)
    let families = blind.map { "unsure=\($0.rawValue)" }.sorted()
    for word in families { text += [UInt8(ascii: " ")] + word.utf8 }
    // In one order, so that the same sight is the same value.
    for address in fails.inOrder.prefix(Self.addressesMax) {
      text += " fails=".utf8
      text += address.text
    }
    for address in unsure.inOrder.prefix(Self.addressesMax) {
      text += " unsure=".utf8
      text += address.text
    }
    return text
  }

  /// What this server has to say of itself and of what it sees.
  init(isOpen: Bool, views: [IPAddress: LivingAddresses.View] = [:]) {
    self.isOpen = isOpen
    for family in Family.allCases {
      let views = views.filter { $0.key.family == family }
      let seen = views.values.contains { $0 != .cannotSay }
      // One word instead of hundreds of addresses.
      if !views.isEmpty, !seen { blind.insert(family) }
      fails.formUnion(views.filter { $0.value == .fails }.keys)
      if seen { unsure.formUnion(views.filter { $0.value == .cannotSay }.keys) }
    }
  }

  /// An unknown client of etcd may have written it: `nil` for what is no sight.
  init?(_ value: [UInt8]) {
    guard value.count <= Self.bytesMax else { return nil }
    let words = value.split(separator: UInt8(ascii: " "))
    guard words.first?.elementsEqual("1".utf8) ?? false else { return nil }
    var isOpen: Bool?
    for word in words.dropFirst() {
      if word.elementsEqual("port=open".utf8) { isOpen = true }
      if word.elementsEqual("port=closed".utf8) { isOpen = false }
    }
    guard let isOpen else { return nil }
    self.isOpen = isOpen
    for word in words.dropFirst().prefix(2 * Self.addressesMax) {
      if let rest = Self.rest(of: word, behind: "fails=") {
        if let address = IPAddress(rest.span) { fails.insert(address) }
      } else if let rest = Self.rest(of: word, behind: "unsure=") {
        if let family = Family(rawValue: String(decoding: rest, as: UTF8.self)) {
          blind.insert(family)
        } else if let address = IPAddress(rest.span) {
          unsure.insert(address)
        }
      }
    }
    // One word about each address.
    let blind = blind
    fails = fails.filter { !blind.contains($0.family) }
    unsure = unsure.subtracting(fails).filter { !blind.contains($0.family) }
  }

  private static func rest(of word: ArraySlice<UInt8>, behind name: String) -> [UInt8]? {
    word.starts(with: name.utf8) ? Array(word.dropFirst(name.utf8.count)) : nil
  }
}

extension IPAddress {
  var family: ServerSight.Family { isIPv4 ? .ipv4 : .ipv6 }
}

extension Sequence<IPAddress> {
  /// As numbers: those of IPv4 lie among the small ones of IPv6.
  var inOrder: [IPAddress] { sorted { ($0.high, $0.low) < ($1.high, $1.low) } }
}
