internal import Configuration
internal import Etcd
internal import EventLoop
internal import HTTPCore
internal import Logging

/// Which servers the fleet has, and which of their addresses are answered in DNS.
///
/// Servers tell each other through etcd what they are and what they see. One that cannot ask etcd goes by its own
/// probes and by the servers that it knew last, so trouble with etcd alone removes nobody.
final class FleetAddresses {
  /// Where the servers tell each other.
  struct Store {
    let client: EtcdClient
    /// What the keys of the fleet begin with.
    let prefix: String
    let writes: EtcdWrites
    let copy: FleetCopy
  }

  private let node: String
  private let loop: EventLoop
  private let store: Store?
  private let changed: () -> Void
  /// The servers of the configuration, for a fleet without etcd.
  private let configured: [KnownServer]
  private var own: Own
  private var register: FleetRegister
  private var key: LeasedKey?
  private var probes: AddressProbes?
  private var lives: LivingAddresses
  private let notices: AddressNotices
  /// All servers, with this one even where it has no number yet.
  private var everyone: [KnownServer] = []
  /// The same as they were told last.
  private var taken: [KnownServer] = []
  /// Whether the copy on disk has them.
  private var isKept = false
  private var joining = Joining()
  /// Servers of the copy on disk, until etcd is read, and then those that it does not have, for a while.
  private var remembered: [KnownServer] = []
  private var rememberedUntil: Instant?
  /// What is said of what this server sees, and since when.
  private var said: (value: [UInt8], at: Instant)
  private var pause: Alarm?
  private var patience: Alarm?
  /// Whether etcd has been read.
  private var isRead = false
  /// All that were known from the start have been looked at.
  private var hasBegun = false
  /// Until then addresses that appear are taken as living: a fleet that begins comes one after the other.
  private var beginsUntil: Instant?
  private var isTelling = false
  /// How often addresses were left out of answers, and answered again.
  private var counts = (away: 0, back: 0)
  private var isStopped = false

  /// All servers with a number, by it; this one with its present addresses.
  private(set) var servers: [KnownServer] = []
  /// The servers of the fleet are known: from the configuration, from etcd, or from the copy on disk.
  ///
  /// Before, this server knows itself alone, and better says nothing of the fleet.
  private(set) var isKnown = false

  /// What this server is, as it tells it.
  private struct Own: Equatable {
    var addresses: [IPAddress]
    var port: UInt16
    var isOpen: Bool
  }

  /// How far this server is with its place in etcd.
  private struct Joining {
    var isUnderWay = false
    /// Not before this.
    var next = Instant(nanoseconds: .min)
  }

  /// After this a server that is gone says nothing any more.
  static let timeToLive = Duration.seconds(15)
  private static let retryAfter = Duration.milliseconds(250)
  /// etcd takes what this server sees within this time, or is away: the words of others may be as late.
  static let heardWithin = Duration.milliseconds(700)
  /// Between two things that are said.
  private static let pauseMin = Duration.milliseconds(100)
  private static let joinAgainAfter = Duration.seconds(1)
  /// Since etcd was read first.
  private static let beginsFor = Duration.seconds(10)
  /// A store that has lost its keys has them again within this time.
  private static let rememberedFor = Duration.seconds(60)

  /// Begins to follow the fleet, and to tell it what this server is.
  ///
  /// `configured` has a list of addresses for each server, for a fleet without etcd, which has no `store`. `isOpen`
  /// is whether this server's port is open now. What `previous`, of another configuration, has seen goes on to
  /// count. `changed` is called when `servers`, `living` or `isKnown` has changed, never from within a call.
  init(
    returnAfter: Duration, configured: [[IPAddress]], publicAddresses: [IPAddress], node: String,
    httpsPort: UInt16, isOpen: Bool, store: Store?, after previous: FleetAddresses? = nil,
    on loop: EventLoop, logger: Logger, warnings: Warnings, changed: @escaping () -> Void
  ) {
    self.node = node
    self.loop = loop
    self.store = store
    self.changed = changed
    self.configured = KnownServer.configured(
      configured, node: node, own: publicAddresses, port: httpsPort)
    notices = AddressNotices(node: node, logger: logger, warnings: warnings)
    own = Own(addresses: publicAddresses, port: httpsPort, isOpen: isOpen)
    register = FleetRegister(prefix: store?.prefix ?? "", node: node)
    lives = previous?.lives ?? LivingAddresses(returnAfter: returnAfter)
    lives.returnAfter = returnAfter
    hasBegun = previous?.hasBegun ?? false
    beginsUntil = previous?.hasBegun == true ? loop.now : nil
    said = (ServerSight(isOpen: isOpen).value, loop.now)
    probes = AddressProbes(on: loop) { [unowned self] in step() }
    pause = Alarm(on: loop) { [unowned self] in step() }
    patience = Alarm(on: loop) { [unowned self] in step() }
    if let store {
      let kept = store.copy.load() ?? (previous?.isKnown == true ? previous?.servers : nil)
      isKnown = kept != nil
      remembered = kept ?? []
      follow(store)
    } else {
      isKnown = true
      beginsUntil = loop.now
    }
    take()
    decide()
  }

