internal import Configuration
internal import EventLoop
internal import HTTPCore

/// Everything that a configuration means to one worker, swapped as a whole.
///
/// A request keeps the snapshot that it began with; live connections are never touched by a swap.
final class WorkerSnapshot {
  let configuration: Configuration
  let routes: RouteTable
  let upstreams: [WorkerUpstream]
  /// The applications of upstreams that are discovered; `nil` for the others.
  let applications: [WorkerApplications?]
  let headLimits: HeadLimits
  let healthPath: [UInt8]
  /// `nil` where no rate is limited.
  let rates: RateTable?
  let deadly: DeadlyRequests
  let passwords: PasswordBooks
  /// The same for all configurations of a worker.
  let admissions: Admissions
  let errorPages: ErrorPages
  let mediaTypes: MediaTypes
  /// `nil` where no route keeps answers.
  let stale: WorkerStale?
  /// What hosts ask of their clients' certificates; `nil` where none does.
  let clientRules: ClientRules?
  /// The same as one bit, for requests.
  let asksForCertificates: Bool
  /// For the log: the host pattern of each route, the first of several.
  let routeNames: [[UInt8]]
  /// Where the requests of each route are counted.
  let routeCounters: [RouteCounters]

  init(
    _ plan: SnapshotPlan, loop: EventLoop, counters: WorkerCounters, previous: WorkerSnapshot?
  ) {
    configuration = plan.configuration
    routes = plan.routes
    headLimits = plan.headLimits
    rates = plan.rates
    deadly = plan.deadly
    passwords = plan.passwords
    admissions = previous?.admissions ?? Admissions()
    mediaTypes = plan.mediaTypes
    stale = plan.stale.map { WorkerStale($0, plan.configuration, previous: previous?.stale) }
    clientRules = plan.clientRules
    asksForCertificates = plan.clientRules != nil
    routeNames = plan.configuration.routes.map { Array($0.name.utf8) }
    routeCounters = counters.routes.install(
      plan.routeLabels, for: plan.configuration.routes.map(\.label))
    let tryCounters = counters.upstreams.install(
      plan.upstreamLabels, for: plan.configuration.upstreams.map(\.name))
    errorPages = ErrorPages(
      node: plan.configuration.node, pages: plan.configuration.errorPages)
    healthPath = Array(plan.configuration.health.path.utf8)
    let limits = plan.configuration.limits
    let upstreams = zip(plan.upstreams, tryCounters).map { state, counters in
      // Those that wait at an upstream which only has other nodes now may go on with them.
      if let kept = previous?.upstreams.first(where: { $0.state.lasting === state.lasting }) {
        kept.install(state)
        kept.install(limits)
        return kept
      }
      return WorkerUpstream(state: state, loop: loop, limits: limits, counters: counters)
    }
    self.upstreams = upstreams
    applications = zip(upstreams, plan.applications).map { upstream, table in
      guard let table else { return nil }
      let kept = previous?.applications.first { $0?.unknown === upstream } ?? nil
      guard let kept else {
        return WorkerApplications(
          table, unknown: upstream, loop: loop, limits: limits)
      }
      kept.install(table)
      kept.install(limits)
      return kept
    }
  }

  /// Takes over the applications that have announced themselves; requests that wait may go on.
  func install(_ tables: [ApplicationTable?]) {
    for (applications, table) in zip(applications, tables) {
      if let table { applications?.install(table) }
    }
  }

  /// Requests that wait for an instance to come back or to have less to do.
  var waitingCount: Int {
    let own = upstreams.reduce(0) { $0 + $1.holds.count + $1.queue.count }
    return applications.reduce(own) { sum, applications in
      guard let applications else { return sum }
      return sum + applications.heldCount + applications.queuedCount
        - applications.unknown.holds.count
    }
  }

  /// There is news of nodes: requests that wait for an instance may go on.
  func releaseHeld() {
    for upstream in upstreams { upstream.holds.releaseAll() }
    for applications in applications { applications?.releaseHeld() }
  }

  /// Another snapshot takes over: upstreams that it does not have keep nothing any more.
  func retire(except next: WorkerSnapshot) {
    for upstream in upstreams where !next.upstreams.contains(where: { $0 === upstream }) {
      upstream.retire()
    }
    for applications in applications {
      guard let applications, !next.applications.contains(where: { $0 === applications }) else {
        continue
      }
      applications.retire()
    }
  }
}

@available(*, unavailable) extension WorkerSnapshot: Sendable {}

/// The immutable part of a snapshot, made once by the control thread for all workers.
struct SnapshotPlan: Sendable {
  let configuration: Configuration
  let routes: RouteTable
  /// In the order of `configuration.upstreams`.
  let upstreams: [UpstreamState]
  /// In the same order; `nil` for upstreams with nodes of their own.
  var applications: [ApplicationTable?]
  let headLimits: HeadLimits
  let rates: RateTable?
  /// What requests and tries are counted by.
  let routeLabels: BoundedNames
  let upstreamLabels: BoundedNames
  /// The servers of the fleet on which the upstreams have nodes.
  let neighbours: Neighbours
  /// The addresses of the host names among the nodes.
  let hosts: HostAddresses
  /// The same for all configurations.
  let deadly: DeadlyRequests
  let passwords: PasswordBooks
  let mediaTypes: MediaTypes
  /// The same for all configurations with the same bounds; `nil` where no route keeps answers.
  let stale: StaleStore?
  let clientRules: ClientRules?

  /// An upstream whose settings did not change keeps what is known about its nodes.
  ///
  /// Without `mediaTypes` files have those of the system.
  init(
    _ configuration: Configuration, applications: [ApplicationTable?]? = nil,
    neighbours: Neighbours = .none, hosts: HostAddresses = .none, previous: SnapshotPlan?,
    mediaTypes: MediaTypes? = nil
  ) {
    self.configuration = configuration
    routes = RouteTable(configuration.routes)
    clientRules = ClientRules(configuration.routes)
    deadly = previous?.deadly ?? DeadlyRequests()
    passwords = PasswordBooks(configuration, previous: previous?.passwords)
    rates = configuration.limitsRates ? previous?.rates ?? RateTable() : nil
    stale = StaleStore.planned(configuration, previous: previous?.stale)
    routeLabels = BoundedNames(
      configuration.routes.map(\.label), after: previous?.routeLabels)
    upstreamLabels = BoundedNames(
      configuration.upstreams.map(\.name), after: previous?.upstreamLabels)
    let isMoved = previous.map { $0.neighbours != neighbours } ?? true
    upstreams = configuration.upstreams.map { settings in
      let known = previous?.upstreams.first { $0.settings == settings }
      let isElsewhere = settings.hosts.contains { previous?.hosts[$0] != hosts[$0] }
      if let known, !isMoved || !settings.isEverywhere, !isElsewhere { return known }
      return UpstreamState(settings, neighbours: neighbours, hosts: hosts, previous: known)
    }
    self.neighbours = neighbours
    self.hosts = hosts
    self.applications = applications ?? configuration.upstreams.map { _ in nil }
    var limits = HeadLimits()
    limits.headBytes = configuration.limits.headBytes
    limits.fields = configuration.limits.fields
    limits.requestLineBytes = configuration.limits.requestLineBytes
    limits.responseHeadBytes = configuration.limits.responseHeadBytes
    headLimits = limits
    let hasFiles = configuration.routes.contains { route in
      if case .files = route.local { true } else { false }
    }
    self.mediaTypes =
      hasFiles ? mediaTypes ?? .ofSystem(previous: previous?.mediaTypes) : .none
  }
}
