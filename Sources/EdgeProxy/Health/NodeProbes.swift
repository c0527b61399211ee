internal import EventLoop

/// Bare connects to nodes that failed last, so that a server without traffic learns that it can
/// serve again.
///
/// A connect shows that something listens, no more; it moves only whether the node counts as able
/// to serve, never its place in the balancing.
///
/// Where the port depends on it, a few of the nodes that did not fail are asked in each round; when none
/// of them answers, all are, so that it is soon known whether any is left. For nodes that have
/// checks only failed connects count: a check finds out more than whether something listens, but
/// comes less often.
final class NodeProbes {
  private let links: PeerLinks
  /// Whether a node has checks.
  private let isChecked: (NodeState) -> Bool
  /// How long a connect may take.
  private let timeout: Duration
  /// Nodes that are being asked.
  private var running: Set<ObjectIdentifier> = []
  /// Called when the last running probe has come to a result.
  var whenIdle: (() -> Void)?

  /// The nodes that are asked if no node of the present round answers.
  private var rest: [NodeState] = []
  private var hasFound = false
  private var turn = 0
  /// Nodes that answered in the present round, or in the last one.
  private var answered: [ObjectIdentifier: NodeState] = [:]
  private var roundBegan = Instant(nanoseconds: 0)

  /// When the last round began, if it has ended and no node answered: nothing could be served from
  /// then on, and it took the round to know it.
  private(set) var emptySince: Instant?

  /// Nodes that are asked in a round when all seems well.
  private static let witnessesMax = 8
  /// Nodes that are asked at once.
  private static let runningMax = 256

  init(
    links: PeerLinks, timeout: Duration, isChecked: @escaping (NodeState) -> Bool = { _ in false }
  ) {
    self.links = links
    self.timeout = timeout
    self.isChecked = isChecked
  }

  var isIdle: Bool { running.isEmpty }

  /// Whether so many more can be asked at once; an upstream's nodes always can when nothing runs.
  func hasRoom(for count: Int) -> Bool { running.count + count <= Self.runningMax }

  /// Whether the node answered when it was asked last; not one that was not asked in the last round.
  func hasAnswered(_ node: NodeState) -> Bool { answered[ObjectIdentifier(node)] != nil }

  /// Probes those of the nodes that have no checks, are `wanted` and are not being probed.
  ///
  /// Those of protocol tcp are left alone: the port does not depend on them, and MySQL locks a
  /// machine out that connects again and again and says nothing (`max_connect_errors`).
  func run(_ upstreams: [UpstreamState], where wanted: (NodeState) -> Bool = { _ in true }) {
    hasFound = false
    roundBegan = links.loop.now
    for upstream in upstreams where upstream.settings.nodeProtocol != .tcp {
      for node in upstream.nodes where wanted(node) && !isChecked(node) { probe(node) }
    }
  }

  /// One round: nodes that failed last, and with `witnesses` whether any that did not is there still.
  func round(_ upstreams: [UpstreamState], witnesses: Bool) {
    guard running.isEmpty else { return }
    emptySince = nil
    let nodes = upstreams.filter { $0.settings.nodeProtocol != .tcp }.flatMap(\.nodes)
    guard !nodes.isEmpty else { return }
    turn += 1
    // Each round begins elsewhere, so that all have their turn where there are too many.
    let start = turn &* Self.runningMax % nodes.count
    let turned = nodes[start...] + nodes[..<start]
    let failed = turned.filter { $0.condition.lastFailed && !isChecked($0) }
    let whole = witnesses ? turned.filter { !$0.condition.lastFailed } : []
    let first = turn &* Self.witnessesMax % max(whole.count, 1)
    let asked = (whole[first...] + whole[..<first])
    rest = Array(asked.dropFirst(Self.witnessesMax))
    hasFound = false
    answered = [:]
    roundBegan = links.loop.now
    for node in asked.prefix(Self.witnessesMax) + failed { probe(node) }
  }

  private func probe(_ node: NodeState) {
    guard running.count < Self.runningMax, running.insert(ObjectIdentifier(node)).inserted
    else { return }
    NodeConnect(on: links.loop) { [unowned self] in finished(node, $0) }
      .start(within: timeout) { connection throws(SystemError) in
        try connection.open(node, through: links)
      }
  }

  private func finished(_ node: NodeState, _ outcome: NodeConnect.Outcome) {
    running.remove(ObjectIdentifier(node))
    let succeeded = outcome == .connected
    if !succeeded || !isChecked(node) { node.recordCheck(succeeded: succeeded) }
    // One that is silent for so short a time may only be far away.
    if case .failed(let failure) = outcome, failure.nodeFailure.isCertain, !node.isDown {
      node.goDown(NodeTrouble(failure.nodeFailure))
    }
    if succeeded {
      hasFound = true
      answered[ObjectIdentifier(node)] = node
    }
    guard running.isEmpty else { return }
    let next = hasFound ? [] : rest
    rest = []
    for node in next { probe(node) }
    guard running.isEmpty else { return }
    emptySince = hasFound ? nil : roundBegan
    whenIdle?()
  }
}