  private func follow(_ store: Store) {
    let key = LeasedKey(
      store.client, on: loop, key: register.sightKey, in: register.range,
      timeToLive: Self.timeToLive, retryAfter: Self.retryAfter, kind: .addresses,
      writes: store.writes, value: { [unowned self] in said.value },
      changed: { [unowned self] in told($0) })
    self.key = key
    key.start()
  }

  /// What DNS answers for the name of all servers.
  var living: [IPAddress] { lives.answer }

  // MARK: What this server is

  /// Says whether this server's https port is open.
  func tell(isOpen: Bool) {
    guard isOpen != own.isOpen else { return }
    own.isOpen = isOpen
    step()
  }

  /// Takes a number and tells what this server is, where etcd does not know it yet.
  private func join() {
    guard let store, isRead, !isStopped, !joining.isUnderWay, loop.now >= joining.next,
      let request = register.registration(own.addresses, port: own.port)
    else { return }
    joining.isUnderWay = true
    store.client.txn(request) { [weak self] result in
      guard let self else { return }
      store.writes.ended(.addresses, result)
      joining.isUnderWay = false
      // Where another server was faster with the number, etcd tells of it.
      if case .success(let response) = result, !response.succeeded { return }
      // Another server of this name would write in turn with this one, or etcd refuses it.
      joining.next = loop.now + Self.joinAgainAfter
    }
  }

  // MARK: What etcd tells

  private func told(_ changes: Changes) {
    register.apply(changes)
    // A store that was lost has nobody; whoever is there comes back to it.
    let names = Set(register.known.map(\.node))
    let missing = servers.filter {
      !names.contains($0.node)
        && (changes.isListing || $0.node == node || register.sights[$0.node] != nil)
    }
    if !missing.isEmpty {
      let kept = Set(missing.map(\.node))
      remembered = missing + remembered.filter { !kept.contains($0.node) }
    }
    if !missing.isEmpty || !isRead { rememberedUntil = loop.now + Self.rememberedFor }
    if changes.isListing {
      beginsUntil = beginsUntil ?? loop.now + Self.beginsFor
      if !isKnown { tellChange() }
      (isRead, isKnown) = (true, true)
    }
    probes?.suspect(register.accused)
    step()
    join()
  }

  /// The servers of etcd or of the configuration, and behind them those that are remembered.
  private var fleet: [KnownServer] {
    let known = store == nil ? configured : register.known
    let names = Set(known.map(\.node))
    var fleet = known + remembered.filter { !names.contains($0.node) }
    // Of itself a server knows better.
    if let index = fleet.firstIndex(where: { $0.node == node }) {
      (fleet[index].addresses, fleet[index].port) = (own.addresses, own.port)
    } else {
      fleet.append(KnownServer(node: node, number: 0, addresses: own.addresses, port: own.port))
    }
    return fleet
  }

  /// Takes over which servers there are, where they are others than before.
  private func take() {
    let fleet = fleet
    guard fleet != taken || !isKept else { return }
    taken = fleet
    var numbers: Set<Int> = []
    let numbered = fleet.filter { $0.number > 0 && numbers.insert($0.number).inserted }
    servers = numbered.sorted { $0.number < $1.number }
    everyone = fleet.sorted { $0.number < $1.number }
    var seen = Set(own.addresses)
    let targets = everyone.filter { $0.node != node }.flatMap { server in
      server.addresses.filter { seen.insert($0).inserted }
        .map { AddressProbes.Target(address: $0, port: server.port) }
    }
    probes?.probe(targets)
    notices.tellDoubles(everyone)
    isKept = isRead || store == nil
    if let store, isRead { notices.tellCopy(store.copy.save(servers)) }
  }

  // MARK: What this server sees

  /// Has etcd take what this server sees; not too often.
  private func say() {
    guard let key else { return }
    let now = loop.now
    let value = ServerSight(isOpen: own.isOpen, views: probes?.views ?? [:]).value
    guard value != said.value else { return }
    guard now >= said.at + Self.pauseMin else {
      if pause?.isSet == false { pause?.set(after: said.at + Self.pauseMin - now) }
      return
    }
    said = (value, now)
    key.write()
  }

