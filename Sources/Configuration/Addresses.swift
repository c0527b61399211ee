internal import EventLoop

/// Reads addresses and says what is wrong with one.
struct AddressReader {
  let context: ReadingContext

  /// Where to listen: an IP address with a port; `nil` after the mistake was reported.
  func read(_ node: YAMLNode, _ key: String) -> SocketAddress? {
    let expected = "an IP address with a port such as 0.0.0.0:443 or [::]:443"
    guard let text = context.text(node, key, expected) else { return nil }
    if let address = SocketAddress(text), address.family != .unix { return address }
    context.wrong(
      node, key, expected,
      Self.meantListener(text).map { Found.meant($0) } ?? reason(text, unix: false))
    return nil
  }

  /// The address to listen at that another server's way of writing it means.
  static func meantListener(_ text: String) -> String? {
    let first = text.split(separator: " ").first.map(String.init) ?? ""
    let port = first.hasPrefix("*:") ? String(first.dropFirst(2)) : first
    if let number = Number.parse(port), (1...65_535).contains(number) { return "0.0.0.0:\(port)" }
    for scheme in ["https://", "http://", "tcp://"] where first.hasPrefix(scheme) {
      let rest = String(first.dropFirst(scheme.count)).filter { $0 != "/" }
      return SocketAddress(rest).map(\.description)
    }
    // `0.0.0.0:443 ssl http2` of nginx and `[::]:443;`.
    let bare = first.hasSuffix(";") ? String(first.dropLast()) : first
    return bare != text && !bare.hasPrefix("unix:") ? SocketAddress(bare).map(\.description) : nil
  }

  /// Where a node is: a path, or an IP address or a host name with a port.
  func readNode(_ node: YAMLNode, _ key: String) -> NodeAddress? {
    let expected = "an address such as unix:/run/app.sock, 10.0.0.2:3031 or app.internal:3031"
    guard let text = context.text(node, key, expected) else { return nil }
    if let address = SocketAddress(text), address.port != 0 {
      if address.family != .unix || text.hasPrefix("unix:/") || text.hasPrefix("unix:@") {
        return .fixed(address)
      }
    } else if let host = HostAndPort(text) {
      return .named(host)
    }
    context.wrong(node, key, expected, Self.foreign(text) ?? reason(text, unix: true))
    return nil
  }

  /// What is said to a node as another server writes it: a URL, or an address with words behind it.
  private static func foreign(_ text: String) -> String? {
    if text.hasSuffix(";") { return "; no ';' ends a value" }
    if let range = text.firstRange(of: "://") {
      let scheme = text[..<range.lowerBound]
      let rest = text[range.upperBound...]
      let authority = rest.prefix { $0 != "/" && $0 != "?" }
      if scheme == "unix" { return Found.meant("unix:/" + Found.shortened(String(rest))) }
      let port = authority.contains(":") ? "" : scheme == "https" ? ":443" : ":80"
      let spoken =
        ["http", "https", "uwsgi", "tcp"].contains(scheme)
        ? " with 'protocol: \(scheme)'" : ""
      return authority.isEmpty
        ? nil : "; no URL is taken here: '\(Found.shortened(authority + port))'\(spoken)"
    }
    if let number = Number.parse(text), (1...65_535).contains(number) {
      return Found.meant("127.0.0.1:\(text)")
    }
    let words = text.split { " ,".contains($0) }.map(String.init)
    guard words.count > 1 else { return nil }
    if words.allSatisfy({ $0.contains(":") }) {
      return "; one address is taken here, each has its own"
    }
    let address = words.first { $0.contains(":") } ?? words[0]
    return "; more about a node is in keys: { address: \"\(Found.shortened(address))\", weight: 2 }"
  }

  /// An address that datagrams are taken at; port 0 is any.
  func readListener(_ node: YAMLNode) -> SocketAddress? {
    let expected = "an address such as 127.0.0.1:7000 or unix:/run/edgeproxy/subscriptions.sock"
    guard let text = context.text(node, "listen", expected) else { return nil }
    if let address = SocketAddress(text) {
      if address.family != .unix || text.hasPrefix("unix:/") || text.hasPrefix("unix:@") {
        return address
      }
    }
    context.wrong(node, "listen", expected, reason(text, unix: text.hasPrefix("unix:")))
    return nil
  }

