internal import DNSCore
internal import EventLoop
internal import HTTPCore

/// Reads the `dns` mapping: what this server answers in DNS.
struct NameServiceReader {
  let context: ReadingContext
  /// Those of `public`.
  let addresses: [IPAddress]
  /// The listeners of TCP.
  let taken: [SocketAddress]

  private static let port: UInt16 = 53

  /// `nil` where the file has none, or no zone.
  func read(_ top: Section) -> NameServiceSettings? {
    guard let section = top.optionalSection("dns") else { return nil }
    context.named.dns.zone = section.position(of: "zone")
    let zone = zone(section)
    let settings = NameServiceSettings(
      zone: zone ?? .root, listen: listen(section), seconds: section.timeToLive("ttl"),
      returnAfter: section.duration("return_after"), servers: servers(section),
      answersPerSecond: limit(section), names: names(section, zone))
    checkPublic(top, section)
    checkServers(top, section, settings.servers)
    return zone == nil ? nil : settings
  }

  private func checkPublic(_ top: Section, _ section: Section) {
    guard !top.isGiven("public"), context.isComplete, !section.isRefused else { return }
    context.findings.error(
      section.position,
      "'dns' needs 'public', the addresses at which clients reach this server: public: [203.0.113.1]"
    )
  }

  // MARK: Zone

  private func zone(_ section: Section) -> DNSName? {
    guard let zone = section.dnsName("zone") else { return nil }
    let position = section.position(of: "zone")
    if !zone.contains(".") {
      context.findings.error(
        position,
        "'zone' must be below a zone of yours, such as fleet.example.org, found '\(zone)'")
    } else if SocketAddress(ip: zone, port: 1) != nil {
      context.findings.error(position, "'zone' must be a name, found the address '\(zone)'")
    } else if zone.utf8.count > Directives.zoneBytesMax {
      context.findings.error(
        position,
        "'zone' must have at most \(Directives.zoneBytesMax) characters, found \(zone.utf8.count):"
          + " names of yours stand before it")
    }
    return DNSName(zone)
  }

  // MARK: Listeners

  private func listen(_ section: Section) -> [SocketAddress] {
    let expected = "default or a list of addresses such as [\"203.0.113.1:53\"]"
    let value = section.take("listen").value
    guard let value else { return byDefault(section.position) }
    guard case .list(let items) = value.content else {
      if case .scalar(let text, _) = value.content, !value.isNothing {
        if text == "default" { return byDefault(value.position) }
        context.wrong(value, "listen", expected, listHint(text))
      } else {
        context.wrong(value, "listen", expected)
      }
      return []
    }
    if items.isEmpty, context.isComplete {
      context.findings.error(
        value.position, "'listen' must have at least one address; 'default' is those of 'public'")
    }
    if items.count > Directives.nameListenersMax {
      context.findings.error(
        value.position,
        "'listen' must have at most \(Directives.nameListenersMax), found \(items.count)")
    }
    var lines: [SocketAddress: Int] = [:]
    return items.compactMap { item in
      guard let address = section.nameServer(item, "listen") else { return nil }
      if let line = lines.updateValue(item.position.line, forKey: address) {
        context.findings.error(
          item.position, "'\(address)' is listened at twice, first on line \(line)")
      }
      check(address, item.position)
      return address
    }
  }

  private func byDefault(_ position: Position) -> [SocketAddress] {
    let all = addresses.compactMap { $0.with(port: Self.port) }
    for address in all { checkTaken(address, position) }
    return all
  }

  private func listHint(_ text: String) -> String {
    if ["auto", "public", "true", "yes", "on", "53"].contains(text.lowercased()) {
      return Found.meant("default")
    }
    let meant = SocketAddress(text) ?? SocketAddress(ip: text, port: Self.port)
    if let meant, meant.family != .unix { return Found.meantList(["\(meant)"]) }
    return Suggestion.text(for: text, among: ["default"])
  }

  private func check(_ address: SocketAddress, _ position: Position) {
    checkTaken(address, position)
    if ["0.0.0.0", "::"].contains(address.host) {
      context.findings.warning(
        position,
        "'\(address)' is every address of this machine, and systemd-resolved has port 53 of"
          + " 127.0.0.53: write the addresses that clients ask")
    }
    if let port = address.port, port != Self.port {
      context.findings.warning(
        position, "resolvers ask port 53 alone: something has to lead from it to port \(port)")
    }
  }

  private func checkTaken(_ address: SocketAddress, _ position: Position) {
    context.named.dns.listeners.append((address, position))
    if taken.contains(address) {
      context.findings.error(position, "'\(address)' is listened at already")
    }
  }

  // MARK: Limit

  private static let limit = "a number of answers a second such as 200, or off"

