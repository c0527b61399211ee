internal import Configuration
internal import EventLoop
internal import TLS

/// An upstream as one worker sees it: shared state of its nodes, own queue of held requests, own
/// idle connections.
final class WorkerUpstream {
  let settings: UpstreamSettings
  private(set) var state: UpstreamState
  /// Changes with the nodes, whose numbers mean others then.
  private(set) var generation = 0
  /// Those that wait for an instance to come back.
  ///
  /// One of them is sent every 100 ms to find out; once it is answered, each answer releases two more,
  /// so that an instance that has just started is not buried.
  let holds: WaitQueue
  /// Those that wait for a node that has less to do.
  ///
  /// Each request of this worker that ends lets one go on; requests of other workers do not.
  let queue: WaitQueue
  /// Where tries at its nodes are counted.
  let counters: TryCounters
  /// Nodes and their pools; none where connections serve one request.
  private var pools: [(node: NodeState, pool: NodePool)] = []
  private let loop: EventLoop
  /// What nodes must prove, where they speak TLS.
  private let identity: Result<ClientContext, TLSError>?

  init(state: UpstreamState, loop: EventLoop, limits: LimitSettings, counters: TryCounters) {
    settings = state.settings
    self.counters = counters
    self.state = state
    self.loop = loop
    holds = WaitQueue(loop: loop, interval: .milliseconds(100), countMax: limits.held)
    queue = WaitQueue(loop: loop, interval: .milliseconds(10), countMax: limits.queued)
    identity = settings.tls.map { tls in
      Result { () throws(TLSError) in
        try ClientContext(
          ClientIdentity(authorityFile: tls.authorityFile, verifies: tls.verifies),
          protocols: ["http/1.1"])
      }
    }
    fillPools()
  }

  /// Takes over other nodes; requests that wait for one may go on.
  func install(_ state: UpstreamState) {
    guard state !== self.state else { return }
    self.state = state
    generation += 1
    fillPools()
    guard !state.nodes.isEmpty else { return }
    holds.releaseAll()
    queue.releaseAll()
  }

  /// Takes over how many requests may wait; those that do go on waiting.
  func install(_ limits: LimitSettings) {
    holds.countMax = limits.held
    queue.countMax = limits.queued
  }

  /// Gives each node its pool; those of nodes that left are closed.
  private func fillPools() {
    guard settings.keepAlive.connections > 0 else { return }
    let previous = pools
    pools = state.nodes.map { node in
      previous.first { $0.node === node } ?? (
        node, NodePool(loop: loop, settings: settings.keepAlive)
      )
    }
    for old in previous where !pools.contains(where: { $0.node === old.node }) { old.pool.close() }
  }

  /// An instance has answered: requests that wait for one may go on.
  func answered() {
    if !holds.isEmpty { holds.release(2) }
  }

  /// A node has one request less.
  func slotFreed() {
    if !queue.isEmpty { queue.release(1) }
  }

  /// The idle connections to a node; `nil` where none are kept.
  func pool(of node: NodeState) -> NodePool? { pools.first { $0.node === node }?.pool }

  /// Has TLS spoken on a connection to a node, which must bear the name that was configured.
  func secure(_ connection: NodeConnection, _ node: NodeState) throws(TLSError) {
    guard let identity else { return }
    try connection.secure(identity.get(), name: settings.tls?.name ?? node.host)
  }

  /// The configuration has this upstream no longer: nothing is kept for it.
  func retire() {
    for entry in pools { entry.pool.close() }
  }
}

@available(*, unavailable) extension WorkerUpstream: Sendable {}
