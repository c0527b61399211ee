internal import HTTPCore

/// nginx's `allow` and `deny`, where the first line that fits counts, as lists of ours, where `deny` beats `allow`.
enum AddressOrder {
  struct Line {
    var isAllow: Bool
    /// `all`, or a network as it is written.
    var text: String
  }

  typealias Lists = (allow: [String], deny: [String])

  static let linesMax = 1000

  /// `nil` where no two lists say the same as the lines.
  static func lists(_ lines: [Line]) -> Lists? {
    // The loader takes no more networks, and each is compared with all above it.
    guard lines.count <= Self.linesMax else { return nil }
    var (allow, deny): ([Network], [Network]) = ([], [])
    for line in lines {
      if line.text == "all" {
        // Nothing behind it is ever reached.
        if line.isAllow { return ([], deny.map(\.description)) }
        return allow.isEmpty
          ? ([], ["0.0.0.0/0", "::/0"])
          : (allow.map(\.description), deny.map(\.description))
      }
      guard let network = Acceptable.network(line.text) else { return nil }
      if line.isAllow {
        // All of it was let in or kept out above.
        if allow.contains(where: { $0.covers(network) }) { continue }
        allow.append(network)
      } else if allow.contains(where: { $0.covers(network) }) {
        // Let in by a line above, so that this line is never reached.
        continue
      } else if allow.contains(where: { network.covers($0) }) {
        // Within a network that is kept out some are let in: `deny` would beat them.
        return nil
      } else {
        deny.append(network)
      }
    }
    // Who is not named is let in, so that only `deny` counts.
    return ([], deny.map(\.description))
  }
}

extension Network {
  /// Whether each address of the other one is in this one.
  func covers(_ other: Network) -> Bool {
    contains(other.address) && prefix <= other.prefix
  }
}
