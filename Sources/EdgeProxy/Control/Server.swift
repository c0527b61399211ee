internal import CertStore
internal import EventLoop
internal import Glibc
internal import HTTPCore
internal import Logging
internal import TLS

/// The whole program: makes the workers and what they need, and decides what changes while it runs.
///
/// It runs on the control thread with a loop of its own; no request ever waits for it.
final class Server: TimerTarget {
  private let loop: EventLoop
  private let logger: Logger
  private let loader: () -> LoadedConfiguration
  private let certificates: CertificateKeeper
  private let encryption: EncryptionKeys?
  private var fleet: FleetLink?
  private var discovery: Discovery?
  private var tickets: TicketKeeper?
  private var peers: PeerKeeper?
  private var service = ServiceWatch()
  /// To nodes on other servers, for checks and probes.
  private let links: PeerLinks
  private let probes: NodeProbes
  private let prober: Prober

  private var configuration: Configuration
  private var plan: SnapshotPlan
  private var applications: Applications
  private let workers: WorkerGroup
  private var signals: Signals?
  private var ports: PortKeeper
  private var admin: AdminListener?
  private var lastReload: ReloadOutcome?
  /// Seconds since 1970.
  private let startedAt = Int64(time(nil))
  private var ability = Ability(hasCertificate: false)

  /// The first probes are still under way.
  private var isAsking = false
  /// The service manager was told that this server serves.
  private var isReady = false
  private var told: (ability: Ability, port: UInt16)?
  private var beats = 0
  private var isDraining = false
  private var drainDeadline = Instant(nanoseconds: .max)

  /// For a connect that only finds out whether somebody listens; several fail before that counts.
  private static let probeTimeout = Duration.milliseconds(250)
  /// Beats between two rounds of probes.
  private static let probeEvery = 2
  /// How often the control thread looks after ports, probes and the watchdog.
  private static let beat = Duration.milliseconds(100)

  /// Makes everything that can fail before a thread is started; `loader` reads the configuration
  /// again for a reload and reports its mistakes itself.
  init(
    _ configuration: Configuration, workers: Int, logger: Logger,
    loader: @escaping () -> LoadedConfiguration
  ) throws {
    self.configuration = configuration
    self.logger = logger
    self.loader = loader
    loop = try EventLoop()
    applications = Applications(neighbours: configuration.neighbours)
    applications.reconfigure(configuration.upstreams, now: loop.now)
    plan = SnapshotPlan(
      configuration, applications: applications.tables, neighbours: configuration.neighbours,
      previous: nil)
    links = PeerLinks(loop: loop, counters: PeerCounters(), logger: logger)
    probes = NodeProbes(links: links, timeout: Self.probeTimeout)
    prober = Prober(links: links, logger: logger)
    self.workers = WorkerGroup(count: workers, now: loop.now)
    ports = PortKeeper(configuration.listen, workers: workers, logger: logger)
    encryption = try configuration.etcd?.readEncryptionKeys()
    certificates = CertificateKeeper(configuration, encryption: encryption, logger: logger)
  }

  /// Serves until it is told to stop and everything under way is finished.
  func run() throws {
    let signals = try Signals([SIGTERM, SIGINT, SIGHUP, SIGUSR1]) { [unowned self] in
      received($0)
    }
    try signals.register(with: loop)
    self.signals = signals
    certificates.begin()
    try certificates.watch(on: loop) { [unowned self] in certificatesChanged() }
    let tickets = try TicketKeeper(logger: logger, now: Self.wallClock) { [unowned self] in
      ticketKeysChanged()
    }
    self.tickets = tickets
    share(tickets)
    discover()
    let spool = SpoolDirectory.prepare(configuration.state, logger: logger)
    try startWorkers(spool: spool, tickets: tickets.keys)
    try ports.openAtStart(workers.handles)
    peersChanged()
    openAdministration()
    defer { admin?.close() }
    prober.follow(upstreams)
    if configuration.listen.closeWhenUnable != .never {
      // A node that was never tried counts as able; where the port depends on it, ask first.
      isAsking = true
      prober.hurry()
      probes.run(upstreams) { !prober.follows($0) }
    }
    probes.whenIdle = { [unowned self] in step() }
    step()
    _ = loop.arm(self, after: Self.beat)
    loop.owner = self
    try loop.run()
    loop.owner = nil
    workers.stop()
    fleet?.close()
    discovery?.close()
    if !isReady, let failure = ports.failure { throw failure }
    logger.notice("stopped")
  }

  private func startWorkers(spool: String, tickets: TicketKeys) throws {
    let first = WorkerPlan(
      snapshot: plan, certificates: certificates.index, ticketKeys: tickets,
      policy: configuration.tls.policy, spoolDirectory: spool, perAddress: ConnectionLimit(),
      ability: ability,
      httpsPort: configuration.listen.https.first?.port ?? 443, control: loop.handle)
    try workers.start(first, logger: logger)
  }

  /// Those of the configuration, and the applications that have announced themselves.
  private var upstreams: [UpstreamState] {
    plan.upstreams.filter { $0.settings.discovery == nil } + applications.states
  }

