internal import CertStore
internal import Configuration
internal import EventLoop
internal import HTTPCore
internal import Logging
internal import TLS

/// Learns where applications run from what their instances announce.
///
/// It runs on the control thread, keeps the table on disk, and tells what has changed.
final class Discovery: TimerTarget {
  typealias Changed = (_ changed: [Application], _ forgotten: [[UInt8]]) -> Void

  private let loop: EventLoop
  private let logger: Logger
  private let copy: InstanceCopy
  /// The name of this server in the fleet.
  private var node = ""
  private let changed: Changed
  /// Called when every instance has had the time to announce itself.
  private let completed: () -> Void
  private var settings: SubscriptionSettings
  private var keys: SigningKeys?
  private var policy: SubscriptionPolicy
  private(set) var registry = InstanceRegistry()
  private(set) var listeners: [SubscriptionListener] = []
  private var probes: InstanceProbes?
  private var timer = TimerToken.none
  private let began: Instant
  private var isComplete = false
  private var beats = 0
  private var reported = ReportedRefusals()
  private(set) var counts = SubscriptionCounts()
  private var savedVersion = 0
  private var savedAt: Instant
  private var reportedMistakes: [String] = []
  /// Why the copy on disk is not what is known; `nil` while it is.
  private var copyFailure: String?
  /// Addresses that could not be bound, with the reason.
  private var listenFailures: [String] = []

  private var ownAddresses = OwnAddresses()

  /// What is wrong with sockets, keys, the addresses of this machine and the copy.
  var mistakes: [String] {
    listenFailures + (keys?.mistakes ?? [])
      + [ownAddresses.failure, copyFailure].compactMap(\.self)
  }
  /// Something was heard since the last change was told.
  private var isTold = true
  private var tellTimer = Alarm?.none
  /// What the servers of the fleet tell each other; `nil` where they do not.
  private var shared: SharedInstances?
  private var publishedVersion = -1
  /// Other servers reach what listens on this machine alone through its edge.
  private var sharesLocal = false

  private static let beat = Duration.seconds(1)
  /// Announcements come every ten seconds.
  private static let completeAfter = Duration.seconds(12)
  /// Between two writings of the copy.
  private static let saveInterval = Duration.seconds(2)
  /// How old the times in the copy may be.
  private static let saveAnyway = Duration.seconds(300)
  /// Many announce themselves at the same moment, and each change costs every worker a new table.
  private static let tellDelay = Duration.milliseconds(20)
  private static let addressesEvery = 10
  /// Lines of a damaged copy that are named.
  private static let mistakesMax = 10

  init(
    _ settings: SubscriptionSettings, state: String, loop: EventLoop, logger: Logger,
    completed: @escaping () -> Void, changed: @escaping Changed
  ) {
    self.settings = settings
    self.loop = loop
    self.logger = logger
    self.changed = changed
    self.completed = completed
    copy = InstanceCopy("\(state)/instances")
    began = loop.clockNow
    savedAt = loop.clockNow
    keys = settings.signingKeys.map { SigningKeys($0) }
    policy = SubscriptionPolicy(settings, keys: keys, begun: Self.time, now: loop.clockNow)
  }

  private static var time: Int64 { WallTime.seconds }

  /// Reads the copy and begins to listen; what was known is told before this returns.
  func start() {
    let probes = InstanceProbes(loop: loop) { [unowned self] in probed($0) }
    self.probes = probes
    tellTimer = Alarm(on: loop) { [unowned self] in tell() }
    loadKeys(always: true)
    findOwnAddresses()
    restore()
    savedVersion = registry.version
    tell()
    probes.ask(registry.takeProbes())
    listen()
    timer = loop.arm(self, after: Self.beat)
  }

  /// Tells the other servers what is announced here, and believes what they tell.
  ///
  /// With `local` they can reach what listens on this machine alone. `make` begins to follow them,
  /// after what was followed before; what they tell comes to the closure that it gets.
  func share(
    _ node: String, local: Bool,
    _ make: (SharedInstances?, @escaping ([SharedInstances.News]) -> Void) -> SharedInstances
  ) {
    self.node = node
    sharesLocal = local
    shared = make(shared) { [unowned self] in heard($0) }
    publishedVersion = -1
    publish()
  }

