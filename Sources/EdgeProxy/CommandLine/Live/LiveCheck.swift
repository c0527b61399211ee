internal import Configuration
internal import EventLoop
internal import Logging
internal import Glibc

/// `--check-config --live`: whether the world is as the configuration says.
///
/// What may heal by itself, such as a node or an etcd that is away, is a warning.
struct LiveCheck {
  let configuration: Configuration
  let named: NamedThings
  let findings: Findings
  /// Seconds since 1970.
  let now: Int64

  func run() {
    do throws(SystemError) {
      let loop = try EventLoop()
      try checkNodes(loop, hosts: lookUp(loop))
      if let (settings, position) = named.etcd {
        let check = LiveEtcdCheck(
          check: self, settings: settings, position: position, loop: loop)
        try check.run()
      }
      if let acme = configuration.acme {
        try LiveAcmeCheck(check: self, settings: acme, loop: loop).run()
      }
      if let settings = configuration.nameService {
        try LiveNamesCheck(check: self, settings: settings, loop: loop).run()
      }
      if let settings = configuration.records {
        try LiveRecordsCheck(check: self, settings: settings, loop: loop).run()
      }
      checkPorts()
    } catch {
      findings.error(.start, "cannot look further: \(error.reason)")
    }
  }

  /// What a resolver needs that asks a second server after the first.
  private static let lookupTimeout = Duration.seconds(10)

  /// Looks up the names of nodes; one that is not resolved is as good as a node that is away.
  private func lookUp(_ loop: EventLoop) throws(SystemError) -> HostAddresses {
    let lookups = HostLookups(loop: loop, logger: Self.silent) {}
    defer { lookups.follow([]) }
    var isOverdue = false
    let alarm = Alarm(on: loop) { isOverdue = true }
    alarm.set(after: Self.lookupTimeout)
    defer { alarm.cancel() }
    lookups.follow(configuration.upstreams.flatMap(\.hosts))
    while !lookups.isIdle, !isOverdue { try loop.turn(mayWait: true) }
    for host in lookups.hosts where lookups.addresses[host] == nil {
      let reason = lookups.failure(of: host) ?? "nobody answered"
      findings.warning(position(of: .named(host)), "'\(host)' is not resolved: \(reason)")
    }
    return lookups.addresses
  }

  private func position(of address: NodeAddress) -> Position {
    named.nodes.first { $0.address == address }?.position ?? .start
  }

  static var silent: Logger { Logger(label: "check") { _ in SwiftLogNoOpLogHandler() } }

  /// Connects to each node, all at once.
  private func checkNodes(_ loop: EventLoop, hosts: HostAddresses) throws(SystemError) {
    let plan = SnapshotPlan(configuration, hosts: hosts, previous: nil)
    // Nodes on other servers are those servers' to look at.
    let links = PeerLinks(loop: loop, counters: PeerCounters(), logger: Self.silent)
    let probes = NodeProbes(links: links, timeout: .seconds(1))
    for upstream in plan.upstreams {
      while !probes.hasRoom(for: upstream.nodes.count) { try loop.turn(mayWait: true) }
      probes.run([upstream]) { $0.server == nil }
    }
    while !probes.isIdle { try loop.turn(mayWait: true) }
    for upstream in plan.upstreams {
      for node in upstream.nodes where node.condition.lastFailed {
        let named = upstream.settings.nodes.map(\.address).first {
          $0.fixed == node.address || $0.named?.host == node.host
        }
        let trouble = node.trouble.map { ": \($0.text)" } ?? ""
        findings.warning(
          named.map(position) ?? .start,
          "nothing answers at '\(node.address)' of upstream '\(upstream.settings.name)'\(trouble)")
      }
    }
  }

  /// Says who listens where this server is to; says nothing where it is this server, running.
  func report(
    _ owner: PortOwner?, of address: SocketAddress, _ position: Position, advice: String = ""
  ) {
    guard let owner else {
      return findings.note(position, "'\(address)' is in use; root is told by what")
    }
    if owner.isEdgeProxy, owner.process == adminProcess ?? owner.process { return }
    let another = owner.isEdgeProxy ? "another " : ""
    findings.warning(
      position,
      "'\(address)' is in use by \(another)'\(owner.name)' (process \(owner.process))\(advice)")
  }

  /// The process that answers at `listen.admin`; `nil` where none does, or where TCP does not tell.
  private var adminProcess: Int32? {
    guard let address = ListenSettings.preferred(configuration.listen.admin),
      address.family == .unix
    else { return nil }
    do throws(SystemError) {
      let socket = try Socket.connect(address)
      return Socket.peerProcess(socket.raw)
    } catch {
      return nil
    }
  }

  /// Tries to listen where nobody does.
  ///
  /// As root, where that is what the process was: a service may have a port below 1024 by a capability,
  /// and only root is told who has one.
  private func checkPorts() {
    try? ServiceIdentity.resume()
    for (address, position) in named.listeners {
      tryPort(address, position, .streams) { () throws(SystemError) in
        _ = try Socket.listen(address, reusePort: false)
      }
    }
    for (address, position) in named.dns.listeners {
      tryPort(address, position, .datagrams) { () throws(SystemError) in
        _ = try Datagram.bind(address, bufferBytes: 0)
      }
      tryPort(address, position, .streams) { () throws(SystemError) in
        _ = try Socket.listen(address, reusePort: false)
      }
    }
  }

  /// Says why an address cannot be had.
  private func tryPort(
    _ address: SocketAddress, _ position: Position, _ kind: PortOwner.Kind,
    _ bind: () throws(SystemError) -> Void
  ) {
    do throws(SystemError) {
      try bind()
    } catch {
      switch error.code {
      case EADDRINUSE:
        let owner = PortOwner.find(address, kind)
        report(
          owner, of: address, position, advice: owner.flatMap(LiveNamesCheck.advice) ?? "")
      // Said already.
      case EAFNOSUPPORT: break
      case EADDRNOTAVAIL:
        findings.warning(
          position,
          "no interface has the address of '\(address)'; it is listened on once one has")
      case EACCES where !ServiceIdentity.isRoot:
        findings.note(position, "'\(address)' was not tried: only root is let below port 1024")
      default:
        findings.error(position, "cannot listen on '\(address)': \(error.reason)")
      }
    }
  }
}