  /// Takes over what has announced itself; requests that wait for it go on.
  func install(_ changed: [Application], forgotten: [[UInt8]]) {
    applications.install(changed, forgotten: forgotten, now: loop.now)
    installApplications()
  }

  /// All that announce themselves have had the time to: other hosts have no application.
  func applicationsComplete() {
    applications.complete()
    installApplications()
  }

  private func installApplications() {
    let tables = applications.tables
    plan.applications = tables
    prober.follow(upstreams)
    // Workers that are yet to be started begin with the plan.
    guard !workers.handles.isEmpty else { return }
    workers.post { $0.install(tables) }
    step()
  }

  /// Begins to take subscriptions, or goes on by other rules; without any nothing is discovered.
  private func discover() {
    guard let settings = configuration.subscriptions else {
      discovery?.close()
      return discovery = nil
    }
    if let discovery { return discovery.reconfigure(settings) }
    let made = Discovery(
      settings, state: configuration.state, loop: loop, logger: logger,
      completed: { [unowned self] in applicationsComplete() },
      changed: { [unowned self] in install($0, forgotten: $1) })
    discovery = made
    made.start()
    if settings.isShared { fleet?.share(made) }
  }

  // MARK: The beat

  func timerFired(_ token: TimerToken) {
    beats += 1
    prober.beat()
    if beats % Self.probeEvery == 0 { probe() }
    step()
    if beats % 10 == 0 { everySecond() }
    _ = loop.arm(self, after: Self.beat)
  }

  /// Opens or closes the port as what can be served demands.
  private func step() {
    let now = loop.now
    if isDraining {
      if now >= drainDeadline { drainTimedOut() }
      return
    }
    if isAsking, !probes.isIdle || !prober.hasAsked { return }
    isAsking = false
    ability = Ability(
      hasCertificate: !certificates.index.isEmpty,
      hasBackend: configuration.answersAlone || Ability.hasBackend(upstreams))
    ports.step(ability, fleet: fleet?.ports, workers: workers.handles, now: now)
    tellAbility()
    if !isReady { becomeReady() }
  }

  /// Lets the workers know, when it has changed, what the health endpoint says.
  private func tellAbility() {
    let (ability, port) = (ability, ports.httpsPort)
    guard told?.ability != ability || told?.port != port else { return }
    told = (ability, port)
    workers.post { $0.setAbility(ability, httpsPort: port) }
  }

  /// Tells that this server serves; a port that somebody else has ends the start instead.
  private func becomeReady() {
    guard ports.failure == nil else { return loop.stop() }
    isReady = true
    service.ready(workers: workers.count)
    logger.notice(
      "serving", metadata: ["workers": "\(workers.count)", "node": "\(configuration.node)"])
  }

  /// Without probes a server that lost all its traffic would never learn that it can serve again.
  private func probe() {
    let witnesses = configuration.listen.closeWhenUnable != .never
    probes.round(upstreams, witnesses: witnesses) { !prober.follows($0) }
  }

  private func everySecond() {
    workers.ask()
    certificates.lookAgain()
    admin?.open()
    if workers.areAlive(now: loop.now) { service.alive(now: loop.now) }
    tickets?.everySecond()
    fleet?.everySecond()
    peers?.everySecond()
    openPeers()
  }

  /// A worker has marked a node that has fallen silent.
  func suspectsMarked() { prober.checkSuspects() }

  private func certificatesChanged() {
    if let index = certificates.load() { install(index) }
  }

  private func install(_ index: CertificateIndex) {
    workers.post { $0.install(index) }
    step()
  }

  // MARK: What the fleet shares

  private static func wallClock() -> Int64 { Int64(time(nil)) }

  /// Begins to follow etcd, where there is one; nothing waits for it.
  private func share(_ tickets: TicketKeeper) {
    fleet = FleetLink(configuration, encryption: encryption, loop: loop, logger: logger)
    fleet?.follow(certificates) { [unowned self] in install($0) }
    if let etcd = configuration.etcd, !configuration.listen.peers.isEmpty {
      let keeper = PeerKeeper(configuration, prefix: etcd.prefix, logger: logger) {
        [unowned self] in peersChanged()
      }
      peers = keeper
      fleet?.follow(keeper)
    }
    if configuration.tls.tickets == .etcd { fleet?.follow(tickets, copy: certificates) }
    if configuration.listen.closeWhenUnable == .fleet {
      fleet?.agreeOnPorts { [unowned self] in step() }
    }
  }

  /// The fleet has other servers, or this one can prove now that it belongs to them.
  private func peersChanged() {
    guard let peering = peers?.peering, !workers.handles.isEmpty else { return }
    links.install(peering)
    workers.post { $0.install(peering) }
    openPeers()
    let neighbours = peering.neighbours(of: configuration.node)
    guard neighbours != plan.neighbours else { return }
    applications.install(neighbours, now: loop.now)
    plan = SnapshotPlan(
      configuration, applications: applications.tables, neighbours: neighbours, previous: plan)
    prober.follow(upstreams)
    let plan = plan
    workers.post { $0.install(plan) }
    step()
  }

