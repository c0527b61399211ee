internal import CertStore
internal import Configuration
internal import Etcd
internal import EventLoop
internal import Logging
internal import TLS

/// The certificates as the control thread sees them: orders go to their loader, its reports come back.
final class CertificateKeeper {
  private var configuration: Configuration
  /// What opens and seals private keys in etcd.
  private(set) var encryption: EncryptionKeys?
  private let logger: Logger
  private let copy: CertificateCopy
  private var control: LoopHandle?
  private var loader: LoopHandle?
  private var thread: WorkerThread?
  private var told: ((CertificateIndex?) -> Void)?
  private var report = CertificateReport()
  /// When the loader was asked for a sign of life that it has not given yet.
  private var askedAt: Instant?

  /// How long a reload waits for the certificates: few are there by then, many come later.
  private static let reloadPatience = Duration.milliseconds(150)
  /// How long the end of the process waits for what is being read or written.
  private static let endPatience = Duration.seconds(10)
  /// A loader that has said nothing for so long waits for a disk.
  private static let silentAfter = Duration.seconds(10)

  /// `encryption` opens the private keys that etcd has.
  init(_ configuration: Configuration, encryption: EncryptionKeys?, logger: Logger) {
    self.configuration = configuration
    self.encryption = encryption
    self.logger = logger
    copy = CertificateCopy("\(configuration.state)/certificates")
  }

  var index: CertificateIndex { report.index }
  /// The certificates that the last reading refused, and why.
  var refusals: [CertStore.Refusal] { report.refusals }
  /// Why the copy on disk is not what is served; `nil` while it is.
  var copyFailure: String? { report.copyFailure }
  /// Why changes in the directory are noticed late; `nil` while they are not.
  var watchFailure: String? { report.watchFailure }

  /// The configuration names sources without a usable certificate, and what was served before goes on.
  var servesFormerSources: Bool { report.servesFormerSources }

  /// Starts the loader and waits for what it finds first; `told` is called for each later report, with
  /// the index where that is another.
  func begin(
    on loop: EventLoop, told: @escaping (CertificateIndex?) -> Void
  ) throws(SystemError) {
    self.told = told
    let control = loop.handle
    self.control = control
    let (first, thread) = try LoaderThread.start(
      configuration, encryption: encryption, logger: logger
    ) { report in
      control.post { ($0.owner as? Server)?.certificates.take(report) }
    }
    loader = first.loader
    self.thread = thread
    report = first.report
  }

  private func take(_ next: CertificateReport) {
    guard next.number > report.number else { return }
    let isChanged = next.indexNumber != report.indexNumber
    report = next
    told?(isChanged ? next.index : nil)
  }

  private func post(_ order: @escaping @Sendable (CertificateLoader) -> Void) {
    loader?.post { if let loader = $0.owner as? CertificateLoader { order(loader) } }
  }

  // MARK: Orders

  /// Another directory, source in etcd, default name or routes; the old certificates go on until new ones
  /// are found.
  ///
  /// `follow` has to come next where etcd has another part.
  func reconfigure(_ next: Configuration, encryption keys: EncryptionKeys?) {
    configuration = next
    encryption = keys
    post { $0.reconfigure(next, encryption: keys) }
  }

  /// Has everything read again that has changed.
  ///
  /// It waits for a moment; `false` where the loader takes longer, and its report comes later.
  func load() -> Bool {
    let found = Guarded<CertificateReport?>(nil)
    let isDone = wait(Self.reloadPatience) { loader in
      loader.load()
      let report = loader.report
      found.withLock { $0 = report }
    }
    if let report = found.withLock({ $0 }) { take(report) }
    return isDone
  }

  /// Waits until the loader has carried out an order; `false` where it takes longer.
  private func wait(
    _ patience: Duration, _ order: @escaping @Sendable (CertificateLoader) -> Void
  ) -> Bool {
    guard let waiting = try? EventLoop() else {
      post(order)
      return false
    }
    let isDone = Guarded(false)
    post { [handle = waiting.handle] loader in
      order(loader)
      isDone.withLock { $0 = true }
      handle.post { $0.stop() }
    }
    let alarm = Alarm(on: waiting) { waiting.stop() }
    alarm.set(after: patience)
    try? waiting.run()
    // While it is set the loop keeps it, and it keeps the loop.
    alarm.cancel()
    return isDone.withLock { $0 }
  }

  /// Follows etcd from here on, where certificates come from it.
  func follow(_ client: EtcdClient) -> CertificateFeed? {
    guard let source = configuration.certificates.etcd else { return nil }
    let feed = CertificateFeed(client, source) { [unowned self] news in post { $0.take(news) } }
    post { $0.expectEtcd() }
    feed.start()
    return feed
  }

  /// Called every second: whether the loader still turns.
  func everySecond(now: Instant) {
    guard askedAt == nil else { return }
    askedAt = now
    post { [control] _ in
      control?.post { ($0.owner as? Server)?.certificates.answered() }
    }
  }

  /// How long the loader has been busy, where that is worth a line.
  func silence(now: Instant) -> Duration? {
    guard let askedAt, now - askedAt > Self.silentAfter else { return nil }
    return now - askedAt
  }

  /// The loader turns.
  func answered() { askedAt = nil }

  /// Ends the loader, once what it writes is written; one that is in the middle of thousands, or waits for
  /// a disk, is left to the end of the process.
  func end() {
    let isOver = wait(Self.endPatience) { $0.end() }
    if isOver { thread?.join() }
    loader = nil
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
}
