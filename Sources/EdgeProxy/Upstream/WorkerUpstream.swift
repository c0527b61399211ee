internal import EventLoop
internal import Logging
internal import TLS

/// An upstream as one worker sees it: shared state of its nodes, own queue of held requests, own
/// idle connections.
final class WorkerUpstream {
  let settings: UpstreamSettings
  let state: UpstreamState
  let holds: HoldQueue
  /// One for each node; none where connections serve one request.
  private let pools: [Pool]
  /// What nodes must prove, where they speak TLS.
  private let identity: Result<ClientContext, TLSError>?
  private let logger: Logger
  /// The last words about a node's TLS, so that the same are not written again and again.
  private var told = ""

  init(state: UpstreamState, loop: EventLoop, logger: Logger, heldMax: Int) {
    settings = state.settings
    self.state = state
    self.logger = logger
    holds = HoldQueue(loop: loop, countMax: heldMax)
    let keepAlive = settings.keepAlive
    pools =
      keepAlive.connections == 0
      ? [] : state.nodes.map { _ in Pool(loop: loop, settings: keepAlive) }
    identity = settings.tls.map { tls in
      Result { () throws(TLSError) in
        try ClientContext(
          ClientIdentity(authorityFile: tls.authorityFile, verifies: tls.verifies),
          protocols: ["http/1.1"])
      }
    }
  }

  /// An instance has answered: requests that wait for one may go on.
  func answered() {
    if !holds.isEmpty { holds.release(2) }
  }

  /// The idle connections to a node; `nil` where none are kept.
  func pool(of node: NodeState) -> Pool? { pools.isEmpty ? nil : pools[node.index] }

  /// Has TLS spoken on a connection to a node, which must bear the name that was configured.
  func secure(_ connection: NodeConnection, _ node: NodeState) throws(TLSError) {
    guard let identity else { return }
    try connection.secure(identity.get(), name: settings.tls?.name ?? node.address.host)
  }

  /// Says why a node is not believed, once for each reason.
  func tell(_ error: TLSError, of node: NodeState) {
    let text = "\(node.address): \(error)"
    guard text != told else { return }
    told = text
    logger.warning(
      "no TLS with a node",
      metadata: ["upstream": "\(settings.name)", "node": "\(node.address)", "error": "\(error)"])
  }

  /// The configuration has this upstream no longer: nothing is kept for it.
  func retire() {
    for pool in pools { pool.close() }
  }
}

@available(*, unavailable) extension WorkerUpstream: Sendable {}