  /// Whether etcd tells of every change of the servers now; `true` where there is no etcd.
  var isSynced: Bool { key?.isSynced ?? true }

  /// Whether what etcd has of the others is what they see now.
  private var isHeard: Bool {
    guard let key, key.isSynced else { return false }
    return key.unheardSince.map { loop.now < $0 + Self.heardWithin } ?? true
  }

  /// Looks again when etcd has had the time to take what this server said.
  private func waitForEtcd() {
    guard let since = key?.unheardSince, patience?.isSet == false else { return }
    let due = since + Self.heardWithin
    if due > loop.now { patience?.set(after: due - loop.now) }
  }

  // MARK: Who lives

  private var evidence: LivingAddresses.Evidence {
    LivingAddresses.Evidence(
      node: node, servers: everyone, isOpen: own.isOpen, views: probes?.views ?? [:],
      sights: isHeard ? register.sights : [:])
  }

  /// Looks anew at what is known, and tells of what has become of it.
  private func step() {
    guard !isStopped else { return }
    let before = (servers, living)
    take()
    say()
    decide()
    waitForEtcd()
    if before != (servers, living) { tellChange() }
  }

  private func tellChange() {
    guard !isTelling else { return }
    isTelling = true
    loop.soon { [weak self] in
      guard let self, !isStopped else { return }
      isTelling = false
      changed()
    }
  }

  private func decide() {
    let evidence = evidence
    let isStart = !hasBegun || (beginsUntil.map { loop.now < $0 } ?? true)
    let changes = lives.update(evidence, isStart: isStart, now: loop.now)
    if hasBegun {
      notices.tell(changes, Electorate(evidence))
      counts.away += changes.count { !$0.isAnswered }
      counts.back += changes.count { $0.isAnswered && !$0.isNew }
    }
    if isKnown { hasBegun = true }
    notices.tellFew(lives.hasTooFew(besides: own.addresses))
  }

  func everySecond() {
    let isOver = rememberedUntil.map { loop.now >= $0 } ?? false
    if isOver { (remembered, rememberedUntil) = ([], nil) }
    step()
    join()
  }

  var section: StatusSection { names.section }

  var names: NamesSection {
    NamesSection(
      servers: servers, addresses: report, isKnown: isKnown, trouble: trouble, changes: counts)
  }

  /// Each address, and who sees it how.
  var report: [AddressReport] {
    let evidence = evidence
    let electorate = Electorate(evidence)
    let answered = Set(living)
    return evidence.addresses.compactMap { address in
      let time = lives.time(address, now: loop.now, wallTime: WallTime.seconds)
      guard let state = lives.state(address), let time else { return nil }
      return AddressReport(
        address: address, servers: everyone.filter { $0.addresses.contains(address) }.map(\.node),
        state: state, since: time, isAnswered: answered.contains(address),
        witnesses: electorate.witnesses(address))
    }
  }

  /// Why the words of the others do not count; `nil` while they do, and where there is no etcd.
  var trouble: String? {
    key == nil || isHeard
      ? nil : "etcd does not tell what the others see; this server goes by what it sees itself"
  }

  // MARK: Servers that will not come back

  /// Has the fleet forget a server that is gone; `done` is called once, not within this call.
  func forget(_ node: String, _ done: @escaping (ForgetFailure?) -> Void) {
    guard let store else { return loop.soon { done(.noEtcd) } }
    let request: TxnRequest
    do throws(ForgetFailure) {
      request = try register.removal(of: node)
    } catch {
      return loop.soon { [error] in done(error) }
    }
    store.client.txn(request) { [weak self] result in
      store.writes.ended(.addresses, result)
      switch result {
      case .success(let response) where response.succeeded:
        self?.notices.tellForgotten(node)
        done(nil)
      case .success: done(.changed(node))
      case .failure(let error): done(.etcd("\(error)"))
      }
    }
  }

  // MARK: The end

  /// Hears of nothing any more.
  func stop() {
    isStopped = true
    key?.stop()
    probes?.end()
    pause?.cancel()
    patience?.cancel()
    notices.clear()
  }

  /// Has etcd delete what this server sees; what it is stays.
  func end() { key?.end() }

  /// Whether etcd has heard of the end.
  var isOver: Bool { key?.isOver ?? true }
}

@available(*, unavailable) extension FleetAddresses: Sendable {}
