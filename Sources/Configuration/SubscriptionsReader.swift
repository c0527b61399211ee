internal import EventLoop
internal import HTTPCore

/// Reads the `subscriptions` mapping.
struct SubscriptionsReader {
  let context: ReadingContext

  /// `nil` where the file has none; then no upstream may be discovered.
  func read(_ top: Section) -> SubscriptionSettings? {
    guard let section = top.optionalSection("subscriptions") else {
      for (name, position) in context.named.upstreams.discovered where context.isComplete {
        context.findings.error(
          position, "'discover: subscriptions' in \(name) needs 'subscriptions' with 'listen'")
      }
      return nil
    }
    let listen = listen(section)
    let settings = SubscriptionSettings(
      listen: listen.map(\.address), allow: allow(section),
      signingKeys: section.path("signing_keys"),
      allowsSHA1: section.flag("allow_sha1"), isShared: section.word("share") == "etcd")
    if settings.isShared, !top.isGiven("etcd"), context.isComplete {
      context.findings.error(section.position(of: "share"), "'share: etcd' needs 'etcd'")
    }
    if let path = settings.signingKeys {
      context.named.files.signingKeys = (path, section.position(of: "signing_keys"))
    }
    if settings.allow == nil, settings.signingKeys == nil, context.isComplete {
      for (address, position) in listen where !address.isLocal {
        context.findings.error(
          position,
          "'\(address)' takes subscriptions from other machines: 'allow' or 'signing_keys' must say"
            + " which are believed")
      }
    }
    if settings.signingKeys == nil, section.isGiven("allow_sha1") {
      context.findings.warning(
        section.position(of: "allow_sha1"), "'allow_sha1' means nothing without 'signing_keys'")
    }
    return settings
  }

  private func listen(_ section: Section) -> [(address: SocketAddress, position: Position)] {
    let (_, value) = section.take("listen")
    guard let value else { return [] }
    var items = [value]
    if case .list(let list) = value.content { items = list }
    if items.isEmpty, context.isComplete {
      context.findings.error(value.position, "'listen' must have at least one address")
    }
    if items.count > Directives.subscriptionListenersMax {
      context.findings.error(
        value.position,
        "'listen' must have at most \(Directives.subscriptionListenersMax), found \(items.count)")
    }
    var seen: [SocketAddress: Int] = [:]
    return items.compactMap { item in
      guard let address = AddressReader(context: context).readListener(item) else { return nil }
      if address.port != 0, let line = seen.updateValue(item.position.line, forKey: address) {
        context.findings.error(
          item.position, "'\(address)' is listened at twice, first on line \(line)")
      }
      if address.family == .unix, !address.host.hasPrefix("@") {
        context.named.files.ownSockets.append((address.host, item.position))
      }
      return (address, item.position)
    }
  }

  private func allow(_ section: Section) -> [SubscriptionSettings.Permission]? {
    guard section.isGiven("allow") else { return nil }
    let items = section.items(of: section.take("allow").value, "allow")
    if items.count > Directives.permissionsMax {
      context.findings.error(
        section.position(of: "allow"),
        "'allow' must have at most \(Directives.permissionsMax), found \(items.count)")
    }
    return items.compactMap { item, _ in
      let from = NetworkReader(context: context).one("from", item)
      let keys = keys(item)
      let addresses = NetworkReader(context: context).read("addresses", item)
      return from.map {
        SubscriptionSettings.Permission(from: $0, keys: keys, addresses: addresses)
      }
    }
  }

  private func keys(_ section: Section) -> [[UInt8]] {
    let texts = section.texts("keys", "a host name such as app.example.org or *.example.org")
    if section.isGiven("keys"), texts.count > Directives.permissionKeysMax {
      context.findings.error(
        section.position(of: "keys"),
        "'keys' must have at most \(Directives.permissionKeysMax), found \(texts.count)")
    }
    return texts.compactMap { text, position in
      let host = HostPattern.read(text)
      if let mistake = host.mistake(key: "keys", wildcard: true) {
        context.findings.error(position, mistake)
        return nil
      }
      return host.normal.map { Array($0.utf8) }
    }
  }
}
