internal import Calendar
internal import CertStore
internal import Configuration
internal import Etcd
internal import EventLoop
internal import Logging
internal import TLS

/// Keeps the certificates in step with their directory and with etcd, for the control thread, and
/// reports what becomes of them.
final class CertificateKeeper: EventSource, TimerTarget {
  private var settings: CertificateSettings
  /// What opens and seals private keys in etcd.
  private(set) var encryption: EncryptionKeys?
  private let logger: Logger
  private var directory: CertificateDirectory?
  private var store: CertStore
  /// Newly configured sources, until a usable certificate was found in them.
  private var successor: CertStore?
  /// Whether `successor` is complete: it has heard of all that etcd has.
  private var hasHeard: () -> Bool = { true }
  private let copy: CertificateCopy
  private var loop: EventLoop?
  private var token = SourceToken.none
  private var timer = TimerToken.none
  private var changed: (() -> Void)?
  private var expiry = ExpiryNotices()
  private struct Reported: Hashable {
    let source: String
    let serial: String
  }

  /// What the log says is served.
  private var reported: Set<Reported> = []
  /// What it says is not, and why.
  private var idle: Set<String> = []
  private var uncoveredDefault: String?
  /// The certificates that the last reading refused, and why.
  private(set) var refusals: [CertStore.Refusal] = []
  /// Why the copy on disk is not what is served; `nil` while it is.
  private(set) var copyFailure: String?

  /// How long after a change a directory is read: tools write several files.
  ///
  /// Later changes lead to another reading, so that a busy directory cannot put it off.
  private static let delay = Duration.milliseconds(100)
  /// Refusals of one reading that have a line each; otherwise a client of etcd could fill the log.
  private static let refusalsToldMax = 50

  /// `encryption` opens the private keys that etcd has.
  init(_ configuration: Configuration, encryption: EncryptionKeys?, logger: Logger) {
    settings = configuration.certificates
    self.encryption = encryption
    self.logger = logger
    directory = settings.directory.map { CertificateDirectory($0) }
    let etcd = settings.etcd.map { EtcdCertificates(keys: encryption, readsLegacy: $0.legacy) }
    store = CertStore(directory: directory, etcd: etcd, defaultName: settings.defaultName)
    copy = CertificateCopy("\(configuration.state)/certificates")
    route(configuration.routedHosts)
  }

  var index: CertificateIndex { store.index }

  // MARK: Reading

  /// Reads the copy of what etcd had, and the directory, for the first time.
  func begin() {
    if settings.etcd != nil {
      do throws(CopyError) {
        let (records, damaged) = try copy.load()
        for refusal in damaged { log(refusal) }
        _ = store.update { $0.loadCopy(records, now: Self.now) }
      } catch {
        logger.error("the copy of the certificates was not read", metadata: ["error": "\(error)"])
      }
    }
    _ = store.load(now: Self.now)
    reportServed()
    report()
  }

  /// Reads the directory; the new index when what is served changes.
  func load() -> CertificateIndex? {
    guard let successor else { return settle(store.load(now: Self.now)) }
    // Sources without a usable certificate do not take away what is served.
    _ = successor.load(now: Self.now)
    guard !successor.index.isEmpty, hasHeard() else {
      report(successor.refusals)
      return nil
    }
    store = successor
    self.successor = nil
    save()
    return settle(true)
  }

  private static var now: Int64 { WallTime.seconds }

  private func settle(_ isChanged: Bool) -> CertificateIndex? {
    report()
    guard isChanged else { return nil }
    reportServed()
    return index
  }

  // MARK: etcd

  /// Follows etcd from here on, where certificates come from it; `changed` is told of each new index.
  func follow(
    _ client: EtcdClient, changed: @escaping (CertificateIndex) -> Void
  ) -> CertificateFeed? {
    guard let source = settings.etcd else { return nil }
    let feed = CertificateFeed(
      client, source,
      known: { [unowned self] in store.etcd?.copy.flatMap { $0.values.map(\.key) } ?? [] },
      told: { [unowned self] changes in
        let isChanged = take(changes)
        if let index = settle(isChanged) { changed(index) }
        save()
      })
    hasHeard = { [weak feed] in feed?.isListed ?? true }
    feed.start()
    return feed
  }

  private func take(_ changes: [StoredChange]) -> Bool {
    _ = successor?.update { $0.apply(changes, now: Self.now) }
    return store.update { $0.apply(changes, now: Self.now) }
  }

  /// Keeps what etcd has on disk, for a start without it.
  private func save() {
    guard let records = store.etcd?.copy else { return }
    do throws(CopyError) {
      try copy.save(records)
      if copyFailure != nil { logger.notice("the copy of the certificates is whole again") }
      copyFailure = nil
    } catch {
      guard copyFailure != "\(error)" else { return }
      copyFailure = "\(error)"
      logger.error(
        "the copy of the certificates was not written; they are served all the same",
        metadata: ["error": "\(error)"])
    }
  }

  // MARK: Ticket keys

  /// The fleet's ticket keys as they were when this server last had them.
  func savedTicketKeys(_ encryption: EncryptionKeys?) -> TicketKeyring? {
    do throws(CopyError) {
      return try copy.loadTicketKeys(with: encryption)
    } catch {
      logger.warning("the copy of the ticket keys was not read", metadata: ["error": "\(error)"])
      return nil
    }
  }

