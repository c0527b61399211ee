internal import Configuration
internal import EventLoop
internal import HTTPCore

/// Decides which datagrams are believed.
///
/// A machine that holds the signing key of a subscription key may announce it from anywhere;
/// without one, `allow` says which machines may announce what. Either way a machine announces its
/// own addresses and those that `allow` adds, so that no announcement leads requests elsewhere.
/// Cheap questions come first.
struct SubscriptionPolicy {
  enum Verdict: Equatable {
    case announce(Announcement)
    /// It says goodbye.
    case withdraw(Announcement)
    case refuse(SubscriptionRefusal)
  }

  private let settings: SubscriptionSettings
  private let keys: SigningKeys?
  /// The addresses of this machine.
  var ownAddresses: Set<IPAddress> = []
  private var replays: ReplayMemory
  private var budgets: [SubscriptionSource: DatagramBudget] = [:]
  private var otherSources: DatagramBudget
  private var listedVerifications: DatagramBudget
  private var otherVerifications: DatagramBudget

  /// Listed sources that are counted one by one; more are not heard.
  static let sourcesMax = 10_000

  /// `begun` is in seconds since 1970.
  init(_ settings: SubscriptionSettings, keys: SigningKeys?, begun: Int64, now: Instant) {
    self.settings = settings
    self.keys = keys
    replays = ReplayMemory(begun: begun)
    otherSources = DatagramBudget(DatagramBudget.source, now: now)
    listedVerifications = DatagramBudget(DatagramBudget.verification, now: now)
    otherVerifications = DatagramBudget(DatagramBudget.verification, now: now)
  }

  /// `time` is in seconds since 1970.
  mutating func judge(
    _ datagram: borrowing Span<UInt8>, from source: SubscriptionSource, time: Int64, now: Instant
  ) -> Verdict {
    do throws(SubscriptionRefusal) {
      let isListed = isListed(source)
      // Without signing keys nothing that such a source says could count.
      guard isListed || keys != nil else { throw .unlistedSource }
      guard takeTurn(of: source, isListed: isListed, now) else { throw .flood }
      let said = try Self.read(datagram)
      guard let key = SubscriptionKey.normalise(said.key) else { throw .badKey }
      let demand = keys?.demand(for: key) ?? .none
      if case .none = demand { try checkListed(key, source, isListed) }
      let address = try address(said.address, key, source)
      try Self.check(said)
      let instance = instance(said, at: address)
      try Self.check(key, instance)
      if case .none = demand {
        // Nobody signs for this key.
      } else {
        let signedAt = try signingTime(of: said, key, address, now: time)
        try checkSignature(said, demand, datagram, isListed: isListed, now)
        replays.remember(key: key, address: address, time: signedAt)
      }
      let announcement = Announcement(
        key: key, instance: instance, source: source,
        notify: notify(said.notify, source))
      return said.command == .announce ? .announce(announcement) : .withdraw(announcement)
    } catch {
      return .refuse(error)
    }
  }

  private static func read(
    _ datagram: borrowing Span<UInt8>
  ) throws(SubscriptionRefusal) -> SubscriptionDatagram {
    do throws(SubscriptionError) {
      return try SubscriptionDatagram(datagram)
    } catch {
      throw error == .tooLong ? .tooLong : .malformed
    }
  }

  private static func check(_ said: SubscriptionDatagram) throws(SubscriptionRefusal) {
    guard !said.isOtherProtocol else { throw .otherProtocol }
    guard !said.namesCertificate else { throw .namesCertificate }
  }

  private static func check(_ key: [UInt8], _ instance: Instance) throws(SubscriptionRefusal) {
    do throws(InstanceRefusal) {
      try InstanceRules.check(key, instance)
    } catch {
      throw SubscriptionRefusal(error)
    }
  }

  private func instance(_ said: SubscriptionDatagram, at address: SocketAddress) -> Instance {
    Instance(
      address: address, modifier1: said.modifier1, modifier2: said.modifier2,
      weight: InstanceRules.weight(said.weight), cores: InstanceRules.cores(said.cores),
      isBackup: said.backup > 0, isLocal: isHere(address))
  }

  // MARK: Sources

  private func isListed(_ source: SubscriptionSource) -> Bool {
    guard let allow = settings.allow else { return isHere(source) }
    return allow.contains { $0.from.contains(source.address) }
  }

  private func checkListed(
    _ key: [UInt8], _ source: SubscriptionSource, _ isListed: Bool
  ) throws(SubscriptionRefusal) {
    guard isListed else { throw .unlistedSource }
    guard mayAnnounce(key, source) else { throw .unlistedKey }
  }

  private func mayAnnounce(_ key: [UInt8], _ source: SubscriptionSource) -> Bool {
    guard let allow = settings.allow else { return isHere(source) }
    return allow.contains { $0.from.contains(source.address) && $0.covers(key) }
  }

