internal import CertStore
internal import Configuration
internal import EventLoop
internal import Glibc
internal import HTTPCore
internal import Logging
internal import TLS

/// The whole program: makes the workers and what they need, and decides what changes while it runs.
///
/// It runs on the control thread with a loop of its own; no request ever waits for it.
final class Server: TimerTarget {
  let loop: EventLoop
  let logger: Logger
  /// The error log's.
  let level: LogLevel
  let loader: () -> LoadedConfiguration
  let certificates: CertificateKeeper
  var fleet: FleetLink?
  /// Links that another one has followed.
  var retired: [FleetLink] = []
  var discovery: Discovery?
  var tickets: TicketKeeper?
  var peers: PeerKeeper?
  let orders = CertificateOrders()
  private(set) lazy var names = NameKeeper(on: loop, logger: logger, warnings: warnings)
  private(set) lazy var operations = makeOperations()
  var service = ServiceWatch()
  let warnings = Warnings()
  /// To nodes on other servers, for checks and probes.
  let links: PeerLinks
  private let probes: NodeProbes
  private(set) lazy var lookups = HostLookups(loop: loop, logger: logger) { [unowned self] in
    takeHosts()
  }
  /// What CAs are shown that ask whether names are this server's.
  private(set) lazy var challenges: ChallengeDelivery = ChallengeDelivery(
    places: workers.count + 1, logger: logger, now: Self.wallClock
  ) { [unowned self] table, values, number in
    workers.post { [control = loop.handle] worker in
      worker.install(table)
      control.post { loop in (loop.owner as? Server)?.challenges.taken(number) }
    }
    names.show(values) { [unowned self] in challenges.taken(number) }
  }
  let prober: Prober
  private(set) lazy var reports = NodeReports(links: links, logger: logger) { [unowned self] in
    lookups.failure(of: $0)
  }

  var configuration: Configuration
  var plan: SnapshotPlan
  var applications: Applications
  let workers: WorkerGroup
  private var signals: Signals?
  var ports: PortKeeper
  var admin: AdminListeners?
  private(set) lazy var page = PageFeed(
    document: { [unowned self] in report().document },
    totals: { [unowned self] in workers.traffic },
    bounds: (0..<DurationHistogram.bucketCount - 1).map { Int(DurationHistogram.bound($0)) })
  var lastReload: ReloadOutcome?
  var pastEnds = PastEnds()
  /// Seconds since 1970.
  let startedAt = WallTime.seconds
  var ability = Ability(hasCertificate: false)

  /// The first probes are still under way.
  private var isAsking = false
  /// The service manager was told that this server serves.
  private var isReady = false
  private var told: (ability: Ability, port: UInt16)?
  private var beats = 0
  var draining = Draining()

  /// For a connect that only finds out whether somebody listens; several fail before that counts.
  private static let probeTimeout = Duration.milliseconds(250)
  /// Beats between two rounds of probes.
  private static let probeEvery = 2
  /// How often the control thread looks after ports, probes and the watchdog.
  private static let beat = Duration.milliseconds(100)
  /// So long the start waits for names to be resolved; afterwards only requests do.
  private static let beatsForNames = 10

  /// Makes everything that can fail before a thread is started; `loader` reads the configuration
  /// again for a reload and reports its mistakes itself.
  init(
    _ configuration: Configuration, workers: Int, logger: Logger, level: LogLevel,
    loader: @escaping () -> LoadedConfiguration
  ) throws {
    self.configuration = configuration
    self.logger = logger
    self.level = level
    self.loader = loader
    loop = try EventLoop()
    applications = Applications(neighbours: configuration.neighbours)
    applications.reconfigure(configuration.upstreams, now: loop.now)
    plan = SnapshotPlan(
      configuration, applications: applications.tables, neighbours: configuration.neighbours,
      previous: nil)
    links = PeerLinks(loop: loop, counters: PeerCounters(), logger: logger)
    let prober = Prober(links: links)
    self.prober = prober
    probes = NodeProbes(links: links, timeout: Self.probeTimeout) { prober.follows($0) }
    self.workers = WorkerGroup(count: workers, now: loop.now)
    ports = PortKeeper(
      configuration.listen, workers: workers, logger: logger, warnings: warnings)
    certificates = CertificateKeeper(
      configuration, encryption: try configuration.etcd?.readEncryptionKeys(), logger: logger)
  }

  /// Serves until it is told to stop and everything under way is finished.
  func run() throws {
    let signals = try Signals([SIGTERM, SIGINT, SIGHUP, SIGUSR1]) { [unowned self] in
      received($0)
    }
    try signals.register(with: loop)
    self.signals = signals
    prepareIssuance()
    try certificates.begin(on: loop) { [unowned self] index in
      if let index { install(index) }
      tellSources()
    }
    let tickets = try TicketKeeper(logger: logger, now: Self.wallClock) { [unowned self] in
      ticketKeysChanged()
    }
    self.tickets = tickets
    share(tickets)
    discover()
    followNames()
    issue()
    operations.apply(to: upstreams)
    let spool = SpoolDirectory.prepare(configuration.state, logger: logger)
    StaleDirectory.clear(in: configuration.state)
    try startWorkers(spool: spool, tickets: tickets.keys)
    tellNode()
    ports.openAtStart(workers.handles)
    takePeers()
    openAdministration()
    defer { admin?.close() }
    prober.follow(upstreams)
    lookups.follow(configuration.upstreams.flatMap(\.hosts))
    if configuration.listen.closeWhenUnable != .never {
      // A node that was never tried counts as able; where the port depends on it, ask first.
      isAsking = true
      prober.hurry()
      probes.run(upstreams)
    }
    probes.whenIdle = { [unowned self] in step() }
    step()
    _ = loop.arm(self, after: Self.beat)
    loop.owner = self
    try loop.run()
    loop.owner = nil
    workers.stop()
    orders.end()
    names.end()
    fleet?.close()
    discovery?.close()
    certificates.end()
    lookups.follow([])
    if !isReady, !ports.failures.isEmpty { throw NothingListened(failures: ports.failures) }
    logger.notice("stopped")
  }

