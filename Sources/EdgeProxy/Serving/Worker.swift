internal import CertStore
internal import Configuration
internal import EventLoop
internal import HTTPCore
internal import Logging
internal import TLS

/// One core's share of the server: an event loop with its listeners, connections and exchanges.
///
/// Workers share nothing but immutable snapshots, the atomics of upstreams and their nodes, the
/// counts of clients, and the requests that ended instances. Exchanges, attempts and buffers are
/// used again, so that a request in steady state allocates nothing.
final class Worker: TurnEnd {
  let loop: EventLoop
  let buffers = BufferPool()
  let counters = WorkerCounters()
  let underWay = UnderWay()
  /// To nodes on other servers.
  let links: PeerLinks
  /// From other servers.
  let door: PeerDoor
  let spoolDirectory: String
  let challenges: ChallengeDirectory
  var challengeTable = ChallengeTable.empty
  let sites: SiteOrders
  var random: RandomSource
  private(set) var clock = WallClock()
  private(set) var snapshot: WorkerSnapshot
  /// Why new work is not welcome; the health endpoint says it.
  private(set) var ability: Ability
  /// Where redirects lead to: the first HTTPS port.
  private(set) var httpsPort: UInt16

  private let checkSuspects: @Sendable () -> Void
  private(set) var tls: WorkerTLS
  let logger: Logger
  private var accessLog: AccessLog
  private var listeners: [Listener] = []
  private(set) lazy var sessions = SessionTable(worker: self)
  private var roster = Roster<Connection>()
  /// Those that linger are not among them.
  var connections: [Connection] { roster.all }
  private var lingering = LingeringConnections()
  private let perAddress: ConnectionLimit
  var compressors = CompressorPool()
  var listings = ListingCache()
  private(set) lazy var relief = MemoryRelief(worker: self, snapshot.configuration.limits)
  private var reused = ReusedObjects()
  /// What went wrong and was told of.
  var troubles = RepeatedEvents()
  private var whenDrained: (@Sendable () -> Void)?
  private var ticker: Ticker?

  /// With `loop` somebody else turns it, by a clock of their own.
  init(_ plan: WorkerPlan, logger: Logger, loop: EventLoop? = nil) throws {
    self.logger = logger
    let configuration = plan.snapshot.configuration
    let loop = try loop ?? EventLoop()
    self.loop = loop
    links = PeerLinks(loop: loop, counters: counters.peers, logger: logger)
    door = PeerDoor(loop: loop, logger: logger)
    spoolDirectory = plan.spoolDirectory
    perAddress = plan.perAddress
    challenges = ChallengeDirectory(configuration.acmeChallenges)
    sites = SiteOrders(loop: loop, countMax: configuration.limits.held, table: plan.sites)
    random = RandomSource(seed: UInt64.random(in: 1...UInt64.max))
    tls = try WorkerTLS(plan)
    accessLog = AccessLog(configuration.log, logger: logger, warnings: plan.warnings)
    snapshot = WorkerSnapshot(plan.snapshot, loop: loop, counters: counters, previous: nil)
    ability = plan.ability
    checkSuspects = plan.checkSuspects
    httpsPort = plan.httpsPort
    loop.owner = self
    // Unowned, since all that a worker does would cost more while anybody holds it weakly.
    links.onSign = { [unowned self] in snapshot.releaseHeld() }
    relief.install(configuration.limits)
    let ticker = Ticker(worker: self)
    self.ticker = ticker
    ticker.start()
  }

  /// Whether answers ask clients to go elsewhere for their next request: the port is closed.
  private(set) var sendsClientsAway = false

  /// Has a node that has fallen silent checked at once.
  func suspect(_ node: NodeState) {
    if node.suspect() { checkSuspects() }
  }

  // MARK: Orders from the control thread

  /// Takes over a configuration; requests under way keep theirs.
  func install(_ plan: SnapshotPlan) {
    let previous = snapshot
    snapshot = WorkerSnapshot(plan, loop: loop, counters: counters, previous: previous)
    previous.retire(except: snapshot)
    relief.install(plan.configuration.limits)
    sites.install(countMax: plan.configuration.limits.held)
    door.forgetNodes()
    challenges.path = plan.configuration.acmeChallenges
    defer { sendOthersAway(thanUnder: previous.clientRules) }
    do throws(TLSError) {
      try tls.install(plan)
    } catch {
      logger.error("other TLS settings are not in force", metadata: ["error": "\(error)"])
    }
  }

  /// Takes over certificates; connections keep theirs.
  func install(_ index: CertificateIndex) { tls.install(index) }

