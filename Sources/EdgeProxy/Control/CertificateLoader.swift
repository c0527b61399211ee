internal import CertStore
internal import Configuration
internal import Etcd
internal import EventLoop
internal import Logging
internal import TLS

/// What the control thread is told of the certificates.
struct CertificateReport: Sendable {
  var index = CertificateIndex.empty
  var refusals: [CertStore.Refusal] = []
  /// Why the copy on disk is not what is served; `nil` while it is.
  var copyFailure: String?
  /// Why the kernel does not tell of changes in the directory; `nil` while it does.
  var watchFailure: String?
  /// The configuration names sources without a usable certificate, and what was served before goes on.
  var servesFormerSources = false
  /// Counts the reports, so that an older one is known.
  var number = 0
  /// Counts the indices: another number, another index.
  var indexNumber = 0
}

/// Reads and judges the certificates, on a thread and a loop of its own.
///
/// Ten thousand certificates are seconds of work, and a disk on another machine may not answer at all.
/// Only this thread waits for them: workers serve, and the control thread answers the watchdog.
final class CertificateLoader: EventSource, TurnEnd {
  private let loop: EventLoop
  private let logger: Logger
  private let told: (CertificateReport) -> Void
  private var settings: CertificateSettings
  private var encryption: EncryptionKeys?
  private var directories: [CertificateDirectory]
  private var tokens: [SourceToken] = []
  private var store: CertStore
  /// Newly configured sources, until a usable certificate was found in them.
  private var successor: CertStore?
  /// Whether `successor` is complete: it has heard of all that etcd has.
  private var hasHeard = true
  private let copy: CertificateCopy
  private var notices: CertificateNotices
  private(set) var report = CertificateReport()
  private var isLookingAround = false
  private var isSaving = false
  private var isEnding = false
  private var beats = 0
  private lazy var beat = Alarm(on: loop) { [unowned self] in everySecond() }
  private lazy var change = Alarm(on: loop) { [unowned self] in load() }
  private lazy var ending = Alarm(on: loop) { [unowned self] in loop.stop() }

  /// How long after a change a directory is read: tools write several files.
  ///
  /// Later changes lead to another reading, so that a busy directory cannot put it off.
  private static let delay = Duration.milliseconds(100)
  /// Beats between two looks at all files, for changes of which the kernel does not tell.
  private static let lookEvery = 5
  /// Files that are looked at, or written, before others have their turn.
  private static let filesLookedAt = 200
  private static let filesWritten = 4
  /// How long the end waits for the copy: a start without etcd has no other certificates.
  private static let endPatience = Duration.seconds(9)

  /// `encryption` opens the private keys that etcd has; `told` is called on the thread of `loop`.
  init(
    _ configuration: Configuration, encryption: EncryptionKeys?, logger: Logger, on loop: EventLoop,
    told: @escaping (CertificateReport) -> Void
  ) {
    self.loop = loop
    self.logger = logger
    self.told = told
    settings = configuration.certificates
    self.encryption = encryption
    directories = configuration.certificateDirectories.map { CertificateDirectory($0) }
    let etcd = settings.etcd.map { EtcdCertificates(keys: encryption, readsLegacy: $0.legacy) }
    store = CertStore(
      directories: directories, etcd: etcd, defaultName: settings.defaultName)
    copy = CertificateCopy("\(configuration.state)/certificates")
    notices = CertificateNotices(logger)
    route(configuration.routedHosts)
  }

  private static var now: Int64 { WallTime.seconds }

  /// Reads the copy of what etcd had, and the directories, for the first time.
  func begin() {
    if settings.etcd != nil {
      do throws(CopyError) {
        let (records, damaged) = try copy.load()
        for refusal in damaged { notices.tell(refusal) }
        _ = store.update { [tools = store.tools] in
          $0.loadCopy(records, now: Self.now, with: tools)
        }
      } catch {
        logger.error("the copy of the certificates was not read", metadata: ["error": "\(error)"])
      }
    }
    _ = store.load(now: Self.now)
    settle(true)
    watch()
    beat.set(after: .seconds(1))
  }

  // MARK: Reading

  /// Reads what has changed in the directories.
  func load() {
    if let successor {
      // Sources without a usable certificate do not take away what is served, where anything is.
      _ = successor.load(now: Self.now)
      guard !successor.index.isEmpty || store.index.isEmpty, hasHeard else {
        return refuse(successor.refusals)
      }
      store = successor
      self.successor = nil
      settle(true)
      save()
    } else {
      settle(store.load(now: Self.now))
    }
  }

  private func settle(_ isChanged: Bool) {
    if isChanged {
      report.index = store.index
      report.indexNumber += 1
      notices.served(store.index)
    }
    refuse(store.refusals)
  }

  private func refuse(_ refusals: [CertStore.Refusal]) {
    notices.refused(refusals, now: Self.now)
    report.refusals = refusals
    tell()
  }

