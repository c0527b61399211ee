internal import EventLoop

/// The instances that are known, by key.
///
/// Silence alone never takes the last instance of a key away: datagrams get lost, and an edge that hears
/// nothing may be the one that is cut off. A goodbye is a hint that a probe has to confirm, since it
/// may have been forged. A key whose instances are all gone is remembered for a day, so that requests
/// wait for the next one instead of being told that there is no such host.
struct InstanceRegistry {
  struct Limits {
    var keys = 10_000
    var instancesPerKey = TriedNodes.nodesMax
    var instances = 50_000
    var instancesPerSource = 20_000
  }

  enum Outcome: Equatable { case added, refreshed, refused }

  /// An instance of which it is to be found out whether it is still there.
  struct ProbeTarget: Hashable {
    let key: [UInt8]
    let address: SocketAddress
  }

  struct Record {
    /// Ordered by address.
    var instances: [KnownInstance] = []
    var lastHeard: Instant
    /// The application as it was handed out last.
    var told: Application?
  }

  private(set) var records: [[UInt8]: Record] = [:]
  private(set) var instanceCount = 0
  private var countBySource: [SubscriptionSource: Int] = [:]
  private var changed: Set<[UInt8]> = []
  private var forgotten: Set<[UInt8]> = []
  private var probes: [ProbeTarget] = []
  private let limits: Limits

  /// Grows with each change of what a copy holds.
  private(set) var version = 0

  static let keyForgottenAfter = Duration.seconds(24 * 3600)
  /// Keys that give way to new ones in one beat; each was silent for a while.
  private static let evictionsPerBeat = 100
  /// When an instance is probed after its goodbye: it often listens on for a moment.
  private static let probeDelays: [Duration] = [
    .zero, .seconds(1), .seconds(2), .seconds(4), .seconds(8),
  ]

  init(limits: Limits = Limits()) { self.limits = limits }

  // MARK: What is heard

  /// It is there.
  mutating func announce(
    _ key: [UInt8], _ instance: Instance, _ origin: KnownInstance.Origin, now: Instant
  ) -> Outcome {
    if let place = place(of: instance.address, on: instance.server, key) {
      refresh(place.index, at: place.offset, key, instance, origin, now)
      return .refreshed
    }
    let known = KnownInstance(
      instance: instance, origin: origin, firstHeard: now, lastHeard: now, quietSince: now)
    return add(key, known, now) ? .added : .refused
  }

  private mutating func refresh(
    _ record: Dictionary<[UInt8], Record>.Index, at offset: Int, _ key: [UInt8],
    _ instance: Instance, _ origin: KnownInstance.Origin, _ now: Instant
  ) {
    var known = records.values[record].instances[offset]
    if case .shared = origin, case .subscription = known.origin, !known.isSilent(now) {
      // What it says itself is fresher than what others were told.
      return
    }
    count(known.origin.source, -1)
    count(origin.source, 1)
    if known.instance != instance || known.doubt(now) != nil || known.origin != origin {
      changed.insert(key)
      version += 1
    }
    known.instance = instance
    known.origin = origin
    known.lastHeard = now
    known.quietSince = now
    known.hasSaidGoodbye = false
    known.hasLapsed = false
    known.probes = 0
    known.nextProbe = nil
    records.values[record].instances[offset] = known
    records.values[record].lastHeard = now
  }

  /// It says that it goes, or somebody says so in its name.
  mutating func withdraw(_ key: [UInt8], _ address: SocketAddress, now: Instant) {
    guard let (record, offset) = place(of: address, on: nil, key),
      !records.values[record].instances[offset].hasSaidGoodbye
    else { return }
    records.values[record].instances[offset].hasSaidGoodbye = true
    records.values[record].instances[offset].probes = 1
    records.values[record].instances[offset].nextProbe = now + Self.probeDelays[1]
    probes.append(ProbeTarget(key: key, address: address))
    changed.insert(key)
    version += 1
  }

