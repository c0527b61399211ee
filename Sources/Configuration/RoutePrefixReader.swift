internal import HTTPCore

/// Reads what a route makes of the path: `strip_prefix` and `add_prefix`.
struct RoutePrefixReader {
  let context: ReadingContext

  /// `nil` for a route that leaves it as it is, which a redirect with `{rest}` does not.
  ///
  /// `path` is the route's; `nil` where it is not known, as in `defaults`.
  func read(_ route: Section, path: String?, _ local: LocalRoute?) -> PathChange? {
    let strip = prefix("strip_prefix", route)
    let add = prefix("add_prefix", route)
    if let path, let strip, !Self.begins(path, with: strip) {
      context.findings.error(
        route.position(of: "strip_prefix"),
        "'strip_prefix' must be what 'path' begins with, found '\(Found.shortened(strip))' and path"
          + " '\(Found.shortened(path))'")
    }
    switch local {
    case .redirect(let settings):
      refuse(route, "a redirect has '{rest}' for what the path has behind the route's")
      guard settings.target.movesRest, let path else { return nil }
      return PathChange(strip: Array(Self.withoutSlash(path).utf8), add: [])
    case .respond:
      refuse(route, "a fixed answer has no use for the path")
      return nil
    case .files: return nil
    case nil:
      if strip == nil, add == nil { return nil }
      return PathChange(strip: Array((strip ?? "").utf8), add: Array((add ?? "").utf8))
    }
  }

  /// Files lie below `strip_prefix` instead of below the route's path, and in `add_prefix` of the directory.
  func place(_ files: FileSettings, _ route: Section, path: String) -> FileSettings {
    var files = files
    files.below = prefix("strip_prefix", route) ?? path
    if let add = prefix("add_prefix", route) {
      files.directory = Array(files.directory.dropLast()) + Array(add.utf8) + [0]
    }
    return files
  }

  /// A prefix without its last slash; `nil` where there is none.
  private func prefix(_ key: String, _ route: Section) -> String? {
    guard route.isGiven(key) else { return nil }
    let mistakes = context.findings.errorCount
    let path = URLPath.read(key, route, context)
    guard context.findings.errorCount == mistakes else { return nil }
    if path == "/" {
      context.findings.error(
        route.position(of: key), "'\(key)' must be a path such as /app, found '/'")
      return nil
    }
    return Self.withoutSlash(path)
  }

  private static func withoutSlash(_ path: String) -> String {
    path.hasSuffix("/") ? String(path.dropLast()) : path
  }

  private static func begins(_ path: String, with prefix: String) -> Bool {
    path == prefix || path.hasPrefix(prefix + "/")
  }

  private func refuse(_ route: Section, _ reason: String) {
    for key in ["strip_prefix", "add_prefix"] where route.isGiven(key) {
      context.findings.error(
        route.position(of: key), "'\(key)' is of no use in \(route.name): \(reason)")
    }
  }
}