  private func reason(_ text: String, unix: Bool) -> String {
    if text.hasPrefix("unix:") {
      if !unix { return "; a unix socket cannot be listened at here" }
      let path = text.dropFirst(5)
      if path.utf8.count > SocketAddress.unixPathBytesMax {
        return "; the path has \(path.utf8.count) bytes and the kernel takes"
          + " \(SocketAddress.unixPathBytesMax)"
      }
      return "; the path must begin with '/', or with '@' for an abstract name"
    }
    if text.hasPrefix("/") { return unix ? "; did you mean 'unix:\(Found.shortened(text))'?" : "" }
    if text.hasPrefix("@") { return unix ? "; did you mean 'unix:\(Found.shortened(text))'?" : "" }
    if text.contains("://") { return "; no scheme belongs here" }
    let variable = Habits.variable(text)
    if !variable.isEmpty { return variable }
    if let hint = LookAlike.hint(in: text) { return "; \(hint)" }
    guard let colon = text.lastIndex(of: ":") else { return "; the port is missing" }
    let host = String(text[..<colon])
    let port = String(text[text.index(after: colon)...])
    if SocketAddress(ip: text, port: 1) != nil {
      return "; an IPv6 address stands in brackets and has a port after them"
    }
    guard let number = Number.parse(port), unix ? number > 0 : true, number <= 65_535 else {
      return "; a port is a number from \(unix ? 1 : 0) to 65535"
    }
    if SocketAddress(ip: host, port: 1) != nil, host.contains(":") {
      return "; an IPv6 address stands in brackets"
    }
    if host.isEmpty {
      return unix
        ? "; did you mean '127.0.0.1:\(port)'?"
        : "; did you mean '0.0.0.0:\(port)' or '[::]:\(port)'?"
    }
    if host.allSatisfy({ $0.isNumber || $0 == "." }) {
      return "; an IPv4 address has four numbers of at most 255"
    }
    if host == "localhost" { return "; did you mean '127.0.0.1:\(port)'?" }
    return !unix && HostPattern.read(host).normal != nil && host.contains(where: \.isLetter)
      ? "; host names are not looked up, write the IP address" : ""
  }
}

/// Reads where clients come in.
struct ListenAddressReader {
  let context: ReadingContext

  typealias Addresses = (https: [SocketAddress], http: [SocketAddress], peers: [SocketAddress])

  func read(_ section: Section) -> Addresses {
    var seen: [SocketAddress: Int] = [:]
    // A server may pass on nothing but TCP sessions.
    let https = addresses("https", section, mayBeEmpty: section.isGiven("tcp"), &seen)
    let http = addresses("http", section, mayBeEmpty: true, &seen)
    let peers = addresses("peers", section, mayBeEmpty: true, &seen)
    return (https, http, peers)
  }

  private func addresses(
    _ key: String, _ section: Section, mayBeEmpty: Bool, _ seen: inout [SocketAddress: Int]
  ) -> [SocketAddress] {
    let (row, value) = section.take(key)
    guard let value else {
      let addresses = ReadyAddresses.parse(row.defaultText ?? "")
      if context.isComplete { context.named.listeners += addresses.map { ($0, section.position) } }
      return addresses
    }
    guard case .list(let items) = value.content else {
      context.wrong(
        value, key, "a list of addresses such as [\"0.0.0.0:443\", \"[::]:443\"]",
        listHint(value, mayBeEmpty: mayBeEmpty))
      return []
    }
    if items.isEmpty, !mayBeEmpty, context.isComplete {
      context.findings.error(value.position, "'\(key)' must have at least one address")
    }
    var addresses: [SocketAddress] = []
    for item in items {
      let found = AddressReader(context: context).read(item, key)
      guard let address = found else { continue }
      // Port 0 is another port each time.
      if address.port != 0, let line = seen.updateValue(item.position.line, forKey: address) {
        context.findings.error(
          item.position, "'\(address)' is listened at twice, first on line \(line)")
      }
      addresses.append(address)
      context.named.listeners.append((address, item.position))
    }
    return addresses
  }

  /// What is said to one word in the place of a list.
  private func listHint(_ value: YAMLNode, mayBeEmpty: Bool) -> String {
    guard case .scalar(let text, _) = value.content else { return "" }
    if Habits.flag(text) == false, text != "0" {
      return mayBeEmpty ? "; [] is for none" : "; it cannot be switched off"
    }
    return AddressReader.meantListener(text).map { Found.meantList([$0]) } ?? ""
  }
}

/// The addresses of a default, which is one of our own constants.
private enum ReadyAddresses {
  static func parse(_ text: String) -> [SocketAddress] {
    text.split(separator: "\"").compactMap { SocketAddress(String($0)) }
  }
}
