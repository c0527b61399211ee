internal import EventLoop
internal import Glibc

/// Builds the configuration from the tree of its file.
struct ConfigurationReader {
  let context: ReadingContext

  func read(_ root: YAMLNode) -> Configuration {
    let top = Section(parent: "", name: "", node: root, at: .start, context)
    let upstreams = UpstreamReader(context: context).read(top)
    let subscriptions = SubscriptionsReader(context: context).read(top)
    let shared = SharedReader(context: context).read(top)
    let listen = listen(top.section("listen"), upstreams, isShared: shared != nil)
    let certificates = certificates(
      top.section("certificates"), areNeeded: !listen.https.isEmpty)
    if certificates.etcd != nil, shared == nil, let named = context.named.certificatesInEtcd {
      context.findings.error(
        named.position, "'certificates.etcd' needs 'etcd' with its endpoints")
    }
    if listen.peers.isEmpty, context.isComplete {
      for (name, position) in context.named.upstreams.everywhere {
        context.findings.error(position, "'everywhere' in \(name) needs 'listen.peers'")
      }
    }
    let publicAddresses = PublicAddressReader(context: context).read(top)
    let taken = listen.https + listen.http + listen.peers + listen.tcp.map(\.address)
    let nameService = NameServiceReader(
      context: context, addresses: publicAddresses, taken: taken + listen.admin
    ).read(top)
    let records = RecordsReader(context: context).read(top)
    let zones = NamedZones(
      isAnswering: top.isGiven("dns"), areKept: top.isGiven("records"),
      isDivided: (nameService?.servers.count ?? 0) > 1, fleet: nameService?.zone,
      provider: records?.zone)
    let acmeReader = AcmeReader(context: context, listen: listen, names: zones)
    let acme = acmeReader.read(top)
    let routes = RouteReader(
      context: context, upstreams: upstreams, listeners: listen.tcp,
      isNeeded: listen.tcp.isEmpty || !listen.https.isEmpty
    ).read(top)
    acmeReader.warnOfUnusedNames()
    return Configuration(
      path: context.findings.path, node: node(top),
      state: path("state", top, \.states) ?? "",
      trusted: NetworkReader(context: context).read("trusted", top),
      addresses: AccessReader(context: context).addresses(top),
      listen: listen, certificates: certificates,
      tls: tls(top.section("tls"), isShared: shared != nil), etcd: shared,
      acme: acme, publicAddresses: publicAddresses, nameService: nameService, records: records,
      subscriptions: subscriptions, upstreams: upstreams.settings, routes: routes,
      compress: CompressReader(context: context).read(top.section("compress")),
      stale: StaleReader(context: context).read(top.section("stale")),
      health: health(top.section("health")),
      acmeChallenges: path("acme_challenges", top, \.challenges),
      errorPages: ErrorPageReader(context: context).read(top), log: log(top.section("log")),
      traces: TraceSettings(top.section("traces")),
      limits: limits(top.section("limits")), timeouts: timeouts(top.section("timeouts")))
  }

  /// A path, remembered for the check that looks whether it exists.
  private func path(
    _ key: String, _ section: Section,
    _ list: ReferenceWritableKeyPath<NamedThings, [NamedThings.Path]>
  ) -> String? {
    let mistakes = context.findings.errorCount
    guard let path = section.path(key) else { return nil }
    // After a mistake of syntax the key may only not have been reached.
    if context.findings.errorCount == mistakes, context.isComplete || section.isGiven(key) {
      context.named[keyPath: list].append((path, section.position(of: key)))
    }
    return path
  }

  private func node(_ top: Section) -> String {
    guard let (name, position) = top.text("node") else { return MachineName.own() }
    if !NodeName.isGood(name.utf8) {
      context.findings.error(
        position, "'node' must be a name such as edge-1, found '\(Found.shortened(name))'")
    }
    return name
  }

  private func listen(
    _ section: Section, _ upstreams: NamedUpstreams, isShared: Bool
  ) -> ListenSettings {
    let addresses = ListenAddressReader(context: context)
    let (https, http, peers) = addresses.read(section)
    if !peers.isEmpty, !isShared, context.isComplete {
      context.findings.error(
        section.position(of: "peers"),
        "'peers' needs 'etcd', through which the servers know one another")
    }
    let tcp = TCPListenReader(context: context, upstreams: upstreams)
      .read(section, taken: https + http + peers)
    let admin = AdminAddressReader(context: context)
      .read(section, taken: https + http + peers + tcp.map(\.address))
    return ListenSettings(
      https: https, http: http, admin: admin,
      proxyProtocol: NetworkReader(context: context).read("proxy_protocol", section),
      http2: section.flag("http2"), tcp: tcp, peers: peers,
      closeWhenUnable: closeWhenUnable(section, isShared: isShared),
      closeAfter: section.duration("close_after"), openAfter: section.duration("open_after"))
  }

