internal import EventLoop
internal import Synchronization

/// One upstream as all workers see it: its nodes, what it may spend on second tries, whose turn it is.
final class UpstreamState: Sendable {
  let settings: UpstreamSettings
  /// The name in bytes, for the logs.
  let name: [UInt8]
  /// In the order of the configuration; a node's place is its index.
  let nodes: [NodeState]
  let budget = RetryBudget()
  let retry: RetryPolicy

  private let cap: EjectionCap
  private let turn = Atomic<UInt>(0)

  /// The configuration has at most `TriedNodes.nodesMax` nodes per upstream.
  init(_ settings: UpstreamSettings) {
    precondition(settings.nodes.count <= TriedNodes.nodesMax)
    let backups = settings.nodes.count { $0.backup }
    let cap = EjectionCap(primaries: settings.nodes.count - backups, backups: backups)
    self.settings = settings
    self.cap = cap
    name = Array(settings.name.utf8)
    nodes = settings.nodes.enumerated().map { index, node in
      NodeState(address: node.address, index: index, isBackup: node.backup, cap: cap)
    }
    retry = RetryPolicy(settings.retry, bufferSizeBytes: settings.bufferSizeBytes)
  }

  /// Nodes that are out at the moment; never more than half.
  var outCount: Int { cap.count }

  /// Whether a node is left that this exchange has not tried.
  func hasUntried(_ tried: TriedNodes) -> Bool { tried.count < nodes.count }

  /// Whether every node failed its last try or check, or there is none.
  var hasFailedWhole: Bool { nodes.allSatisfy { $0.condition.lastFailed } }

  /// The next number of a sequence that all workers draw from.
  func nextTurn() -> UInt { turn.add(1, ordering: .relaxed).oldValue }
}
