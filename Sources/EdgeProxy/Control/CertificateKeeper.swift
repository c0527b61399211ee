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
  /// Another directory has taken the place of the one that was served.
  private var isReplaced = false

  /// How long a directory must be quiet before it is read: tools write several files.
  private static let quiet = Duration.milliseconds(100)

  init(_ settings: CertificateSettings, logger: Logger) {
    self.settings = settings
    self.logger = logger
    directory = CertificateDirectory(settings.directory)
    store = CertStore(directory: directory, defaultName: settings.defaultName)
  }

  var index: CertificateIndex { store.index }

  /// Reads the directory; the new index when what is served changes.
  func load() -> CertificateIndex? {
    let isChanged = store.load(now: Int64(time(nil))) || isReplaced
    isReplaced = false
    for refusal in store.refusals where !reported.contains(refusal) {
      logger.error(
        "certificate refused",
        metadata: ["source": "\(refusal.source)", "reason": "\(refusal.reason)"])
    }
    reported = store.refusals
    if isChanged {
      for entry in index.entries {
        let names = entry.names.map { String(decoding: $0, as: UTF8.self) }
        let serials = entry.certificates.map(\.serial)
        logger.notice(
          "certificate served",
          metadata: [
            "source": "\(entry.source)", "names": "\(names.joined(separator: " "))",
            "serial": "\(serials.joined(separator: " "))",
          ])
      }
    }
    return isChanged ? index : nil
  }

  /// Calls `changed` when something in the directory has changed and it is quiet again.
  func watch(on loop: EventLoop, changed: @escaping () -> Void) throws(SystemError) {
    self.loop = loop
    self.changed = changed
    if let descriptor = directory.descriptor {
      token = try loop.register(descriptor, self, [.readable])
    }
  }

  /// Another directory or default name; the old certificates go on until the next load.
  func reconfigure(_ next: CertificateSettings) {
    guard next != settings, let loop else { return }
    if let descriptor = directory.descriptor { loop.unregister(descriptor, token) }
    settings = next
    directory = CertificateDirectory(next.directory)
    let store = CertStore(directory: directory, defaultName: next.defaultName)
    // A directory without a usable certificate does not take away what is served.
    _ = store.load(now: Int64(time(nil)))
    if store.index.isEmpty {
      logger.error("no usable certificate there", metadata: ["directory": "\(next.directory)"])
    } else {
      self.store = store
      isReplaced = true
    }
    if let descriptor = directory.descriptor {
      token = (try? loop.register(descriptor, self, [.readable])) ?? .none
    }
  }

  /// Looks again for a directory that was not there.
  func watchAgain() {
    guard !directory.isWatched else { return }
    directory.watch()
    if directory.isWatched { changed?() }
  }

  func ready(_ events: Readiness) {
    guard directory.drain(), let loop else { return }
    loop.cancel(timer)
    timer = loop.arm(self, after: Self.quiet)
  }

  func timerFired(_ token: TimerToken) {
    timer = .none
    changed?()
  }
}
