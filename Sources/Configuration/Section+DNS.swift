internal import DNSCore
internal import EventLoop

/// Keys about DNS that several mappings have.
extension Section {
  private static let server = "an IP address with a port such as 192.0.2.1:53"

  /// Where a name server is; `nil` where the key is left out, or wrong.
  func nameServer(_ key: String) -> SocketAddress? {
    take(key).value.flatMap { nameServer($0, key) }
  }

  /// The same of one item of a list.
  func nameServer(_ node: YAMLNode, _ key: String) -> SocketAddress? {
    guard let text = context.text(node, key, Self.server) else { return nil }
    if let address = SocketAddress(text), address.family != .unix, address.port != 0 {
      return address
    }
    var hint = ""
    if let meant = SocketAddress(ip: text, port: 53) {
      hint = Found.meant("\(meant)")
    } else if text.contains(where: \.isLetter), HostPattern.read(text).normal != nil {
      hint = "; host names are not looked up, write the IP address"
    } else if HostAndPort(text) != nil {
      hint = "; host names are not looked up, write the IP address"
    }
    context.wrong(node, key, Self.server, hint)
    return nil
  }

  /// A name of DNS, normalised, without `*`.
  func dnsName(_ key: String) -> String? {
    guard let (text, position) = text(key) else { return nil }
    let pattern = HostPattern.read(text)
    if let mistake = pattern.mistake(key: key, wildcard: false) {
      context.findings.error(position, mistake)
      return nil
    }
    return pattern.normal
  }

  /// A program that is called without a shell.
  func program(_ key: String) -> String? {
    guard let command = path(key) else { return nil }
    let position = position(of: key)
    guard command.hasPrefix("/") else {
      let hint = command.contains(" ") ? "; it is called without a shell" : ""
      context.findings.error(
        position,
        "'\(key)' must be the whole path of a program, found '\(Found.shortened(command))'\(hint)")
      return nil
    }
    context.named.files.programs.append((command, position))
    return command
  }

  /// The file of the secret that updates of DNS are signed with; a wrong name of its key was reported.
  func updateKey(_ key: String, _ name: String?, _ algorithm: TSIGAlgorithm) -> String? {
    guard let path = path(key) else { return nil }
    if let name = name.flatMap({ DNSName($0) }) {
      context.named.files.secrets.append(
        NamedSecret(
          path: path, position: position(of: key), kind: .transactions(name, algorithm)))
    }
    return path
  }

  /// How long answers may be kept, in whole seconds; a number alone is seconds, as in zone files.
  func timeToLive(_ key: String) -> UInt32 {
    let span = duration(key) { text in
      TimeSpan.parse(text) ?? Number.parse(text).map { .seconds($0) }
    }
    if span.components.attoseconds != 0 {
      context.findings.error(
        position(of: key),
        "'\(key)' must be whole seconds, found '\(TimeSpan.text(span))'; DNS counts no parts of them"
      )
    }
    // The row bounds it far below what fits.
    return UInt32(clamping: span.components.seconds)
  }
}
