internal import Configuration

/// What an operator wants of the names of the fleet, as the admin socket takes it.
enum NamesCommand: Equatable, Sendable {
  /// A server that is gone for ever is no name server any more; another one may get its number.
  case forget(node: String)
  /// Has the provider watch each address itself; with `isDryRun` it is only told what would be set.
  case checks(isDryRun: Bool)

  /// Reads a path below `/dns/` and its query; `nil` for what is no such command.
  ///
  /// A word too many is none either: one who meant `dry_run` and wrote another word wants nothing changed.
  init?(path: String, query: String) {
    guard let values = AdminQuery.values(query) else { return nil }
    switch path {
    case "/dns/forget":
      guard values.count == 1, let nodes = values["node"], nodes.count == 1,
        let node = NodeName.read(Array(nodes[0].utf8))
      else { return nil }
      self = .forget(node: node)
    case "/dns/checks":
      switch values["dry_run"] {
      case ["1"]? where values.count == 1: self = .checks(isDryRun: true)
      case ["0"]? where values.count == 1: self = .checks(isDryRun: false)
      case nil where values.isEmpty: self = .checks(isDryRun: false)
      default: return nil
      }
    default: return nil
    }
  }
}