  private func openPeers() {
    guard peers?.peering.credentials != nil, !isDraining else { return }
    ports.openPeers(workers.handles)
  }

  private func ticketKeysChanged() {
    guard let keys = tickets?.keys else { return }
    workers.post { $0.install(keys) }
  }

  // MARK: Signals

  private func received(_ signal: Int32) {
    switch signal {
    case SIGTERM, SIGINT: drain()
    case SIGHUP: reload()
    case SIGUSR1:
      let log = configuration.log
      workers.post { $0.install(log) }
      logger.notice("logs reopened")
    default: break
    }
  }

  /// Plans the new configuration whole, then commits it; with any mistake the old one goes on.
  ///
  /// `nil` while draining, when nothing is reloaded.
  @discardableResult
  private func reload() -> ReloadOutcome? {
    guard !isDraining else { return nil }
    service.reloading(now: loop.now)
    defer { service.ready(workers: workers.count) }
    let loaded = loader()
    let error = loaded.configuration.map(commit) ?? "the configuration has mistakes"
    let now = Int64(time(nil))
    var outcome = ReloadOutcome(at: now, isRefused: false, report: loaded.report)
    if let error {
      logger.error(
        "reload refused, the old configuration goes on", metadata: ["error": "\(error)"])
      outcome.isRefused = true
      if loaded.configuration != nil { outcome.report += error + "\n" }
    } else {
      logger.notice("reloaded", metadata: ["file": "\(configuration.path)"])
    }
    lastReload = outcome
    return outcome
  }

  /// Takes a configuration over; what is in the way, and then nothing has changed.
  private func commit(_ next: Configuration) -> String? {
    let move: PortKeeper.Move
    do {
      move = try ports.plan(next.listen)
    } catch {
      return "\(error)"
    }
    if let fixed = next.needsRestart(after: configuration) {
      logger.warning("a restart is needed for this change", metadata: ["key": "\(fixed)"])
    }
    configuration = next
    // Should subscriptions be taken again, their rules decide what is known, and not what was.
    if next.subscriptions == nil {
      applications = Applications(neighbours: plan.neighbours)
    }
    applications.reconfigure(next.upstreams, now: loop.now)
    plan = SnapshotPlan(
      next, applications: applications.tables, neighbours: plan.neighbours, previous: plan)
    prober.follow(upstreams)
    let (plan, log) = (plan, next.log)
    workers.post {
      $0.install(plan)
      $0.install(log)
    }
    ports.commit(move, workers: workers.handles)
    admin?.move(to: next.listen.admin)
    certificates.reconfigure(next)
    certificatesChanged()
    discover()
    step()
    return nil
  }

  /// Closes the port first and at once, then lets what is under way finish.
  private func drain() {
    guard !isDraining else { return }
    isDraining = true
    ability.isDraining = true
    service.stopping()
    tickets?.end()
    fleet?.ports?.end()
    logger.notice("draining")
    drainDeadline = loop.now + configuration.timeouts.drain
    ports.step(ability, workers: workers.handles, now: loop.now)
    let (ability, port, handle) = (ability, ports.httpsPort, loop.handle)
    workers.post { worker in
      worker.setAbility(ability, httpsPort: port)
      worker.drain {
        handle.post { loop in (loop.owner as? Server)?.workerDrained() }
      }
    }
  }

  private func workerDrained() {
    if workers.drained() { loop.stop() }
  }

  private func drainTimedOut() {
    logger.warning("drain took too long, what is left is cut")
    loop.stop()
  }
}

// MARK: Administration

extension Server {
  private func openAdministration() {
    let desk = AdminDesk(
      report: { [unowned self] in report() }, reload: { [unowned self] in reload() },
      drain: { [unowned self] in drain() })
    let listener = AdminListener(
      configuration.listen.admin, loop: loop, logger: logger, desk: desk)
    listener.open()
    admin = listener
  }

  /// Everything that is told about this server; whoever has something to tell adds a section here.
  private func report() -> StatusReport {
    let now = Int64(time(nil))
    let unable = ability.unable?.word.description
    var sections = [
      ServerSection(
        node: configuration.node, processNumber: getpid(), startedAt: startedAt, now: now,
        reload: lastReload
      ).section,
      ports.section(fleet: fleet?.ports?.counts),
    ]
    let pipes = workers.handles.map(\.counters.peers) + [links.counters]
    let optional = [
      fleet?.section, peers?.section(pipes), tickets?.section, discovery?.section,
    ]
    sections += optional.compactMap { $0 }
    sections += [
      workers.section(now: loop.now),
      SessionsSection(
        configuration: configuration, counters: workers.handles.map(\.counters)
      ).section,
      UpstreamsSection(upstreams: upstreams, now: loop.now, time: now) { [prober] in
        prober.record(of: $0)?.last
      }.section,
      CertificatesSection(
        entries: certificates.index.entries, refusals: certificates.refusals,
        copyFailure: certificates.copyFailure, now: now
      ).section,
    ]
    return StatusReport(
      health: unable ?? (ports.isOpen ? "ok" : "port-closed"),
      isServing: unable == nil && ports.isOpen, sections: sections)
  }
}
