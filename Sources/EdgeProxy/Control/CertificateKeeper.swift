internal import CertStore
internal import EventLoop
internal import Glibc
internal import Logging

/// Watches the certificate directory for the control thread and reports what becomes of its files.
final class CertificateKeeper: EventSource, TimerTarget {
  private var settings: CertificateSettings
  private let logger: Logger
  private var directory: CertificateDirectory
  private var store: CertStore
  private var loop: EventLoop?
  private var token = SourceToken.none
  private var timer = TimerToken.none
  private var changed: (() -> Void)?
  private var reported: [CertStore.Refusal] = []
  /// A newly configured directory, until a usable certificate was found there.
  private var successor: CertStore?

  /// How long after a change a directory is read: tools write several files.
  ///
  /// Later changes lead to another reading, so that a busy directory cannot put it off.
  private static let delay = Duration.milliseconds(100)

  init(_ settings: CertificateSettings, logger: Logger) {
    self.settings = settings
    self.logger = logger
    directory = CertificateDirectory(settings.directory)
    store = CertStore(directory: directory, defaultName: settings.defaultName)
  }

  var index: CertificateIndex { store.index }

  /// Reads the directory; the new index when what is served changes.
  func load() -> CertificateIndex? {
    let now = Int64(time(nil))
    var isChanged = false
    if let successor {
      // A directory without a usable certificate does not take away what is served.
      _ = successor.load(now: now)
      report(successor.refusals)
      guard !successor.index.isEmpty else { return nil }
      store = successor
      self.successor = nil
      isChanged = true
    } else {
      isChanged = store.load(now: now)
      report(store.refusals)
    }
    guard isChanged else { return nil }
    for entry in index.entries { reportServed(entry) }
    return index
  }

  private func report(_ refusals: [CertStore.Refusal]) {
    for refusal in refusals where !reported.contains(refusal) {
      logger.error(
        "certificate refused",
        metadata: ["source": "\(refusal.source)", "reason": "\(refusal.reason)"])
    }
    reported = refusals
  }

  private func reportServed(_ entry: CertificateEntry) {
    let names = entry.names.map { String(decoding: $0, as: UTF8.self) }
    let serials = entry.certificates.map(\.serial)
    logger.notice(
      "certificate served",
      metadata: [
        "source": "\(entry.source)", "names": "\(names.joined(separator: " "))",
        "serial": "\(serials.joined(separator: " "))",
      ])
  }

  /// Calls `changed` a moment after something in the directory has changed.
  func watch(on loop: EventLoop, changed: @escaping () -> Void) throws(SystemError) {
    self.loop = loop
    self.changed = changed
    if let descriptor = directory.descriptor {
      token = try loop.register(descriptor, self, [.readable])
    }
  }

  /// Another directory or default name; the old certificates go on until `load` finds new ones.
  func reconfigure(_ next: CertificateSettings) {
    guard next != settings, let loop else { return }
    if let descriptor = directory.descriptor { loop.unregister(descriptor, token) }
    settings = next
    directory = CertificateDirectory(next.directory)
    successor = CertStore(directory: directory, defaultName: next.defaultName)
    if let descriptor = directory.descriptor {
      token = (try? loop.register(descriptor, self, [.readable])) ?? .none
    }
  }

  /// What no notification tells: a certificate has become valid, or a directory has come whose
  /// parent was not there either.
  func lookAgain() {
    let isDue = store.nextValidAt.map { $0 <= Int64(time(nil)) } ?? false
    if isDue || index.isEmpty || successor != nil { changed?() }
  }

  func ready(_ events: Readiness) {
    guard directory.drain(), let loop, timer == .none else { return }
    timer = loop.arm(self, after: Self.delay)
  }

  func timerFired(_ token: TimerToken) {
    timer = .none
    changed?()
  }
}
