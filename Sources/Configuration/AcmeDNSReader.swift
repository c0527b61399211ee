internal import EventLoop

/// Reads how records for the challenge dns-01 are written.
struct AcmeDNSReader {
  let context: ReadingContext

  /// `nil` where it is not said, or not rightly.
  func read(_ acme: Section) -> AcmeSettings.DNSWay? {
    context.named.acme.hasDNS = acme.isGiven("dns")
    guard let section = acme.optionalSection("dns") else { return nil }
    let update = section.optionalSection("update").flatMap(update)
    let hook = section.optionalSection("hook").flatMap(hook)
    let (isUpdate, isHook) = (section.isGiven("update"), section.isGiven("hook"))
    if isUpdate, isHook {
      context.findings.error(
        section.position(of: "hook"), "'hook' beside 'update' in acme.dns: there is one way")
    }
    if !isUpdate, !isHook, !section.isRefused, context.isComplete {
      context.findings.error(section.position, "'acme.dns' needs 'update' or 'hook'")
    }
    return update.map { .update($0) } ?? hook.map { .hook($0) }
  }

  // MARK: Updates

  private func update(_ section: Section) -> AcmeSettings.Update? {
    let server = section.take("server").value.flatMap { self.server($0, "server") }
    let zone = name("zone", section)
    let keyName = name("key_name", section)
    let algorithm = AcmeSettings.Update.Algorithm(rawValue: section.word("algorithm"))
    let secondaries = secondaries(section)
    let resolver =
      section.isGiven("resolver")
      ? section.take("resolver").value.flatMap { self.server($0, "resolver") } : nil
    guard let keyFile = section.path("key_file") else { return nil }
    guard let server, let zone, let keyName else { return nil }
    context.named.acme.secrets.append(
      (keyFile, section.position(of: "key_file"), .transactions(keyName, algorithm ?? .sha256)))
    return AcmeSettings.Update(
      server: server, zone: zone, keyName: keyName, keyFile: keyFile,
      algorithm: algorithm ?? .sha256, secondaries: secondaries, resolver: resolver)
  }

  private func server(_ node: YAMLNode, _ key: String) -> SocketAddress? {
    let expected = "an IP address with a port such as 192.0.2.1:53"
    guard let text = context.text(node, key, expected) else { return nil }
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
    context.wrong(node, key, expected, hint)
    return nil
  }

  private func secondaries(_ section: Section) -> [SocketAddress] {
    guard let value = section.take("secondaries").value, !value.isNothing else { return [] }
    guard case .list(let items) = value.content else {
      context.wrong(value, "secondaries", "a list of addresses such as [\"192.0.2.2:53\"]")
      return []
    }
    if items.count > Directives.acmeSecondariesMax {
      context.findings.error(
        value.position,
        "'secondaries' must have at most \(Directives.acmeSecondariesMax), found \(items.count)")
    }
    return items.compactMap { server($0, "secondaries") }
  }

  /// A name of DNS, normalised.
  private func name(_ key: String, _ section: Section) -> String? {
    guard let (text, position) = section.text(key) else { return nil }
    let pattern = HostPattern.read(text)
    if let mistake = pattern.mistake(key: key, wildcard: false) {
      context.findings.error(position, mistake)
      return nil
    }
    return pattern.normal
  }

  // MARK: The hook

  private func hook(_ section: Section) -> AcmeSettings.Hook? {
    let (timeout, wait) = (section.duration("timeout"), section.duration("wait"))
    guard let command = section.path("command") else { return nil }
    let position = section.position(of: "command")
    guard command.hasPrefix("/") else {
      let hint = command.contains(" ") ? "; it is called without a shell" : ""
      context.findings.error(
        position,
        "'command' must be the whole path of a program, found '\(Found.shortened(command))'\(hint)")
      return nil
    }
    context.named.acme.hook = (command, position)
    return AcmeSettings.Hook(command: command, timeout: timeout, wait: wait)
  }
}
