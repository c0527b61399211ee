internal import EventLoop

/// Reads addresses and says what is wrong with one.
struct AddressReader {
  let context: ReadingContext

  /// Where to listen: an IP address with a port; `nil` after the mistake was reported.
  func read(_ node: YAMLNode, _ key: String) -> SocketAddress? {
    let expected = "an IP address with a port such as 0.0.0.0:443 or [::]:443"
    guard let text = context.text(node, key, expected) else { return nil }
    if let address = SocketAddress(text), address.family != .unix { return address }
    context.wrong(node, key, expected, reason(text, unix: false))
    return nil
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
    context.wrong(node, key, expected, reason(text, unix: true))
    return nil
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
    if host.isEmpty { return unix ? "" : "; did you mean '0.0.0.0:\(port)' or '[::]:\(port)'?" }
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
      context.named.listeners += addresses.map { ($0, section.position) }
      return addresses
    }
    guard case .list(let items) = value.content else {
      context.wrong(value, key, "a list of addresses such as [\"0.0.0.0:443\", \"[::]:443\"]")
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
}

/// The addresses of a default, which is one of our own constants.
private enum ReadyAddresses {
  static func parse(_ text: String) -> [SocketAddress] {
    text.split(separator: "\"").compactMap { SocketAddress(String($0)) }
  }
}