  /// Goes on without the other servers.
  func unshare() {
    shared?.lapse()
    shared = nil
  }

  /// Takes over other rules, and forgets at once what they do not permit.
  func reconfigure(_ next: SubscriptionSettings) {
    if next != settings {
      let isMoved = next.listen != settings.listen
      settings = next
      keys = next.signingKeys.map { SigningKeys($0) }
      // What was signed before was seen by the policy that ends here.
      policy = SubscriptionPolicy(next, keys: keys, begun: Self.time, now: loop.now)
      findOwnAddresses()
      if isMoved {
        for listener in listeners { listener.close() }
        listeners = []
        listen()
      }
    }
    loadKeys(always: true)
    registry.keep { policy.permits($0, $1, from: $2) }
    tell()
  }

  func close() {
    loop.cancel(timer)
    tellTimer?.cancel()
    for listener in listeners { listener.close() }
    listeners = []
    probes?.close()
    if registry.version != savedVersion { save() }
  }

  /// Binds what is not bound yet; an address may come after the start.
  private func listen() {
    let failedBefore = listenFailures
    listenFailures = []
    for address in settings.listen where !listeners.contains(where: { $0.asked == address }) {
      do throws(SystemError) {
        let listener = try SubscriptionListener(
          address, loop: loop, take: { [unowned self] in take($0, from: $1) },
          turnDone: { [unowned self] in heard() })
        listeners.append(listener)
        logger.notice("subscriptions are taken", metadata: ["address": "\(listener.address)"])
      } catch {
        let failure = "\(address): \(error)"
        listenFailures.append(failure)
        guard !failedBefore.contains(failure) else { continue }
        logger.error(
          "subscriptions are not taken",
          metadata: ["address": "\(address)", "error": "\(error)"])
      }
    }
  }

  // MARK: What comes in

  private func take(_ datagram: borrowing Span<UInt8>, from source: SubscriptionSource) {
    switch policy.judge(datagram, from: source, time: Self.time, now: loop.now) {
    case .announce(let announcement): announce(announcement)
    case .withdraw(let announcement):
      counts.accepted += 1
      registry.withdraw(
        announcement.key, announcement.instance.address, now: loop.now)
    case .refuse(let refusal): refuse(refusal, source)
    }
  }

  private func announce(_ announcement: Announcement) {
    let outcome = registry.announce(
      announcement.key, announcement.instance, .subscription(announcement.source), now: loop.now)
    switch outcome {
    case .refused: refuse(.tooMany, announcement.source)
    case .refreshed: counts.accepted += 1
    case .added:
      counts.accepted += 1
      logger.info(
        "instance announced",
        metadata: [
          "key": "\(String(decoding: announcement.key, as: UTF8.self))",
          "address": "\(announcement.instance.address)", "source": "\(announcement.source)",
        ])
      if let notify = announcement.notify { acknowledge(announcement, to: notify) }
    }
  }

  /// In the words of uWSGI's own server.
  private func acknowledge(_ announcement: Announcement, to address: SocketAddress) {
    let node = announcement.instance.address
    let name = node.family == .unix ? node.host : "\(node)"
    let key = String(decoding: announcement.key, as: UTF8.self)
    Datagram.send(Array("[subscription ack] \(key) => new node: \(name)".utf8), to: address)
  }

  /// What other servers say of instances that announce themselves there.
  private func heard(_ news: [SharedInstances.News]) {
    for item in news {
      switch item {
      case .told(let told):
        let isHere = told.server == nil && policy.isHere(told.address)
        var instance = told.instance
        instance.isLocal = isHere
        let origin = KnownInstance.Origin.shared(node: told.node)
        _ = registry.announce(told.key, instance, origin, now: loop.now)
      case .lapsed(let gone):
        registry.lapse(
          gone.key, gone.address, on: gone.server, node: gone.node, now: loop.now)
      }
    }
    heard()
  }