  /// Sources that nobody listed share one budget: they may be forged, and as many as there are
  /// addresses.
  private mutating func takeTurn(
    of source: SubscriptionSource, isListed: Bool, _ now: Instant
  ) -> Bool {
    guard isListed else { return otherSources.take(now: now) }
    if budgets[source] == nil {
      guard budgets.count < Self.sourcesMax else { return false }
      budgets[source] = DatagramBudget(DatagramBudget.source, now: now)
    }
    return budgets[source]?.take(now: now) ?? false
  }

  /// Forgets what makes no difference any more.
  mutating func forget(time: Int64, now: Instant) {
    replays.forget(now: time)
    for source in Array(budgets.keys) where budgets[source]?.isFull(now) ?? false {
      budgets[source] = nil
    }
  }

  /// Whether an instance that was announced under other rules would be believed under these, had it
  /// signed if it must.
  func permits(_ key: [UInt8], _ address: SocketAddress, from source: SubscriptionSource) -> Bool {
    // Another server has judged what it shares.
    if case .server = source { return true }
    if case .none = keys?.demand(for: key) ?? .none, !mayAnnounce(key, source) { return false }
    return isPermitted(address, key, source)
  }

  // MARK: Addresses

  private func address(
    _ text: [UInt8], _ key: [UInt8], _ source: SubscriptionSource
  ) throws(SubscriptionRefusal) -> SocketAddress {
    // Datagrams write paths without `unix:`.
    guard !text.starts(with: Array("unix:".utf8)), let address = InstanceRules.address(text) else {
      throw .badAddress
    }
    guard isPermitted(address, key, source) else { throw .foreignAddress }
    return address
  }

  private func isPermitted(
    _ address: SocketAddress, _ key: [UInt8], _ source: SubscriptionSource
  ) -> Bool {
    // What is on this machine, only this machine may announce: another's would reach what is here.
    guard let host = IPAddress(address), !address.isLocal else { return isHere(source) }
    if case .machine(host) = source { return true }
    if isHere(source), ownAddresses.contains(host) { return true }
    return (settings.allow ?? []).contains {
      $0.from.contains(source.address) && $0.covers(key) && $0.addresses.contains(host)
    }
  }

  /// The kernel takes nothing from outside that bears an address of this machine.
  private func isHere(_ source: SubscriptionSource) -> Bool {
    switch source {
    case .unix: true
    case .machine(let address): address.isLoopback || ownAddresses.contains(address)
    case .server: false
    }
  }

  /// Whether it is on this machine.
  func isHere(_ address: SocketAddress) -> Bool {
    address.isLocal || IPAddress(address).map { ownAddresses.contains($0) } ?? true
  }

  /// The answer to a forged source must not reach a third party.
  private func notify(_ text: [UInt8], _ source: SubscriptionSource) -> SocketAddress? {
    guard !text.isEmpty, let address = InstanceRules.address(text) else { return nil }
    guard let host = IPAddress(address), !address.isLocal else {
      return isHere(source) ? address : nil
    }
    return source == .machine(host) ? address : nil
  }

  // MARK: Signatures

  /// When it was signed, as it claims; what is too late is not worth a verification.
  private func signingTime(
    of said: SubscriptionDatagram, _ key: [UInt8], _ address: SocketAddress, now: Int64
  ) throws(SubscriptionRefusal) -> Int64 {
    guard said.signature != nil, let signedAt = said.time else { throw .unsigned }
    if let refusal = replays.refusal(key: key, address: address, time: signedAt, now: now) {
      throw refusal
    }
    return signedAt
  }

  private mutating func checkSignature(
    _ said: SubscriptionDatagram, _ demand: SigningKeys.Demand,
    _ datagram: borrowing Span<UInt8>, isListed: Bool, _ now: Instant
  ) throws(SubscriptionRefusal) {
    guard let signature = said.signature, case .signature(let key) = demand else {
      throw .badSignature
    }
    let mayVerify =
      isListed ? listedVerifications.take(now: now) : otherVerifications.take(now: now)
    guard mayVerify else { throw .flood }
    var signed: [UInt8] = []
    signed.append(copying: datagram.extracting(said.signedRange))
    let isGood =
      key.verify(signature, of: signed, digest: .sha256)
      || settings.allowsSHA1 && key.verify(signature, of: signed, digest: .sha1)
    guard isGood else { throw .badSignature }
  }
}

extension IPAddress {
  /// Four or sixteen bytes in network order.
  init?(octets: [UInt8]) { self.init(octets: octets.span) }

  var isLoopback: Bool { isIPv4 ? low >> 24 & 0xff == 127 : high == 0 && low == 1 }
  var isUnspecified: Bool { high == 0 && (low == 0 || low == 0xffff_0000_0000) }
  /// Also the broadcast of IPv4.
  var isMulticast: Bool { isIPv4 ? low >> 28 & 0xf >= 14 : high >> 56 == 0xff }
}