  /// The server that shared it does so no more.
  mutating func lapse(
    _ key: [UInt8], _ address: SocketAddress, on server: String?, node: String, now: Instant
  ) {
    guard let (record, offset) = place(of: address, on: server, key),
      records.values[record].instances[offset].origin == .shared(node: node)
    else { return }
    records.values[record].instances[offset].hasLapsed = true
    records.values[record].instances[offset].quietSince = now
    changed.insert(key)
  }

  /// An instance from the copy, last heard of `age` ago; requests go to it at once, and it is
  /// probed.
  mutating func restore(
    _ key: [UInt8], _ instance: Instance?, from source: SubscriptionSource, age: Duration,
    now: Instant
  ) {
    let heard = Instant(nanoseconds: now.nanoseconds - age.nanoseconds)
    guard let instance else {
      guard records[key] == nil, records.count < limits.keys else { return }
      records[key] = Record(lastHeard: heard)
      changed.insert(key)
      return
    }
    guard place(of: instance.address, on: instance.server, key) == nil else { return }
    let known = KnownInstance(
      instance: instance, origin: .copy(source), firstHeard: heard, lastHeard: heard,
      quietSince: now)
    // What is behind another server's edge, that server looks after.
    guard add(key, known, now), instance.server == nil else { return }
    probes.append(ProbeTarget(key: key, address: instance.address))
  }

  /// Nothing listens there: an instance that said goodbye, or that is only known from the copy, is
  /// removed.
  mutating func refused(_ target: ProbeTarget) {
    guard let (record, offset) = place(of: target.address, on: nil, target.key) else { return }
    let known = records.values[record].instances[offset]
    var isRemembered = false
    if case .copy = known.origin { isRemembered = true }
    guard known.hasSaidGoodbye || isRemembered else { return }
    remove(record, at: offset, target.key)
  }

  /// Takes away what the rules do not permit any more.
  mutating func keep(
    where isPermitted: ([UInt8], SocketAddress, SubscriptionSource) -> Bool
  ) {
    for key in Array(records.keys) {
      guard let record = records.index(forKey: key) else { continue }
      for offset in records.values[record].instances.indices.reversed() {
        let known = records.values[record].instances[offset]
        guard !isPermitted(key, known.instance.address, known.origin.source) else { continue }
        remove(record, at: offset, key)
      }
    }
  }

  // MARK: Time

  /// Called every second.
  mutating func beat(now: Instant) {
    for key in Array(records.keys) {
      guard let record = records.index(forKey: key) else { continue }
      if records.values[record].instances.contains(where: \.isShared) {
        records.values[record].lastHeard = now
      }
      if records.values[record].lastHeard + Self.keyForgottenAfter <= now {
        forget(key)
      } else {
        look(record, key, now)
      }
    }
    if records.count >= limits.keys { makeRoom(now) }
  }

  private mutating func look(
    _ record: Dictionary<[UInt8], Record>.Index, _ key: [UInt8], _ now: Instant
  ) {
    let isAnyFresh = records.values[record].instances.contains { $0.doubt(now) == nil }
    for offset in records.values[record].instances.indices.reversed() {
      let known = records.values[record].instances[offset]
      if isAnyFresh, known.isGone(now) {
        remove(record, at: offset, key)
        continue
      }
      if known.isSilent(now) { changed.insert(key) }
      if known.hasSaidGoodbye, let due = known.nextProbe, due <= now {
        probes.append(ProbeTarget(key: key, address: known.instance.address))
        let next = known.probes + 1
        records.values[record].instances[offset].probes = next
        records.values[record].instances[offset].nextProbe =
          next < Self.probeDelays.count ? now + Self.probeDelays[next] : nil
      }
    }
  }

  /// Forgets the keys that have been silent for longest.
  private mutating func makeRoom(_ now: Instant) {
    let silent = records.filter { _, record in
      record.instances.allSatisfy { $0.isGone(now) }
        && record.lastHeard + KnownInstance.goneAfter <= now
    }
    let longest = silent.sorted { $0.value.lastHeard < $1.value.lastHeard }
    for (key, _) in longest.prefix(Self.evictionsPerBeat) { forget(key) }
  }

