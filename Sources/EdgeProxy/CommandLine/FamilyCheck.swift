internal import Configuration
internal import EventLoop

/// Whether the kernel has the families of all addresses that are to be listened on.
///
/// A server without IPv6 serves at its other addresses, so that this is a warning.
struct FamilyCheck {
  let named: NamedThings
  let findings: Findings
  /// Whether the kernel knows a family.
  var knows: (SocketAddress.Family) -> Bool = { Socket.knows($0) }

  func run() {
    let isKnown: [SocketAddress.Family: Bool] = [.ipv4: knows(.ipv4), .ipv6: knows(.ipv6)]
    let listeners = named.listeners + named.dns.listeners
    for (address, position) in listeners where isKnown[address.family] == false {
      let name = address.family == .ipv6 ? "IPv6" : "IPv4"
      findings.warning(
        position,
        "this kernel has no \(name), so '\(address)' cannot be listened on; the other addresses"
          + " are")
    }
  }
}
