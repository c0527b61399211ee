internal import CertStore
internal import EventLoop
internal import Glibc

/// What administrators ask and what they are told.
extension Server {
  func openAdministration() {
    let desk = AdminDesk(
      report: { [unowned self] in report() }, reload: { [unowned self] in reload() },
      drain: { [unowned self] in setAside() }, undrain: { [unowned self] in putBack() },
      drainState: { [unowned self] in drainState },
      issuance: { [unowned self] in orders.issuer?.section.document },
      order: { [unowned self] in order($0) },
      names: { [unowned self] in names.document },
      changeNames: { [unowned self] in change($0, $1) },
      operate: { [unowned self] in operate($0, by: $1, $2) }, feed: page)
    let listeners = AdminListeners(loop: loop, logger: logger, warnings: warnings, desk: desk)
    listeners.move(to: configuration.listen.admin)
    admin = listeners
  }

  /// Everything that is reported about this server; to report something new, add a section here.
  func report() -> StatusReport {
    let now = WallTime.seconds
    let unable = ability.unable?.word.description
    var sections = [
      WarningsSection(warnings: warnings.all).section,
      ServerSection(
        node: configuration.node, processNumber: getpid(), startedAt: startedAt, now: now,
        reload: lastReload
      ).section,
      CrashesSection(past: pastEnds, now: now).section,
      ports.section(fleet: fleet?.ports?.counts),
    ]
    let pipes = workers.handles.map(\.counters.peers) + [links.counters]
    let optional = [
      fleet?.section, peers?.section(pipes), tickets?.section, orders.issuer?.section.section,
      names.addresses?.section, names.service?.section, names.records?.section,
      discovery.map { SubscriptionsSection($0, now: loop.now).section },
      plan.stale.map { StaleSection($0).section },
    ]
    sections += optional.compactMap { $0 }
    sections += [
      workers.section(now: loop.now),
      RoutesSection(workers.handles.map(\.counters)).section,
      TriesSection(workers.handles.map(\.counters)).section,
      SessionsSection(
        configuration: configuration, counters: workers.handles.map(\.counters)
      ).section,
      UpstreamsSection(
        upstreams: upstreams, now: loop.now, time: now,
        check: { [prober] in prober.record(of: $0)?.last },
        order: { [operations] in $0.standing == .enabled ? nil : operations.order(of: $0) },
        doubt: { [discovery, loop] in discovery?.doubt(of: $1, key: $0.key, now: loop.now) },
        lookupFailure: { [lookups] in lookups.failure(of: $0) }
      ).section,
      OperationsSection(operations.book).section,
      HostNamesSection(lookups).section,
      CertificatesSection(
        served: certificates.index.served, refusals: certificates.refusals,
        copyFailure: certificates.copyFailure,
        uncoveredDefault: certificates.index.uncoveredDefault,
        watchFailure: certificates.watchFailure, silence: certificates.silence(now: loop.now),
        now: now
      ).section,
      FailuresSection(failures: workers.handles.flatMap(\.counters.failures.all)).section,
    ]
    return StatusReport(
      health: unable ?? (ports.isOpen ? "ok" : "port-closed"),
      isServing: unable == nil && ports.isOpen, sections: sections)
  }

  /// A command about certificates that the fleet orders.
  private func order(_ command: CertificateCommand) -> AdminAnswer {
    guard let issuer = orders.issuer else {
      return .text(409, "no certificates are ordered here: the configuration has no 'acme'\n")
    }
    let reply = issuer.ask(command)
    return .text(reply.status, reply.text + "\n")
  }
}
