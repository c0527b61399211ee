internal import DNSCore
internal import EventLoop

/// Reads how records for the challenge dns-01 are written.
struct AcmeDNSReader {
  let context: ReadingContext
  let names: NamedZones

  /// `nil` where it is not said and nothing else of the file can do it, or where it is not said rightly.
  func read(_ acme: Section) -> AcmeSettings.DNSWay? {
    context.named.acme.hasDNS = acme.isGiven("dns")
    guard acme.isGiven("dns"), let value = acme.take("dns").value else {
      return names.isAnswering ? .fleet : names.areKept ? .records : nil
    }
    if case .scalar = value.content, !value.isNothing { return way(value) }
    let section = acme.section("dns", given: value)
    let update = section.optionalSection("update").flatMap(update)
    let hook = section.optionalSection("hook").flatMap(hook)
    let (isUpdate, isHook) = (section.isGiven("update"), section.isGiven("hook"))
    if isUpdate, isHook {
      context.findings.error(
        section.position(of: "hook"), "'hook' beside 'update' in acme.dns: there is one way")
    }
    if !isUpdate, !isHook, !section.isRefused, context.isComplete {
      context.findings.error(
        section.position,
        "'acme.dns' needs 'update' or 'hook'; or it is the word fleet, or records")
    }
    return update.map { .update($0) } ?? hook.map { .hook($0) }
  }

  // MARK: Words

  private static let expected = "fleet, records, or a mapping with 'update' or 'hook'"

  private func way(_ value: YAMLNode) -> AcmeSettings.DNSWay? {
    guard let text = context.text(value, "dns", Self.expected) else { return nil }
    switch text {
    case "fleet":
      needs("dns", "fleet", "the zone that the servers answer", names.isAnswering, value.position)
      return .fleet
    case "records":
      needs("records", "records", "the provider", names.areKept, value.position)
      return .records
    default:
      context.wrong(value, "dns", Self.expected, Self.hint(text))
      return nil
    }
  }

  private func needs(
    _ key: String, _ word: String, _ what: String, _ isThere: Bool, _ position: Position
  ) {
    guard !isThere, context.isComplete else { return }
    context.findings.error(
      position, "'dns: \(word)' needs '\(key)' at the top, which names \(what)")
  }

  private static func hint(_ text: String) -> String {
    if let hint = LookAlike.hint(in: text) { return "; \(hint)" }
    let word = text.lowercased().filter { !"_-. ".contains($0) }
    if text.hasPrefix("/") {
      return "; did you mean { hook: { command: \(Found.shortened(text)) } }?"
    }
    if Habits.flag(text) == true
      || ["dns", "zone", "self", "edgeproxy", "own", "edge"].contains(word)
    {
      return Found.meant("fleet")
    }
    if ["provider", "api", "cloudns"].contains(word) { return Found.meant("records") }
    if ["rfc2136", "nsupdate", "update", "bind", "bind9", "knot", "powerdns"].contains(word) {
      return "; did you mean { update: … }?"
    }
    if ["hook", "exec", "script", "lego", "lexicon", "acmesh", "manual"].contains(word) {
      return "; did you mean { hook: { command: FILE } }?"
    }
    return Suggestion.text(for: text, among: ["fleet", "records"])
  }

  // MARK: Updates

  private func update(_ section: Section) -> AcmeSettings.Update? {
    let server = section.nameServer("server")
    let zone = section.dnsName("zone")
    let keyName = section.dnsName("key_name")
    let algorithm = AcmeSettings.Update.Algorithm(rawValue: section.word("algorithm"))
    let secondaries = secondaries(section)
    let resolver = section.nameServer("resolver")
    let keyFile = section.updateKey("key_file", keyName, algorithm == .sha512 ? .sha512 : .sha256)
    guard let server, let zone, let keyName, let keyFile else { return nil }
    return AcmeSettings.Update(
      server: server, zone: zone, keyName: keyName, keyFile: keyFile,
      algorithm: algorithm ?? .sha256, secondaries: secondaries, resolver: resolver)
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
    return items.compactMap { section.nameServer($0, "secondaries") }
  }

  // MARK: The hook

  private func hook(_ section: Section) -> AcmeSettings.Hook? {
    let (timeout, wait) = (section.duration("timeout"), section.duration("wait"))
    guard let command = section.program("command") else { return nil }
    return AcmeSettings.Hook(command: command, timeout: timeout, wait: wait)
  }
}
