internal import EventLoop
internal import HTTPCore

/// Reads the addresses at which clients reach servers, and says what is wrong with one.
struct PublicAddressReader {
  let context: ReadingContext

  static let expected = "an IP address such as 203.0.113.1"

  /// Those of this server; none where the file has none.
  func read(_ top: Section) -> [IPAddress] {
    guard let value = top.take("public").value else { return [] }
    guard case .list(let items) = value.content else {
      context.wrong(
        value, "public", "a list of addresses such as [203.0.113.1, \"2001:db8::1\"]",
        Self.listHint(value))
      return []
    }
    var seen: [IPAddress: Int] = [:]
    let found = addresses(items, "public", at: value.position, &seen)
    for (address, position) in found {
      context.named.dns.addresses.append((address, position))
      if let warning = Reach(address).warning {
        context.findings.warning(position, "'\(address.written)' \(warning)")
      }
    }
    return found.map(\.address)
  }

  /// The addresses of one server, each once; `seen` has the lines of those that were read before.
  func addresses(
    _ items: [YAMLNode], _ key: String, at position: Position, _ seen: inout [IPAddress: Int]
  ) -> [(address: IPAddress, position: Position)] {
    if items.isEmpty, context.isComplete {
      context.findings.error(position, "'\(key)' must have at least one address")
    }
    if items.count > Directives.publicAddressesMax {
      context.findings.error(
        position,
        "'\(key)' must have at most \(Directives.publicAddressesMax) addresses of a server, found"
          + " \(items.count)")
    }
    var found: [(IPAddress, Position)] = []
    for item in items {
      guard let address = read(item, key) else { continue }
      if let line = seen.updateValue(item.position.line, forKey: address) {
        context.findings.error(
          item.position, "'\(address.written)' is there twice, first on line \(line)")
      }
      found.append((address, item.position))
    }
    return found
  }

  /// One address that clients can connect to.
  private func read(_ node: YAMLNode, _ key: String) -> IPAddress? {
    guard let text = context.text(node, key, Self.expected) else { return nil }
    guard let address = IPAddress(Array(text.utf8).span) else {
      context.wrong(node, key, Self.expected, Self.hint(text))
      return nil
    }
    if let mistake = Reach(address).mistake {
      context.findings.error(node.position, "'\(text)' \(mistake)")
      return nil
    }
    return address
  }

  /// What is said to a text that is no address.
  private static func hint(_ text: String) -> String {
    let bare = text.filter { $0 != "[" && $0 != "]" }
    if bare != text, IPAddress(Array(bare.utf8).span) != nil { return Found.meant(bare) }
    if let address = SocketAddress(text), address.family != .unix {
      return "; no port belongs here: did you mean '\(address.host)'?"
    }
    if text.contains("/") { return "; addresses are taken here, and no networks" }
    if text.contains("%") { return "; an address with a zone is of one link alone" }
    if ["auto", "default", "detect", "eth0", "*", "any"].contains(text.lowercased()) {
      return "; it is not found out: behind NAT no interface of this machine has it"
    }
    if text.contains("://") { return "; no scheme belongs here" }
    let variable = Habits.variable(text)
    if !variable.isEmpty { return variable }
    if text.allSatisfy({ $0.isNumber || $0 == "." }) {
      return "; an IPv4 address has four numbers of at most 255, without zeros before them"
    }
    return text.contains(where: \.isLetter) && !text.contains(":")
      ? "; host names are not looked up, write the IP address" : ""
  }

  /// What is said to one text in the place of a list.
  private static func listHint(_ value: YAMLNode) -> String {
    guard case .scalar(let text, _) = value.content else { return "" }
    return ["auto", "default", "detect", "true"].contains(text.lowercased()) ? hint("auto") : ""
  }
}

/// From where an address can be reached.
private enum Reach {
  case anywhere
  /// From some machines alone; a sentence that begins behind the address.
  case somewhere(String)
  /// By nobody.
  case nowhere(String)

  init(_ address: IPAddress) {
    self = address.isIPv4 ? Self.ipv4(UInt32(truncatingIfNeeded: address.low)) : Self.ipv6(address)
  }

  var mistake: String? { if case .nowhere(let text) = self { text } else { nil } }

  var warning: String? { if case .somewhere(let text) = self { text } else { nil } }

  private static let unspecified =
    "is no address that clients connect to; write the addresses that DNS leads them to"
  private static let link = "is of one link alone: clients elsewhere cannot connect to it"
  private static let loopback = "is loopback: clients on this machine alone reach it"
  private static let multicast = "is a multicast address, and no server's"

  private static func ipv4(_ number: UInt32) -> Reach {
    switch (number >> 24, number >> 16 & 255) {
    case (0, _): .nowhere(unspecified)
    case (224...239, _): .nowhere(multicast)
    case (240..., _): .nowhere("is reserved, and no server's")
    case (169, 254): .nowhere(link)
    case (127, _): .somewhere(loopback)
    case (10, _), (172, 16...31), (192, 168):
      .somewhere("is private (RFC 1918): clients in the same network alone reach it")
    case (100, 64...127):
      .somewhere("is shared (RFC 6598): clients in the provider's network alone reach it")
    default: .anywhere
    }
  }

  private static func ipv6(_ address: IPAddress) -> Reach {
    if address.high == 0, address.low <= 1 {
      return address.low == 0 ? .nowhere(unspecified) : .somewhere(loopback)
    }
    return switch address.high >> 48 {
    case 0xff00...0xffff: .nowhere(multicast)
    case 0xfe80...0xfebf: .nowhere(link)
    case 0xfc00...0xfdff:
      .somewhere("is private (RFC 4193): clients in the same network alone reach it")
    default: .anywhere
    }
  }
}

extension IPAddress {
  /// As people write it.
  var written: String { String(decoding: text, as: UTF8.self) }

  /// With a port.
  func with(port: UInt16) -> SocketAddress? {
    SocketAddress(ip: written, port: port)
  }
}