  func save(_ keyring: TicketKeyring, _ encryption: EncryptionKeys?) {
    do {
      try copy.saveTicketKeys(try keyring.encoded(with: encryption))
    } catch {
      logger.warning(
        "the copy of the ticket keys was not written", metadata: ["error": "\(error)"])
    }
  }

  // MARK: Reports

  private func report() { report(store.refusals) }

  private func report(_ refusals: [CertStore.Refusal]) {
    let known = Set(self.refusals)
    let news = refusals.filter { !known.contains($0) }
    for refusal in news.prefix(Self.refusalsToldMax) { log(refusal) }
    if news.count > Self.refusalsToldMax {
      logger.error(
        "more certificates refused",
        metadata: ["count": "\(news.count - Self.refusalsToldMax)", "see": "edgeproxy status"])
    }
    self.refusals = refusals
  }

  private func log(_ refusal: CertStore.Refusal) {
    logger.error(
      "certificate refused",
      metadata: ["source": "\(refusal.source)", "reason": "\(refusal.reason)"])
  }

  /// Tells what is served that was not before: of a thousand certificates one changes at a time.
  private func reportServed() {
    var now: Set<Reported> = []
    for served in index.served {
      let current = Reported(source: served.source, serial: served.certificate.serial)
      now.insert(current)
      if !reported.contains(current) { reportServed(served) }
    }
    reported = now
    for source in index.idle where !idle.contains(source) {
      logger.notice(
        "certificate not served: others, newer or of an exact name, answer for all its names",
        metadata: ["source": "\(source)"])
    }
    idle = Set(index.idle)
    if let name = index.uncoveredDefault, name != uncoveredDefault {
      logger.warning(
        "no certificate covers 'certificates.default'; clients that name no server get another",
        metadata: ["name": "\(name)"])
    }
    uncoveredDefault = index.uncoveredDefault
  }

  private func reportServed(_ served: CertificateIndex.Served) {
    logger.notice(
      "certificate served",
      metadata: [
        "source": "\(served.source)", "names": "\(served.nameTexts.joined(separator: " "))",
        "serial": "\(served.certificate.serial)",
      ])
    for warning in served.certificate.warnings {
      logger.warning(
        "certificate served, with a warning",
        metadata: ["source": "\(served.source)", "warning": "\(warning)"])
    }
  }

  private func warnOfEnds() {
    for notice in expiry.due(in: index, now: Self.now) {
      logger.warning(
        notice.threshold == .expired ? "certificate has expired" : "certificate expires soon",
        metadata: [
          "source": "\(notice.source)",
          "names": "\(notice.certificate.names.joined(separator: " "))",
          "serial": "\(notice.certificate.serial)",
          "until": "\(UTC.text(notice.certificate.notAfter))\(notice.certificate.endRemark)",
        ])
    }
  }

  // MARK: Changes

  /// Calls `changed` a moment after something in the directory has changed.
  func watch(on loop: EventLoop, changed: @escaping () -> Void) throws(SystemError) {
    self.loop = loop
    self.changed = changed
    if let descriptor = directory?.descriptor {
      token = try loop.register(descriptor, self, [.readable])
    }
  }

  /// Another directory, source in etcd, default name or routes; the old certificates go on until `load`
  /// finds new ones.
  ///
  /// `follow` has to come next where etcd has another part.
  func reconfigure(_ next: Configuration, encryption keys: EncryptionKeys?) {
    defer { route(next.routedHosts) }
    let certificates = next.certificates
    let isSameInEtcd = certificates.etcd == settings.etcd && keys == encryption
    guard certificates != settings || !isSameInEtcd, let loop else { return }
    encryption = keys
    let etcd = certificates.etcd.map { EtcdCertificates(keys: keys, readsLegacy: $0.legacy) }
    if let descriptor = directory?.descriptor { loop.unregister(descriptor, token) }
    token = .none
    settings = certificates
    directory = certificates.directory.map { CertificateDirectory($0) }
    successor = CertStore(
      directory: directory, etcd: isSameInEtcd ? store.etcd : etcd,
      defaultName: certificates.defaultName)
    if certificates.etcd == nil { hasHeard = { true } }
    if let descriptor = directory?.descriptor {
      token = (try? loop.register(descriptor, self, [.readable])) ?? .none
    }
  }

  /// The configuration names sources without a usable certificate, and what was served before goes on.
  var servesFormerSources: Bool { successor != nil && hasHeard() }

  /// Hosts that a replacement must not leave uncovered.
  private func route(_ hosts: [[UInt8]]) {
    for store in [store, successor] {
      store?.route(hosts)
      _ = store?.update { $0.settle(now: Self.now) }
    }
  }

  /// Called every second, for what nobody tells: a certificate has become valid or comes near its
  /// end, the clock was set, or a directory has come whose parent was not there either.
  func lookAgain() {
    let isDue = !store.holds(at: Self.now)
    if isDue || index.isEmpty || successor != nil { changed?() }
    warnOfEnds()
  }

  func ready(_ events: Readiness) {
    guard directory?.drain() ?? false, let loop, timer == .none else { return }
    timer = loop.arm(self, after: Self.delay)
  }

  func timerFired(_ token: TimerToken) {
    timer = .none
    changed?()
  }
}