  private func tell() {
    let unwatched = directories.first { $0.watchFailure != nil }
    let failure = unwatched?.watchFailure
    if report.watchFailure != failure, let failure {
      logger.warning(
        "changes in the certificate directory are noticed within seconds, and not at once",
        metadata: [
          "directory": "\(unwatched?.path ?? "")", "reason": "\(failure)",
          "advice": "raise fs.inotify.max_user_watches and fs.inotify.max_user_instances",
        ])
    }
    report.watchFailure = failure
    report.servesFormerSources = successor != nil && hasHeard
    report.number += 1
    told(report)
  }

  // MARK: etcd

  /// Another link to etcd follows; it has told nothing yet.
  func expectEtcd() { hasHeard = false }

  /// Takes what etcd tells, and keeps it on disk for a start without it.
  func take(_ news: CertificateNews) {
    hasHeard = news.isComplete
    var changes = news.changes
    if let range = news.listed {
      let present = Set(changes.compactMap(\.stored?.key))
      let known = store.etcd?.copy.flatMap { $0.values.map(\.key) } ?? []
      changes += known.filter { range.contains($0) && !present.contains($0) }.map {
        .deleted(key: $0)
      }
    }
    _ = successor?.update { $0.apply(changes, now: Self.now) }
    settle(
      store.update { [tools = store.tools] in $0.apply(changes, now: Self.now, with: tools) })
    save()
  }

  private func save() {
    guard let records = store.etcd?.copy else { return }
    do throws(CopyError) {
      try copy.begin(records)
      if !isSaving { loop.atTurnEnd(self) }
      isSaving = true
    } catch {
      saved(error)
    }
  }

  private func saveOn() {
    do throws(CopyError) {
      guard try copy.proceed(files: Self.filesWritten) else { return }
      saved(nil)
    } catch {
      saved(error)
    }
  }

  private func saved(_ failure: CopyError?) {
    isSaving = false
    let failure = failure.map { "\($0)" }
    guard report.copyFailure != failure else { return }
    if let failure {
      logger.error(
        "the copy of the certificates was not written; they are served all the same",
        metadata: ["error": "\(failure)"])
    } else {
      logger.notice("the copy of the certificates is whole again")
    }
    report.copyFailure = failure
    tell()
  }

  // MARK: Changes

  /// Another directory, source in etcd, default name or routes; the old certificates go on until `load`
  /// finds new ones.
  func reconfigure(_ next: Configuration, encryption keys: EncryptionKeys?) {
    defer { route(next.routedHosts) }
    let certificates = next.certificates
    let isSameInEtcd = certificates.etcd == settings.etcd && keys == encryption
    let paths = next.certificateDirectories
    guard certificates != settings || !isSameInEtcd || paths != directories.map(\.path) else {
      return
    }
    encryption = keys
    let etcd = certificates.etcd.map { EtcdCertificates(keys: keys, readsLegacy: $0.legacy) }
    for (directory, token) in zip(directories, tokens) {
      if let descriptor = directory.descriptor { loop.unregister(descriptor, token) }
    }
    settings = certificates
    directories = paths.map { CertificateDirectory($0) }
    successor = CertStore(
      directories: directories, etcd: isSameInEtcd ? store.etcd : etcd,
      defaultName: certificates.defaultName)
    if certificates.etcd == nil { hasHeard = true }
    watch()
  }

  private func watch() {
    tokens = directories.map { directory in
      guard let descriptor = directory.descriptor else { return .none }
      return (try? loop.register(descriptor, self, [.readable])) ?? .none
    }
  }

  /// Hosts that a replacement must not leave uncovered.
  private func route(_ hosts: [[UInt8]]) {
    for store in [store, successor] {
      store?.route(hosts)
      _ = store?.update { $0.settle(now: Self.now) }
    }
  }

  func ready(_ events: Readiness) {
    for directory in directories where directory.drain() { expectMore() }
  }

  private func expectMore() {
    if !change.isSet { change.set(after: Self.delay) }
  }

  /// What nobody tells: a certificate has become valid or comes near its end, the clock was set, a directory
  /// has come whose parent was not there either, or a file has changed elsewhere.
  private func everySecond() {
    beats += 1
    beat.set(after: .seconds(1))
    let isDue = !store.holds(at: Self.now)
    if isDue || report.index.isEmpty || successor != nil { load() }
    notices.refused(report.refusals, now: Self.now)
    notices.ends(report.index, now: Self.now)
    guard beats % Self.lookEvery == 0, !isLookingAround else { return }
    isLookingAround = true
    loop.atTurnEnd(self)
  }

  func turnEnded() {
    if isSaving { saveOn() }
    if isLookingAround { lookAround() }
    if isEnding, !isSaving { return loop.stop() }
    if isSaving || isLookingAround { loop.atTurnEnd(self) }
  }

  private func lookAround() {
    var isMore = false
    for directory in directories {
      switch directory.look(at: Self.filesLookedAt) {
      case .same: isMore = true
      case .changed:
        isMore = true
        expectMore()
      case .finished: break
      }
    }
    isLookingAround = isMore
  }

  /// Ends the loop when what is being written is written.
  func end() {
    isEnding = true
    loop.atTurnEnd(self)
    beat.cancel()
    ending.set(after: Self.endPatience)
  }
}

@available(*, unavailable) extension CertificateLoader: Sendable {}
