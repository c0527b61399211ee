internal import EventLoop

/// How many nodes of an upstream may be out at a time, shared by its nodes.
///
/// At most half of all of them and half of the primaries, so the last is never out. A lone primary
/// may go while a backup stands in, else a frozen one would cost every request its timeout; the
/// same holds for a lone backup.
///
/// It knows the nodes that are out and not only their number: one that leaves the upstream gives
/// its place back, even where workers that do not know it yet count its failures. The lock is taken
/// only when a node is about to go out or has come back.
final class EjectionCap: Sendable {
  private struct Places {
    var members: [ObjectIdentifier: Bool] = [:]
    var out: Set<ObjectIdentifier> = []

    func outCount(backup: Bool) -> Int { out.count { members[$0] == backup } }
    func count(backup: Bool) -> Int { members.count { $0.value == backup } }

    /// How many of one kind may be out.
    func outMax(backup: Bool) -> Int {
      let count = count(backup: backup)
      return count == 1 && members.count > 1 ? 1 : count / 2
    }
  }

  private let places = Guarded(Places())

  /// Nodes that are out.
  var count: Int { places.withLock { $0.out.count } }

  /// Sets the nodes that belong to the upstream from now on; those that are gone hold no place any
  /// more.
  func admit(_ nodes: [NodeState]) {
    places.withLock { places in
      places.members = Dictionary(
        nodes.map { (ObjectIdentifier($0), $0.isBackup) }, uniquingKeysWith: { first, _ in first })
      places.out.formIntersection(places.members.keys)
    }
  }

  /// Takes a place for a node; `false` where it has to stay in, or is no member any more.
  func reserve(_ node: NodeState) -> Bool {
    let node = ObjectIdentifier(node)
    return places.withLock { places in
      guard let backup = places.members[node], !places.out.contains(node) else { return false }
      guard places.out.count < places.members.count / 2,
        places.outCount(backup: backup) < places.outMax(backup: backup)
      else { return false }
      places.out.insert(node)
      return true
    }
  }

  func release(_ node: NodeState) {
    _ = places.withLock { $0.out.remove(ObjectIdentifier(node)) }
  }
}