  private func limit(_ section: Section) -> Int? {
    guard let (text, position) = section.text("rate_limit", Self.limit), text != "off" else {
      return nil
    }
    if let number = Number.parse(text), Directives.answersRange.contains(number) { return number }
    let range = Directives.answersRange
    var hint = ""
    if Habits.isUnlimited(text) {
      hint = Found.meant("off")
    } else if Number.parse(text) != nil {
      hint = "; it is from \(range.lowerBound) to \(range.upperBound)"
    } else if let number = Number.parse(String(text.prefix { $0.isNumber })) {
      hint = Found.meant("\(number)")
    }
    context.findings.error(
      position, "'rate_limit' must be \(Self.limit), found '\(Found.shortened(text))'\(hint)")
    return nil
  }

  // MARK: Names that lead here

  private func names(_ section: Section, _ zone: DNSName?) -> [String] {
    let texts = section.texts("names", HostPattern.expected)
    if texts.count > Directives.zoneNamesMax {
      context.findings.error(
        section.position(of: "names"),
        "'names' must have at most \(Directives.zoneNamesMax), found \(texts.count)")
    }
    var lines: [String: Int] = [:]
    return texts.compactMap { text, position in
      guard let name = name(text, position) else { return nil }
      if let line = lines.updateValue(position.line, forKey: name) {
        context.findings.error(position, "'\(name)' is there twice, first on line \(line)")
      }
      let plain = name.hasPrefix("*.") ? String(name.dropFirst(2)) : name
      if let zone, DNSName(plain)?.isWithin(zone) == true {
        context.findings.error(
          position,
          "'\(name)' is in '\(zone)' itself; 'names' are those outside of it that lead to 'all.\(zone)'"
        )
      }
      return name
    }
  }

  private func name(_ text: String, _ position: Position) -> String? {
    if SocketAddress(ip: text, port: 1) != nil {
      context.findings.error(position, "'\(text)' is an IP address, and 'names' are names of yours")
      return nil
    }
    if HostPattern.isEverything(text) {
      context.findings.error(
        position,
        "'\(text)' is no name: '*.example.org' stands for all names below one of yours")
      return nil
    }
    let pattern = HostPattern.read(text)
    if let mistake = pattern.mistake(key: "names", wildcard: true) {
      context.findings.error(position, mistake)
    }
    return pattern.normal
  }
}

// MARK: Servers without etcd

extension NameServiceReader {
  private static let server = "the address of a server, or a list of the addresses of one"

  private func servers(_ section: Section) -> [[IPAddress]] {
    guard let value = section.take("servers").value else { return [] }
    guard case .list(let items) = value.content else {
      context.wrong(
        value, "servers",
        "a list of addresses such as [203.0.113.1, [203.0.113.2, \"2001:db8::2\"]]")
      return []
    }
    if items.isEmpty, context.isComplete {
      context.findings.error(value.position, "'servers' must have at least this server")
    }
    if items.count > Directives.serversMax {
      context.findings.error(
        value.position,
        "'servers' must have at most \(Directives.serversMax), found \(items.count)")
    }
    let reader = PublicAddressReader(context: context)
    var seen: [IPAddress: Int] = [:]
    return items.prefix(Directives.serversMax).compactMap { item in
      let found =
        switch item.content {
        case .list(let inner): reader.addresses(inner, "servers", at: item.position, &seen)
        case .scalar: reader.addresses([item], "servers", at: item.position, &seen)
        default: refuse(item)
        }
      return found.isEmpty ? nil : found.map(\.address)
    }
  }

  private func refuse(_ item: YAMLNode) -> [(address: IPAddress, position: Position)] {
    context.wrong(item, "servers", Self.server)
    return []
  }

  /// Whether all servers of the fleet are known, in one order.
  private func checkServers(_ top: Section, _ section: Section, _ servers: [[IPAddress]]) {
    guard context.isComplete, !section.isRefused else { return }
    let position = section.position(of: "servers")
    if top.isGiven("etcd") {
      guard section.isGiven("servers") else { return }
      return context.findings.error(
        position, "'servers' is for a fleet without etcd: through etcd the servers know one another"
      )
    }
    guard section.isGiven("servers") else {
      return context.findings.warning(
        section.position,
        "without 'etcd' this server knows no other and is all of 'all.ZONE'; 'dns: { servers: … }' lists"
          + " the servers of the fleet, or this one alone")
    }
    guard !servers.isEmpty, !addresses.isEmpty else { return }
    let own = Set(addresses)
    let entries = servers.filter { !own.isDisjoint(with: $0) }
    guard let entry = entries.first else {
      return context.findings.error(
        position,
        "'servers' has no address of 'public': it lists this server too, and is the same on all servers"
      )
    }
    if entries.count > 1 {
      context.findings.error(
        position,
        "'servers' has addresses of 'public' as two servers; those of one are a list in it")
    } else if let missing = addresses.first(where: { !entry.contains($0) }) {
      context.findings.warning(
        position,
        "'\(missing.written)' of 'public' is not in 'servers': the other servers do not answer it")
    }
  }
}