  private func refuse(_ refusal: SubscriptionRefusal, _ source: SubscriptionSource) {
    counts.refused[refusal, default: 0] += 1
    guard reported.isNews(refusal, source, now: loop.now) else { return }
    logger.warning(
      "subscription refused",
      metadata: ["source": "\(source)", "reason": "\(refusal.reason)"])
  }

  private func heard() {
    probes?.ask(registry.takeProbes())
    guard isTold else { return }
    isTold = false
    tellTimer?.set(after: Self.tellDelay)
  }

  private func probed(_ target: InstanceRegistry.ProbeTarget) {
    registry.refused(target)
    heard()
  }

  private func tell() {
    isTold = true
    let (changed, forgotten) = registry.takeChanges(now: loop.now)
    if !changed.isEmpty || !forgotten.isEmpty { self.changed(changed, forgotten) }
    publish()
  }

  /// Tells the fleet what was announced to this server itself and others can reach.
  private func publish() {
    guard let shared, publishedVersion != registry.version else { return }
    publishedVersion = registry.version
    shared.publish(registry.announcedHere(node: node, local: sharesLocal, now: loop.now))
  }

  // MARK: The beat

  func timerFired(_ token: TimerToken) {
    beats += 1
    for listener in listeners { listener.resume() }
    if !listenFailures.isEmpty { listen() }
    loadKeys(always: false)
    if beats % Self.addressesEvery == 0 { findOwnAddresses() }
    policy.forget(time: Self.time, now: loop.now)
    registry.beat(now: loop.now)
    probes?.ask(registry.takeProbes())
    tell()
    let age = loop.now - savedAt
    if age >= Self.saveInterval, registry.version != savedVersion || age >= Self.saveAnyway {
      save()
    }
    if !isComplete, loop.now - began >= Self.completeAfter {
      isComplete = true
      completed()
    }
    timer = loop.arm(self, after: Self.beat)
  }

  private func findOwnAddresses() {
    switch ownAddresses.look() {
    case .none: break
    case .failed(let failure): logger.error("\(failure)")
    case .readAgain: logger.notice("the addresses of this machine are read again")
    }
    policy.ownAddresses = ownAddresses.all
  }

  private func loadKeys(always: Bool) {
    guard let keys else { return }
    keys.load(always: always)
    for mistake in keys.mistakes where !reportedMistakes.contains(mistake) {
      logger.error("signing key refused", metadata: ["reason": "\(mistake)"])
    }
    reportedMistakes = keys.mistakes
  }

  // MARK: The copy

  private func restore() {
    do throws(CopyError) {
      let now = Self.time
      let (rows, mistakes) = try copy.load()
      for mistake in mistakes.prefix(Self.mistakesMax) {
        logger.error(
          "a part of the copy of the instances was not read", metadata: ["reason": "\(mistake)"])
      }
      for row in rows {
        let age = Duration.seconds(max(0, now - row.heard))
        guard age < InstanceRegistry.keyForgottenAfter else { continue }
        if var instance = row.instance {
          guard policy.permits(row.key, instance.address, from: row.source) else { continue }
          if case .server(let node) = row.source, instance.address.isLocal {
            instance.server = node
          }
          instance.isLocal = instance.server == nil && policy.isHere(instance.address)
          registry.restore(row.key, instance, from: row.source, age: age, now: loop.clockNow)
        } else {
          registry.restore(row.key, nil, from: .unix, age: age, now: loop.clockNow)
        }
      }
    } catch {
      logger.error("the copy of the instances was not read", metadata: ["error": "\(error)"])
    }
  }

  private func save() {
    savedAt = loop.now
    savedVersion = registry.version
    do throws(CopyError) {
      let unwritten = try copy.save(registry.rows(time: Self.time, now: loop.now))
      if let first = unwritten.first {
        throw .refused(path: "instances", reason: "\(unwritten.count) left out, first \(first)")
      }
      if copyFailure != nil { logger.notice("the copy of the instances is whole again") }
      copyFailure = nil
    } catch {
      guard copyFailure != "\(error)" else { return }
      copyFailure = "\(error)"
      logger.error(
        "the copy of the instances was not written; they are served all the same",
        metadata: ["error": "\(error)"])
    }
  }
}