  func install(_ keys: TicketKeys) { tls.install(keys) }

  /// Takes over the list of the fleet's servers, and this server's own certificate.
  ///
  /// Connections of servers that do not belong to it any more are closed at once.
  func install(_ peering: Peering) {
    links.install(peering)
    door.install(peering)
    for connection in connections.reversed()
    where connection.isOpen && connection.listener.kind == .peers {
      if !door.knows(connection.stream) { connection.abort() }
    }
  }

  /// Takes over where the access log goes; the same place is opened anew.
  func install(_ log: LogSettings) { accessLog.install(log) }

  func setAbility(_ ability: Ability, httpsPort: UInt16) {
    self.ability = ability
    self.httpsPort = httpsPort
  }

  /// Listens on a socket that the control thread has bound.
  func open(
    _ descriptor: consuming FileDescriptor, _ address: SocketAddress, _ kind: ListenerKind
  ) {
    let listener = Listener(
      worker: self, address: address, kind: kind, descriptor: descriptor)
    do throws(SystemError) {
      try listener.start()
      listeners.append(listener)
      if kind == .https { sendsClientsAway = false }
    } catch {
      report(error, while: "listening on \(address)")
    }
  }

  func isListening(_ kind: ListenerKind) -> Bool { listeners.contains { $0.kind == kind } }

  /// Closes the listeners of one kind at once; with `draining`, idle connections too.
  func closeListeners(where matches: (Listener) -> Bool) {
    for listener in listeners where matches(listener) { listener.close() }
    let hadPort = listeners.contains { $0.kind == .https }
    listeners.removeAll(where: matches)
    if hadPort, !listeners.contains(where: { $0.kind == .https }) { sendsClientsAway = true }
    // Idle clients come back through another server; busy ones hear it with their answer.
    guard sendsClientsAway else { return }
    for connection in connections
    where connection.canBeSentAway && connection.listener.kind != .peers { connection.drain() }
  }

  /// Refuses new work and finishes what there is; `done` is called when nothing is left.
  func drain(_ done: @escaping @Sendable () -> Void) {
    whenDrained = done
    closeListeners { $0.kind != .http }
    sendsClientsAway = true
    for connection in connections { connection.drain() }
    tellIfDrained()
  }

  private func tellIfDrained() {
    guard let whenDrained, sessions.count == 0,
      !connections.contains(where: { $0.listener.isTLS }),
      !lingering.all.contains(where: { $0.listener.isTLS })
    else { return }
    self.whenDrained = nil
    whenDrained()
  }

  /// New work is welcome again.
  func undrain() { whenDrained = nil }

  /// Cuts what a drain has left.
  func cutAll() {
    // Those that end tunnels leave the list.
    for connection in connections.reversed() { connection.cutTunnels("drain") }
    for connection in connections.reversed() where connection.listener.kind != .http {
      connection.abort()
    }
    endLingering()
    sessions.cutAll("drain")
  }

  /// Ends the loop; what is still open is cut.
  func stop() {
    // Those that end tunnels leave the list.
    for connection in connections.reversed() { connection.cutTunnels("drain") }
    sessions.cutAll("drain")
    links.close()
    closeListeners { _ in true }
    loop.atTurnEnd(WorkerFarewell(self))
    loop.stop()
    letGo()
  }

  /// What was cut has ended, and is in the log.
  func letGo() {
    accessLog.flush()
    // They know their worker, which would live on with them.
    reused = ReusedObjects()
  }

  // MARK: Connections

  func accepted(_ socket: consuming FileDescriptor, _ facts: ListenerFacts) {
    guard let socketAddress = Socket.peerAddress(socket.raw),
      let address = IPAddress(socketAddress)
    else { return }
    let client = ClientAddress(address, port: socketAddress.port ?? 0)
    let configuration = snapshot.configuration
    let isAnnounced =
      facts.kind != .peers && configuration.listen.proxyProtocol.contains(address)
    // A full house closes what it cannot serve: the client goes to another server. One that is
    // announced is counted when it is known.
    guard makeRoom() else {
      return counters.refused(.connections)
    }
    guard let permit = isAnnounced ? .uncounted(address) : enter(address) else { return }
    Socket.setNoDelay(socket.raw)
    var connection: Connection?
    do {
      let stream = try stream(socket.raw, facts)
      guard stream != nil || !facts.isTLS else { return }
      let made = Connection(
        worker: self, listener: facts, client: client, descriptor: socket, stream: stream,
        permit: permit, isAnnounced: isAnnounced)
      connection = made
      try adopt(made)
    } catch {
      connection?.abort()
      logger.error("a connection could not be set up", metadata: ["error": "\(error)"])
    }
  }