  private func startWorkers(spool: String, tickets: TicketKeys) throws {
    let first = WorkerPlan(
      snapshot: plan, certificates: certificates.index, ticketKeys: tickets,
      policy: configuration.tls.policy, spoolDirectory: spool, perAddress: ConnectionLimit(),
      ability: ability,
      httpsPort: configuration.listen.https.first?.port ?? 443,
      checkSuspects: { [control = loop.handle] in
        control.post { loop in (loop.owner as? Server)?.suspectsMarked() }
      }, sites: operations.sites, warnings: warnings)
    try workers.start(first, logger: logger)
  }

  /// A server that orders certificates tells by its name whether theirs lead to it.
  func tellNode() { challenges.tell(node: configuration.acme == nil ? nil : configuration.node) }

  /// Those of the configuration, and the applications that have announced themselves.
  var upstreams: [UpstreamState] {
    plan.upstreams.filter { $0.settings.discovery == nil } + applications.states
  }

  /// Takes over what has announced itself; requests that wait for it go on.
  func install(_ changed: [Application], forgotten: [[UInt8]]) {
    applications.install(changed, forgotten: forgotten, now: loop.now)
    installApplications()
  }

  /// Every instance has had the time to announce itself: other hosts have no application.
  func applicationsComplete() {
    applications.complete()
    installApplications()
  }

  private func installApplications() {
    let tables = applications.tables
    plan.applications = tables
    routeIssued()
    followNodes()
    // Workers that are yet to be started begin with the plan.
    guard !workers.handles.isEmpty else { return }
    workers.post { $0.install(tables) }
    step()
  }

  /// Begins to take subscriptions, or goes on by other rules; without any nothing is discovered.
  func discover() {
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
    if beats % Self.probeEvery == 0 {
      probe()
      if isReady { reports.look(at: upstreams, now: loop.now) }
    }
    step()
    if beats % 10 == 0 { everySecond() }
    _ = loop.arm(self, after: Self.beat)
  }

  /// Opens or closes the port as what can be served demands.
  func step() {
    let now = loop.now
    if draining.isOverdue(now) { drainTimedOut() }
    if draining.isEnding { return }
    if isAsking, !probes.isIdle || !prober.hasAsked { return }
    isAsking = false
    if !isReady, beats < Self.beatsForNames, !lookups.isIdle { return }
    ability = Ability(
      isDraining: draining.isSetAside,
      hasCertificate: configuration.listen.https.isEmpty || !certificates.index.isEmpty,
      // Clients are to see the page of a site in maintenance, whatever has become of its nodes.
      hasBackend: configuration.answersAlone || operations.sites != nil || hasBackend)
    ports.step(
      ability, unableSince: probes.emptySince, fleet: fleet?.ports, workers: workers.handles,
      now: now)
    tellAbility()
    tellReachable()
    if isReady { tellListeners() } else { becomeReady() }
  }

  /// Whether a node may be expected to answer.
  ///
  /// One that was never asked may, but not where nobody answers: an instance that has just announced
  /// itself at a server which cannot reach it would begin the wait anew. There it is asked first.
  private var hasBackend: Bool {
    guard !ability.hasBackend else { return Ability.hasBackend(upstreams) }
    return Ability.hasBackend(upstreams) { prober.follows($0) || probes.hasAnswered($0) }
  }

  /// Lets the workers know, when it has changed, what the health endpoint says.
  func tellAbility() {
    let (ability, port) = (ability, ports.httpsPort)
    guard told?.ability != ability || told?.port != port else { return }
    told = (ability, port)
    workers.post { $0.setAbility(ability, httpsPort: port) }
  }

  /// Tells that this server serves; where nothing can be listened on the start ends instead.
  private func becomeReady() {
    guard ports.failures.isEmpty else { return loop.stop() }
    isReady = true
    logServing()
    service.ready(listeners.summary)
  }

  /// Without probes a server that lost all its traffic would never learn that it can serve again.
  private func probe() {
    let witnesses = configuration.listen.closeWhenUnable != .never || !ability.hasBackend
    probes.round(upstreams, witnesses: witnesses)
  }

  /// The nodes are others now: a server without any that answers asks them at once.
  func followNodes() {
    operations.apply(to: upstreams)
    prober.follow(upstreams)
    if isReady, !ability.hasBackend { probe() }
  }

  private func everySecond() {
    workers.ask()
    plan.passwords.lookAgain(logger: logger, warnings: warnings)
    certificates.everySecond(now: loop.now)
    admin?.open()
    page.everySecond { [unowned self] in loop.clockNow }
    if workers.areAlive(now: loop.now) { service.alive(now: loop.now) }
    tickets?.everySecond()
    fleet?.everySecond()
    operations.everySecond()
    orders.everySecond()
    names.everySecond()
    plan.stale?.sweep(now: loop.now)
    retired.removeAll { $0.hasFaded(now: loop.now) }
    peers?.everySecond()
    openPeers()
    if !ability.isDraining { ports.openAgain(workers.handles) }
  }

  /// A worker has marked a node that has fallen silent.
  func suspectsMarked() { prober.checkSuspects() }

  func certificatesChanged() {
    if !certificates.load() { logger.notice("certificates are still being read") }
    tellSources()
  }

  func install(_ index: CertificateIndex) {
    workers.post { $0.install(index) }
    orders.install(index)
    step()
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
}