  private func closeWhenUnable(_ section: Section, isShared: Bool) -> CloseWhenUnable {
    let word = CloseWhenUnable(rawValue: section.word("close_when_unable"))
    if word == .fleet, !isShared, context.isComplete {
      context.findings.error(
        section.position(of: "close_when_unable"),
        "'close_when_unable: fleet' needs 'etcd', through which the servers agree")
    }
    return word ?? (isShared ? .fleet : .never)
  }

  /// Without https there is no directory of certificates unless the file names one.
  private func certificates(_ section: Section, areNeeded: Bool) -> CertificateSettings {
    let etcd = section.optionalSection("etcd").map {
      CertificateSettings.EtcdSource(
        prefix: SharedReader.prefix($0, context), legacy: $0.flag("legacy"))
    }
    if let etcd { context.named.certificatesInEtcd = (etcd, section.position(of: "etcd")) }
    let isRead = section.isGiven("directory") || areNeeded && etcd == nil
    let directory = isRead ? path("directory", section, \.certificates) ?? "" : nil
    guard let (name, position) = section.text("default") else {
      return CertificateSettings(directory: directory, etcd: etcd, defaultName: nil)
    }
    let host = HostPattern.read(name)
    if let mistake = host.mistake(key: "default", wildcard: false) {
      context.findings.error(position, mistake)
    } else {
      context.named.defaultName = (host.normal ?? name, position)
    }
    return CertificateSettings(
      directory: directory, etcd: etcd, defaultName: host.normal ?? name)
  }

  private func tls(_ section: Section, isShared: Bool) -> TLSSettings {
    let tickets = TLSSettings.Tickets(rawValue: section.word("tickets")) ?? .local
    if tickets == .etcd, !isShared {
      context.findings.error(
        section.position(of: "tickets"), "'tickets: etcd' needs 'etcd' with its endpoints")
    }
    return TLSSettings(
      minimum: TLSSettings.MinimumVersion(rawValue: section.word("minimum")) ?? .tls12,
      tickets: tickets)
  }

  private func health(_ section: Section) -> HealthSettings {
    HealthSettings(path: URLPath.read("path", section, context))
  }

  private func log(_ section: Section) -> LogSettings {
    LogReader(context: context).read(section, access: path("access", section, \.logs))
  }

  private func limits(_ section: Section) -> LimitSettings {
    LimitSettings(
      headBytes: section.size("head"), fields: section.number("fields"),
      requestLineBytes: section.size("request_line"),
      responseHeadBytes: section.size("response_head"), connections: section.number("connections"),
      connectionsPerAddress: section.number("connections_per_address"),
      requestsPerAddress: RequestRate(section.section("requests_per_address")),
      compressors: section.number("compressors"),
      streams: section.number("streams"),
      memoryBytes: section.size("memory"), held: section.number("held"),
      queued: section.number("queued"),
      bodyMemoryBytes: section.size("body_memory"),
      responseMemoryBytes: section.size("response_memory"),
      responseFileBytes: section.size("response_file"),
      temporaryFileBytes: section.size("temporary_files"))
  }

  private func timeouts(_ section: Section) -> TimeoutSettings {
    TimeoutSettings(
      handshake: section.duration("handshake"), head: section.duration("head"),
      body: section.duration("body"), send: section.duration("send"),
      keepAlive: section.duration("keep_alive"), drain: section.duration("drain"))
  }
}

extension RequestRate {
  /// `nil` where there is no limit.
  init?(_ section: Section) {
    let rate = section.number("rate")
    let burst = section.number("burst")
    guard rate > 0 else { return nil }
    self.init(perSecond: rate, burst: burst > 0 ? burst : 2 * rate)
  }
}

/// The name of this machine.
enum MachineName {
  static func own() -> String {
    var name = [CChar](repeating: 0, count: 256)
    // SAFETY: the kernel writes at most what it is given, and the last byte stays 0.
    let found = unsafe gethostname(&name, name.count - 1) == 0
    let text = String(
      decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return found && !text.isEmpty ? text : "localhost"
  }
}
