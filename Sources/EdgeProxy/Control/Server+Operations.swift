internal import Configuration
internal import EventLoop

/// What operators order of nodes and sites.
extension Server {
  func makeOperations() -> OperationsKeeper {
    OperationsKeeper(
      node: configuration.node, state: configuration.state, logger: logger, warnings: warnings,
      now: Self.wallClock
    ) { [unowned self] in ordersChanged() }
  }

  /// Nodes first: workers look at them as soon as they are told.
  private func ordersChanged() {
    operations.apply(to: upstreams)
    guard !workers.handles.isEmpty else { return }
    let sites = operations.sites
    workers.post {
      $0.install(sites)
      $0.standingsChanged()
    }
    step()
  }

  /// A command about nodes or sites.
  func operate(
    _ command: OperationsCommand, by user: String, _ done: @escaping (AdminAnswer) -> Void
  ) {
    var hosts = configuration.routedHosts + applications.hosts
    // A route for all hosts serves each that an operator may name.
    if configuration.routes.contains(where: { $0.hosts.contains(RouteSettings.everyHost) }) {
      hosts.append(Array(HostPattern.all.utf8))
    }
    OperationsDesk(
      keeper: operations, upstreams: upstreams, hosts: hosts, loop: loop, now: Self.wallClock()
    ).take(command, by: user, done)
  }
}
