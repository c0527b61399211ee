internal import EventLoop

/// Before a request waits: a node that cannot be reached from here may be from another server.
extension Exchange {
  /// Asks another server to connect to a node of ours that could not be reached; `false` where there is
  /// no such node, nobody to ask, or this was tried in the present round.
  func takeDetour(_ upstream: WorkerUpstream) -> Bool {
    guard !hasDetoured, let index = unreachable(upstream),
      let server = worker.links.helper(random: worker.random.next())
    else { return false }
    hasDetoured = true
    let node = upstream.state.nodes[index]
    worker.links.detours.take(server, to: node, now: worker.loop.now)
    tried.insert(index)
    attempts += 1
    ask(node, upstream, fresh: true)
    return true
  }

  /// One of the nodes that others can reach by the same address, and that failed when we tried.
  private func unreachable(_ upstream: WorkerUpstream) -> Int? {
    // TLS to a node goes no further than a socket of ours.
    guard upstream.settings.tls == nil else { return nil }
    let state = upstream.state
    let failed = state.nodes.indices.filter { index in
      let node = state.nodes[index]
      return node.server == nil && !node.address.isLocal
        && (tried.contains(index) || node.condition.lastFailed)
        && worker.links.detours.server(for: node, now: worker.loop.now) == nil
    }
    guard !failed.isEmpty else { return nil }
    return failed[Int(worker.random.next() % UInt64(failed.count))]
  }

  /// A try through another server reached nobody: the direct way is as good.
  func forgetDetour(_ node: NodeState, _ failure: AttemptFailure) {
    guard failure.isUnsent, !worker.links.detours.isEmpty else { return }
    worker.links.detours.forget(node)
  }
}