  // MARK: Results

  /// What has changed since the last call, ordered by key, and the keys that are no more.
  mutating func takeChanges(now: Instant) -> (changed: [Application], forgotten: [[UInt8]]) {
    var applications: [Application] = []
    for key in changed {
      guard let record = records.index(forKey: key) else { continue }
      let application = Application(
        key: key,
        instances: records.values[record].instances.map { known in
          var instance = known.instance
          instance.isDoubtful = known.doubt(now) != nil
          return instance
        })
      guard records.values[record].told != application else { continue }
      records.values[record].told = application
      applications.append(application)
    }
    let gone = forgotten.filter { records[$0] == nil }
    changed = []
    forgotten = []
    return (
      applications.sorted { $0.key.lexicographicallyPrecedes($1.key) },
      gone.sorted { $0.lexicographicallyPrecedes($1) }
    )
  }

  /// The instances to probe now.
  mutating func takeProbes() -> [ProbeTarget] {
    defer { probes = [] }
    return probes
  }

  // MARK: The table

  private func place(
    of address: SocketAddress, on server: String?, _ key: [UInt8]
  ) -> (index: Dictionary<[UInt8], Record>.Index, offset: Int)? {
    guard let index = records.index(forKey: key),
      let offset = records.values[index].instances.firstIndex(where: {
        $0.instance.address == address && $0.instance.server == server
      })
    else { return nil }
    return (index, offset)
  }

  private mutating func add(_ key: [UInt8], _ known: KnownInstance, _ now: Instant) -> Bool {
    guard instanceCount < limits.instances else { return false }
    guard countBySource[known.origin.source, default: 0] < limits.instancesPerSource else {
      return false
    }
    if let record = records.index(forKey: key) {
      guard makeRoom(in: record, key, now) else { return false }
    } else {
      guard records.count < limits.keys else { return false }
      records[key] = Record(lastHeard: known.lastHeard)
    }
    guard let record = records.index(forKey: key) else { return false }
    let place =
      records.values[record].instances.firstIndex {
        known.instance.isOrderedBefore($0.instance)
      } ?? records.values[record].instances.endIndex
    records.values[record].instances.insert(known, at: place)
    records.values[record].lastHeard = max(records.values[record].lastHeard, known.lastHeard)
    instanceCount += 1
    count(known.origin.source, 1)
    changed.insert(key)
    version += 1
    return true
  }

  /// In a full key the doubtful instance that has been silent for longest gives way.
  private mutating func makeRoom(
    in record: Dictionary<[UInt8], Record>.Index, _ key: [UInt8], _ now: Instant
  ) -> Bool {
    let instances = records.values[record].instances
    guard instances.count >= limits.instancesPerKey else { return true }
    let doubtful = instances.indices.filter { instances[$0].doubt(now) != nil }
    guard let oldest = doubtful.min(by: { instances[$0].quietSince < instances[$1].quietSince })
    else { return false }
    remove(record, at: oldest, key)
    return true
  }

  private mutating func remove(
    _ record: Dictionary<[UInt8], Record>.Index, at offset: Int, _ key: [UInt8]
  ) {
    let known = records.values[record].instances.remove(at: offset)
    instanceCount -= 1
    count(known.origin.source, -1)
    changed.insert(key)
    version += 1
  }

  private mutating func forget(_ key: [UInt8]) {
    guard let record = records.removeValue(forKey: key) else { return }
    instanceCount -= record.instances.count
    for known in record.instances { count(known.origin.source, -1) }
    forgotten.insert(key)
    version += 1
  }

  private mutating func count(_ source: SubscriptionSource, _ change: Int) {
    let count = countBySource[source, default: 0] + change
    countBySource[source] = count > 0 ? count : nil
  }
}
