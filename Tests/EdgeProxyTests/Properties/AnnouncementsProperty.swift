import EventLoop
import HTTPCore
import TestSupport

@testable import Configuration
@testable import EdgeProxy

extension ServerProperties {
  /// Announcements of any pairs, and what other servers tell, leave a table that counts right, that
  /// its copy on disk gives back, and that other servers can read.
  package static func announcements(_ bytes: [UInt8]) -> String? {
    var input = FuzzInput(bytes)
    var table = AnnouncedTable(&input)
    while !input.isEmpty {
      if let complaint = table.step(&input) { return complaint }
    }
    return table.copyProblem() ?? table.sharingProblem()
  }
}

/// A policy and a table of instances, told of one event after the other.
private struct AnnouncedTable {
  private var policy: SubscriptionPolicy
  private var registry = InstanceRegistry(
    limits: InstanceRegistry.Limits(
      keys: 8, instancesPerKey: 4, instances: 24, instancesPerSource: 12))
  private var now: Instant
  /// Seconds since 1970.
  private var time: Int64

  private static let prefix = "/e/"
  private static let ownNode = "own"

  init(_ input: inout FuzzInput) {
    time = 1_000_000_000 + Int64(input.number(UInt32.self))
    now = Instant(nanoseconds: Int64(input.number(UInt32.self)))
    let settings = SubscriptionSettings(
      listen: [], allow: input.choice([nil, [], Self.permissions]), signingKeys: nil,
      allowsSHA1: input.flag())
    // Keys that were never read: nobody can sign.
    let keys = input.isOnce(in: 8) ? SigningKeys("/nonexistent") : nil
    policy = SubscriptionPolicy(settings, keys: keys, begun: time, now: now)
    policy.ownAddresses = [IPAddress(ipv4: 0x0a00_0001)]
  }

  private static let permissions = ["10.0.0.0/8", "::/0"].map(octets).compactMap { text in
    Network(text.span).map {
      SubscriptionSettings.Permission(
        from: $0, keys: ["a.test", "*.test"].map(octets), addresses: [$0])
    }
  }

  private static let sources: [SubscriptionSource] = [
    .machine(IPAddress(ipv4: 0x7f00_0001)), .machine(IPAddress(ipv4: 0x0a00_0005)), .unix,
    .machine(IPAddress(ipv4: 0xc000_0207)), .machine(IPAddress(high: 0, low: 1)),
  ]

  // MARK: Events

  mutating func step(_ input: inout FuzzInput) -> String? {
    switch input.below(8) {
    case 0: told(&input)
    case 1: lapsed(&input)
    case 2: beat(&input)
    case 3:
      for target in registry.takeProbes() where input.flag() { registry.refused(target) }
    default:
      if let complaint = datagram(&input) { return complaint }
    }
    _ = registry.takeChanges(now: now)
    let count = registry.records.values.reduce(0) { $0 + $1.instances.count }
    return count == registry.instanceCount ? nil : "\(registry.instanceCount) instances of \(count)"
  }

  private mutating func datagram(_ input: inout FuzzInput) -> String? {
    let bytes = Datagrams.make(&input)
    if let complaint = ParserProperties.subscription(bytes) { return complaint }
    let source = input.choice(Self.sources)
    switch policy.judge(bytes.span, from: source, time: time, now: now) {
    case .refuse: return nil
    case .withdraw(let said):
      registry.withdraw(said.key, said.instance.address, now: now)
      return nil
    case .announce(let said):
      _ = registry.announce(said.key, said.instance, .subscription(said.source), now: now)
      return problem(said.instance)
    }
  }

  private func problem(_ instance: Instance) -> String? {
    guard (1...InstanceRules.weightMax).contains(instance.weight),
      (0...InstanceRules.coresMax).contains(instance.cores)
    else { return "a weight or cores out of bounds" }
    guard UpstreamSettings.refusedModifiers[Int(instance.modifier1)] == nil else {
      return "modifier \(instance.modifier1)"
    }
    return instance.address.port == 0 ? "port 0" : nil
  }

  /// What another server shares through etcd.
  private mutating func told(_ input: inout FuzzInput) {
    let (key, value) = Datagrams.stored(&input, prefix: Self.prefix)
    guard let told = try? SharedInstance(storedKey: key, value: value, prefix: Self.prefix) else {
      return
    }
    let instance = Instance(
      address: told.address, server: told.server, modifier1: told.modifier1,
      modifier2: told.modifier2, weight: told.weight, cores: told.cores, isBackup: told.isBackup)
    _ = registry.announce(told.key, instance, .shared(node: told.node), now: now)
  }

  private mutating func lapsed(_ input: inout FuzzInput) {
    let (key, value) = Datagrams.stored(&input, prefix: Self.prefix)
    guard let gone = try? SharedInstance(storedKey: key, value: value, prefix: Self.prefix) else {
      return
    }
    registry.lapse(gone.key, gone.address, on: gone.server, node: gone.node, now: now)
  }

  private mutating func beat(_ input: inout FuzzInput) {
    let seconds = input.choice([1, 29, 31, 60, 3600, 86_401])
    now = now + .seconds(seconds)
    time += Int64(seconds)
    policy.forget(time: time, now: now)
    registry.beat(now: now)
  }

  // MARK: What is kept and told

  /// Everything that is known can be written and is read back as it is.
  func copyProblem() -> String? {
    let rows = registry.rows(time: time, now: now)
    let written = InstanceCopy.encode(rows)
    guard written.leftOut.isEmpty else { return "rows that are not written: \(written.leftOut)" }
    guard let read = InstanceCopy.decode(written.bytes), read.mistakes.isEmpty else {
      return "a copy that cannot be read: \(text(written.bytes.span))"
    }
    guard read.rows.count == rows.count else { return "\(read.rows.count) rows of \(rows.count)" }
    for (left, right) in zip(read.rows, rows) {
      guard left.key == right.key, left.heard == right.heard, left.source == right.source,
        left.instance?.address == right.instance?.address,
        left.instance?.weight == right.instance?.weight,
        left.instance?.modifier1 == right.instance?.modifier1
      else {
        let both = InstanceCopy.encode([left, right]).bytes
        return "another row: \(text(both.span))"
      }
    }
    return nil
  }

  /// What this server tells, the others read as it is.
  func sharingProblem() -> String? {
    for told in registry.announcedHere(node: Self.ownNode, local: true, now: now) {
      let read = try? SharedInstance(
        storedKey: told.storedKey(prefix: Self.prefix), value: told.storedValue,
        prefix: Self.prefix)
      guard read == told else { return "shared as another: \(told)" }
    }
    return nil
  }
}
