package import EventLoop

/// Where a node of the configuration is.
package enum NodeAddress: Hashable, Sendable, CustomStringConvertible {
  case fixed(SocketAddress)
  /// Looked up while the server runs; it may stand for several nodes, or for none.
  case named(HostAndPort)

  /// `nil` for a name.
  package var fixed: SocketAddress? {
    if case .fixed(let address) = self { address } else { nil }
  }

  /// `nil` for an address.
  package var named: HostAndPort? {
    if case .named(let host) = self { host } else { nil }
  }

  /// As the configuration writes it.
  package var description: String {
    switch self {
    case .fixed(let address): address.description
    case .named(let host): host.description
    }
  }
}

/// A host name with a port, such as `app.internal:3031`.
package struct HostAndPort: Hashable, Sendable, CustomStringConvertible {
  /// In the form in which names are compared.
  package let host: String
  package let port: UInt16

  /// `nil` where it is none, or an IP address.
  package init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"),
      let number = Number.parse(String(text[text.index(after: colon)...])),
      let port = UInt16(exactly: number), port > 0
    else { return nil }
    let written = String(text[..<colon])
    // `unix:3031` is a path that lacks its slash.
    guard !written.hasPrefix("*"), written != "unix", written.contains(where: \.isLetter),
      let host = HostPattern.read(written).normal
    else { return nil }
    self.host = host
    self.port = port
  }

  package var description: String { "\(host):\(port)" }
}

extension UpstreamSettings {
  /// The names among its nodes.
  package var hosts: [HostAndPort] { nodes.compactMap(\.address.named) }
}
