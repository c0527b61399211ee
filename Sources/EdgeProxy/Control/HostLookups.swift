internal import Configuration
internal import EventLoop
internal import Logging

/// Looks up the host names among the nodes, again and again: what a name means may change.
///
/// It runs on the control thread. A name that is not resolved any more keeps its last addresses.
final class HostLookups: TimerTarget {
  /// One name.
  private final class Entry {
    var lookup: Lookup?
    /// When it is looked up next.
    var due: Instant
    /// Why the last lookup brought nothing; `nil` after one that did.
    var failure: String?

    init(due: Instant) { self.due = due }
  }

  private let loop: EventLoop
  private let logger: Logger
  private let changed: () -> Void
  private var entries: [HostAndPort: Entry] = [:]
  private var timer = TimerToken.none
  private var runningCount = 0
  private(set) var addresses = HostAddresses.none

  /// Resolvers do not tell how long an answer holds; they keep it themselves for as long as it does.
  private static let every = Duration.seconds(10)
  private static let soon = Duration.seconds(1)
  /// A resolver that does not answer holds a thread for each.
  private static let runningMax = 16

  /// `changed` is called when a name has other addresses than before.
  init(loop: EventLoop, logger: Logger, changed: @escaping () -> Void) {
    self.loop = loop
    self.logger = logger
    self.changed = changed
  }

  /// Looks up these from now on, those that are new at once.
  func follow(_ hosts: some Sequence<HostAndPort>) {
    let wanted = Set(hosts)
    for (host, entry) in entries where !wanted.contains(host) {
      if let lookup = entry.lookup {
        lookup.cancel()
        runningCount -= 1
      }
      entries[host] = nil
    }
    addresses.keep(wanted)
    for host in wanted where entries[host] == nil { entries[host] = Entry(due: loop.now) }
    ask()
  }

  /// No lookup is under way, and none is due.
  var isIdle: Bool { runningCount == 0 }

  /// Why a name was not resolved when it was looked up last.
  func failure(of host: HostAndPort) -> String? { entries[host]?.failure }

  /// In the order of their names.
  var hosts: [HostAndPort] { entries.keys.sorted { $0.description < $1.description } }

  func timerFired(_ token: TimerToken) {
    timer = .none
    ask()
  }

  /// Begins what is due; the next time is when something else is, or another lookup has ended.
  private func ask() {
    let now = loop.now
    let due = entries.filter { $0.value.lookup == nil && $0.value.due <= now }
    for (host, entry) in due.sorted(by: { $0.value.due < $1.value.due })
      .prefix(Self.runningMax - runningCount)
    { ask(host, entry) }
    loop.cancel(timer)
    timer = .none
    let next = entries.values.filter { $0.lookup == nil }.map(\.due).min()
    if let next, runningCount < Self.runningMax {
      timer = loop.arm(self, after: max(next - now, .milliseconds(1)))
    }
  }

  private func ask(_ host: HostAndPort, _ entry: Entry) {
    do throws(SystemError) {
      entry.lookup = try Lookup(host.host, port: host.port, on: loop) {
        [unowned self, unowned entry] answer in
        entry.lookup = nil
        runningCount -= 1
        switch answer {
        case .success(let addresses): resolved(addresses, host, entry)
        case .failure(let error): failed(error.reason, host, entry)
        }
        ask()
      }
      runningCount += 1
    } catch {
      failed(error.reason, host, entry)
    }
  }

  private func resolved(_ found: [SocketAddress], _ host: HostAndPort, _ entry: Entry) {
    entry.due = loop.now + Self.every
    entry.failure = nil
    guard addresses.set(host, found) else { return }
    let list = addresses[.named(host)].map(\.description).joined(separator: " ")
    logger.notice(
      "a host name was resolved", metadata: ["host": "\(host)", "addresses": "\(list)"])
    changed()
  }

  private func failed(_ reason: String, _ host: HostAndPort, _ entry: Entry) {
    let isKnown = addresses[host] != nil
    entry.due = loop.now + (isKnown ? Self.every : Self.soon)
    guard entry.failure != reason else { return }
    entry.failure = reason
    let consequence = isKnown ? "its last addresses stay" : "it is no node until then"
    logger.warning(
      "a host name is not resolved, \(consequence)",
      metadata: ["host": "\(host)", "error": "\(reason)"])
  }
}

@available(*, unavailable) extension HostLookups: Sendable {}

extension HostNamesSection {
  init(_ lookups: HostLookups) {
    names = lookups.hosts.map {
      Name(host: $0, addresses: lookups.addresses[$0], failure: lookups.failure(of: $0))
    }
  }
}