  /// Takes a connection in and has it begin.
  func adopt(_ connection: Connection) throws(SystemError) {
    roster.add(connection)
    counters.accepted.add()
    countConnections()
    try connection.start()
  }

  /// TLS of the listener's kind; `nil` for none.
  private func stream(_ descriptor: Int32, _ facts: ListenerFacts) throws(TLSError) -> TLSStream? {
    switch facts.kind {
    case .https: try tls.stream(descriptor)
    case .peers: try door.stream(descriptor)
    case .http, .tcp: nil
    }
  }

  /// Whether one more connection or session may come; those that linger give way to it.
  func makeRoom() -> Bool {
    let most = snapshot.configuration.limits.connections
    while roster.count + lingering.count + sessions.count >= most {
      guard let oldest = lingering.oldest else { return false }
      oldest.abort()
    }
    return true
  }

  /// The last answer is out, and the connection only waits for its client to stop sending.
  func linger(_ connection: Connection) {
    if roster.remove(connection) { lingering.add(connection) }
  }

  /// Ends all that linger, with the turn: their descriptors or their memory are needed.
  func endLingering() {
    for connection in lingering.all { connection.abort() }
  }

  private func countConnections() { counters.connections.set(roster.count + lingering.count) }

  /// Counts one more connection or session of a client; `nil` where it has too many already.
  ///
  /// Those of trusted networks are not counted.
  func enter(_ address: IPAddress) -> ConnectionPermit? {
    let configuration = snapshot.configuration
    guard !configuration.trusted.contains(address) else { return .uncounted(address) }
    let countMax = configuration.limits.connectionsPerAddress
    if let permit = perAddress.enter(address.client, countMax: countMax) { return permit }
    counters.refused(.connectionsPerAddress)
    return nil
  }

  func remove(_ connection: Connection) {
    guard roster.remove(connection) || lingering.remove(connection) else { return }
    countConnections()
    tellIfDrained()
  }

  /// A session is gone.
  func sessionEnded() { tellIfDrained() }

  // MARK: Objects that are used again

  func takeExchange(for driver: ExchangeDriver, on connection: Connection) -> Exchange {
    let exchange = reused.takeExchange() ?? Exchange(worker: self)
    exchange.assign(to: driver, on: connection)
    return exchange
  }

  /// Takes back what nobody uses any more.
  func give(_ exchange: Exchange) {
    settleLater()
    reused.give(exchange)
  }

  func takeAttempt() -> Attempt { reused.takeAttempt() ?? Attempt(worker: self) }

  func give(_ attempt: Attempt) {
    settleLater()
    reused.give(attempt)
  }

  func takeNodeConnection() -> NodeConnection {
    reused.takeNodeConnection() ?? NodeConnection(loop: loop)
  }

  func give(_ connection: NodeConnection) {
    settleLater()
    reused.give(connection)
  }

  private func settleLater() { if reused.isSettled { loop.atTurnEnd(self) } }

  func turnEnded() { reused.settle() }

  // MARK: Time and the log

  /// The Date field of answers, RFC 9110 §6.6.1.
  var date: [UInt8] {
    clock.update(loop.now)
    return clock.date
  }

  /// Seconds since 1970.
  var secondsNow: Int64 {
    clock.update(loop.now)
    return clock.seconds
  }

  /// Microseconds since 1970.
  var wallClockNow: Int64 {
    clock.update(loop.now)
    return clock.microseconds
  }

  /// Once a second.
  func tick() {
    sessions.tick()
    accessLog.flush()
    counters.memory.set(buffers.bytesOut)
    counters.fileBytes.set(Int(buffers.fileBytesOut))
    counters.held.set(snapshot.waitingCount + sites.count)
  }

  /// The time of day, in microseconds since 1970, at an instant not long ago.
  func wallClock(at instant: Instant) -> Int64 {
    clock.update(loop.now)
    // A clock that was set to its beginning meanwhile is not before it.
    return max(0, clock.microseconds - loop.now.microseconds(since: instant))
  }

  /// A TCP session has ended.
  func log(_ record: borrowing AccessRecord) {
    counters.countSession(record)
    accessLog.append(record)
  }

  func log(_ exchange: Exchange) {
    counters.count(exchange.record, exchange.request.head, on: exchange.routeCounters)
    accessLog.append(exchange.record, exchange.request.head)
  }
}

@available(*, unavailable) extension Worker: Sendable {}
