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
      checkNodes(loop)
      checkPorts()
      if let (settings, position) = named.etcd {
        let check = LiveEtcdCheck(
          check: self, settings: settings, position: position, loop: loop)
        try check.run()
      }
    } catch {
      findings.error(.start, "cannot look further: \(error.reason)")
    }
  }

  /// Connects to each node, all at once.
  private func checkNodes(_ loop: EventLoop) {
    let plan = SnapshotPlan(configuration, previous: nil)
    // Nodes on other servers are those servers' to look at.
    let links = PeerLinks(
      loop: loop, counters: PeerCounters(),
      logger: Logger(label: "check") { _ in SwiftLogNoOpLogHandler() })
    let probes = NodeProbes(links: links, timeout: .seconds(1))
    probes.whenIdle = { loop.stop() }
    probes.run(plan.upstreams) { $0.server == nil }
    guard !probes.isIdle else { return }
    try? loop.run()
    for upstream in plan.upstreams {
      for node in upstream.nodes where node.condition.lastFailed {
        let position = named.nodes.first { $0.address == node.address }?.position ?? .start
        findings.warning(
          position, "nothing answers at '\(node.address)' of upstream '\(upstream.settings.name)'")
      }
    }
  }

  /// Tries to listen where nobody does.
  private func checkPorts() {
    for (address, position) in named.listeners {
      do throws(SystemError) {
        _ = try Socket.listen(address, reusePort: false)
      } catch {
        if error.code == EADDRINUSE {
          // It may well be this server, running.
          findings.warning(position, "'\(address)' is in use; is edgeproxy running?")
        } else {
          findings.error(position, "cannot listen on '\(address)': \(error.reason)")
        }
      }
    }
  }
}
