internal import EventLoop

/// Bare connects to nodes that failed last, so that a server without traffic learns that it can
/// serve again.
///
/// A connect shows that something listens, no more; it moves only whether the node counts as able
/// to serve, never its place in the balancing.
final class NodeProbes {
  private let loop: EventLoop
  private var running: [Probe] = []
  /// Called when the last running probe has come to a result.
  var whenIdle: (() -> Void)?

  /// How long a connect may take.
  static let timeout = Duration.seconds(1)

  init(loop: EventLoop) { self.loop = loop }

  var isIdle: Bool { running.isEmpty }

  /// Probes the nodes that `wanted` names and that are not being probed.
  func run(_ upstreams: [UpstreamState], where wanted: (NodeState) -> Bool) {
    for upstream in upstreams {
      for node in upstream.nodes
      where wanted(node) && !running.contains(where: { $0.node === node }) {
        let probe = Probe(node: node, probes: self, loop: loop)
        running.append(probe)
        probe.start()
      }
    }
  }

  fileprivate func finished(_ probe: Probe, succeeded: Bool) {
    running.removeAll { $0 === probe }
    probe.node.recordCheck(succeeded: succeeded)
    if running.isEmpty { whenIdle?() }
  }
}

/// One connect to one node.
private final class Probe: EventSource, TimerTarget {
  let node: NodeState
  private unowned let probes: NodeProbes
  private unowned let loop: EventLoop
  private var descriptor: FileDescriptor?
  private var raw: Int32 = -1
  private var token = SourceToken.none
  private var timer = TimerToken.none

  init(node: NodeState, probes: NodeProbes, loop: EventLoop) {
    self.node = node
    self.probes = probes
    self.loop = loop
  }

  func start() {
    do throws(SystemError) {
      let socket = try Socket.connect(node.address)
      raw = socket.raw
      descriptor = consume socket
      token = try loop.register(raw, self, [.writable])
      timer = loop.arm(self, after: NodeProbes.timeout)
    } catch {
      finish(false)
    }
  }

  func ready(_ events: Readiness) {
    finish(Socket.pendingError(raw) == 0 && !events.contains(.failed))
  }

  func timerFired(_ token: TimerToken) { finish(false) }

  private func finish(_ succeeded: Bool) {
    loop.cancel(timer)
    loop.forget(token)
    token = .none
    descriptor = nil
    probes.finished(self, succeeded: succeeded)
  }
}
