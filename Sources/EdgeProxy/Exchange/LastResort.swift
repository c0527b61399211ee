internal import EventLoop

/// Before a request waits: a node that cannot be reached from here may be from another server.
///
/// A link that is cut between this server and the node's is not cut everywhere. Whoever is asked
/// connects to the node directly or says that it cannot, so this is one hop, and nothing has been sent
/// before: methods that must not be repeated may go as well.
extension Exchange {
  /// Asks another server to connect to a node to which this request could not, once for a request.
  ///
  /// `false` where there is no such node or nobody to ask, or where tries or time are used up.
  func takeDetour(_ upstream: WorkerUpstream) -> Bool {
    guard !tries.hasDetoured, !tries.unreached.isEmpty, tries.generation == upstream.generation,
      upstream.state.retry.mayDetour(retryFacts(upstream))
    else { return false }
    let nodes = BitSequence(tries.unreached.bits).map { upstream.state.nodes[$0] }
    guard let (node, server) = worker.links.helper(for: nodes, random: worker.random.next()),
      let index = upstream.state.nodes.firstIndex(where: { $0 === node })
    else { return false }
    tries.hasDetoured = true
    ask(index, upstream, through: server)
    return true
  }

  /// A try has failed: keeps what it says of the ways to its node.
  func noteUnreached(_ attempt: Attempt, _ node: NodeState, _ failure: AttemptFailure) {
    guard failure == .couldNotConnect || failure == .busy else { return }
    if let server = attempt.detour {
      return worker.links.detours.failed(server, to: node, now: worker.loop.now)
    }
    // TLS to a node goes no further than a socket of ours, and what is on this machine alone is
    // nobody's to reach.
    guard failure == .couldNotConnect, node.server == nil, !node.address.isLocal, let upstream,
      upstream.settings.tls == nil, tries.generation == upstream.generation,
      let index = upstream.state.nodes.firstIndex(where: { $0 === node })
    else { return }
    tries.notReached(index)
  }

  /// A node has answered, one way or the other.
  func noteReached(_ attempt: Attempt, _ node: NodeState) {
    if let server = attempt.detour {
      // A way that was known before has its time already.
      guard tries.hasDetoured else { return }
      worker.links.detours.led(server, to: node, now: worker.loop.now)
    } else if !worker.links.detours.isEmpty {
      worker.links.detours.forget(node)
    }
  }
}
