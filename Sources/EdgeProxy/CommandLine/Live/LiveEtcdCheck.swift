internal import CertStore
internal import Configuration
internal import Etcd
internal import EventLoop

/// Asks each member of etcd how it is and what time it has, and judges the certificates there.
final class LiveEtcdCheck {
  private let check: LiveCheck
  private let settings: SharedSettings
  private let position: Position
  private let loop: EventLoop
  /// The questions that are not answered yet.
  private var open = 0
  /// A member has answered.
  private var isAnswered = false

  /// Tickets and certificates live for hours; a clock that is off by less does no harm.
  private static let skewSecondsMax: Int64 = 10

  init(check: LiveCheck, settings: SharedSettings, position: Position, loop: EventLoop) {
    self.check = check
    self.settings = settings
    self.position = position
    self.loop = loop
  }

  func run() throws(SystemError) {
    var clients: [EtcdClient] = []
    var clocks: [MemberClock] = []
    for endpoint in settings.etcd.endpoints {
      var one = settings.etcd
      one.endpoints = [endpoint]
      let client = EtcdClient(one, on: loop)
      clients.append(client)
      open += 2
      client.status { [unowned self] in status(endpoint, $0) }
      let clock = MemberClock(endpoint, settings.etcd.identity, on: loop) { [unowned self] in
        time($0, at: endpoint)
      }
      clocks.append(clock)
      clock.ask()
    }
    try finish()
    for client in clients { client.close() }
    let rights = LiveRightsCheck(check: check, settings: settings, position: position, loop: loop)
    if isAnswered { try rights.run() }
    if let (source, position) = check.named.certificatesInEtcd {
      try checkCertificates(source, position)
    }
  }

  /// Where the file names a member.
  private func place(_ endpoint: Endpoint) -> Position {
    check.named.files.etcd.first { $0.key == "endpoints" && $0.text == "\(endpoint)" }?.position
      ?? position
  }

  private func finish() throws(SystemError) {
    while open > 0 { try loop.turn(mayWait: true) }
  }

  private func status(_ endpoint: Endpoint, _ result: Result<StatusResponse, CallError>) {
    open -= 1
    switch result {
    case .failure(let error):
      check.findings.warning(place(endpoint), "'\(endpoint)' does not answer: \(error)")
    case .success(let status):
      isAnswered = true
      if status.leader == 0 {
        check.findings.warning(
          place(endpoint), "'\(endpoint)' has no leader: no quorum of its cluster")
      }
      for error in status.errors {
        check.findings.warning(place(endpoint), "'\(endpoint)' reports: \(Found.shortened(error))")
      }
      if ["3.5.0", "3.5.1", "3.5.2"].contains(status.version) {
        check.findings.warning(
          place(endpoint),
          "'\(endpoint)' is etcd \(status.version), which can corrupt its data in a crash; "
            + "3.5.3 does not")
      }
    }
  }

  private func time(_ seconds: Int64?, at endpoint: Endpoint) {
    open -= 1
    guard let seconds else { return }
    let skew = WallTime.seconds - seconds
    guard abs(skew) > Self.skewSecondsMax else { return }
    check.findings.warning(
      place(endpoint),
      "the clock here is \(abs(skew)) s \(skew > 0 ? "ahead of" : "behind") that of '\(endpoint)'")
  }

  // MARK: Certificates

  private func checkCertificates(
    _ source: CertificateSettings.EtcdSource, _ position: Position
  ) throws(SystemError) {
    let client = EtcdClient(settings.etcd, on: loop)
    defer { client.close() }
    let encryption = try? settings.readEncryptionKeys()
    let certificates = check.configuration.certificates
    var fromEtcd = EtcdCertificates(keys: encryption, readsLegacy: source.legacy)
    fromEtcd.routedHosts = check.configuration.routedHosts
    let store = CertStore(
      directory: certificates.directory.map { CertificateDirectory($0) }, etcd: fromEtcd,
      defaultName: certificates.defaultName)
    _ = store.load(now: check.now)
    let feed = CertificateFeed(client, source) { [unowned self] news in
      _ = store.update { $0.apply(news.changes, now: check.now) }
    }
    feed.start()
    while !feed.isListed {
      if let failure = feed.failure {
        let message = "the keys under '\(source.prefix)' cannot be read: \(failure)"
        if feed.isDenied {
          check.findings.error(position, message)
        } else {
          check.findings.warning(position, message)
        }
        return feed.end()
      }
      try loop.turn(mayWait: true)
    }
    feed.end()
    report(store, position)
  }

  private func report(_ store: CertStore, _ position: Position) {
    for refusal in store.refusals {
      check.findings.error(position, "'\(refusal.source)' is refused: \(refusal.reason)")
    }
    // What `acme` orders is to come.
    guard !store.index.isEmpty || check.configuration.acme != nil else {
      check.findings.error(position, "no usable certificate: https stays closed")
      return
    }
    CertificateCoverage(findings: check.findings, now: check.now).check(store.index, check.named)
  }
}
