extension Configuration {
  /// The keys that a reload leaves as they were at the start.
  ///
  /// The reference marks them. `node` is what this server is called in etcd and in its certificate for
  /// the fleet, and `state` is where its copies, credentials and temporary files are: a process that
  /// changed either would be two servers for a while.
  package static let restartKeys: [String] = ["node", "state"]

  /// Those of them that have another value than this one, which runs.
  package func restartKeys(before next: Configuration) -> [String] {
    var keys: [String] = []
    if next.node != node { keys.append("node") }
    if next.state != state { keys.append("state") }
    return keys
  }

  /// This configuration with the values of those keys that `running` has.
  package func keeping(_ running: Configuration) -> Configuration {
    var kept = self
    kept.node = running.node
    kept.state = running.state
    return kept
  }
}
