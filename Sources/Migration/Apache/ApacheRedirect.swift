/// `Redirect` and `RedirectMatch`.
struct ApacheRedirect {
  let statement: Statement
  /// The path of the location that it stands in.
  let outer: String?

  /// The path and what it leads to; `nil` for what has no counterpart.
  func read() -> (path: String, destination: Destination)? {
    var words = statement.arguments
    var status = statement.name == "redirectpermanent" ? 301 : 302
    if let word = words.first?.lowercased(), words.count > 1 || NginxQuantity.number(word) != nil {
      let names = ["permanent": 301, "temp": 302, "seeother": 303, "gone": 410]
      if let number = names[word] ?? NginxQuantity.number(word) {
        status = number
        words.removeFirst()
      }
    }
    let isMatch = statement.name == "redirectmatch"
    let from = outer ?? (words.isEmpty ? "" : words.removeFirst())
    guard [301, 302, 303, 307, 308].contains(status) else {
      guard (400...599).contains(status), status != 500, let path = path(from, isMatch) else {
        return nil
      }
      return (path, .respond(status: status, body: "", type: nil))
    }
    guard let to = words.first, words.count == 1 else { return nil }
    return isMatch ? matched(from, to, status) : prefixed(from, to, status)
  }

  private func path(_ from: String, _ isMatch: Bool) -> String? {
    guard isMatch else { return Acceptable.path(from) }
    guard let pattern = PathPattern(from) else { return nil }
    return pattern.coversEverything ? "/" : NginxRoutes.routePath(pattern)
  }

  /// What follows the path is put behind the URL, and the query.
  private func prefixed(
    _ from: String, _ to: String, _ status: Int
  ) -> (path: String, destination: Destination)? {
    guard let path = Acceptable.path(from), !to.contains("?"),
      !to.contains(where: { "{}$".contains($0) })
    else { return nil }
    let target: String
    if path == "/" {
      target = (to.hasSuffix("/") ? String(to.dropLast()) : to) + "{path}{query}"
    } else {
      target = to + "{rest}{query}"
    }
    return Acceptable.redirectTarget(target)
      ? (path, .redirect(to: target, status: status)) : nil
  }

  private func matched(
    _ from: String, _ to: String, _ status: Int
  ) -> (path: String, destination: Destination)? {
    guard let pattern = PathPattern(from), let path = path(from, true) else { return nil }
    let rest = pattern.coversEverything ? "{path}" : "{rest}"
    let parts = pattern.tail == .captured ? [("$1", rest)] : []
    guard var target = TargetText.replaced(to, parts) else { return nil }
    if !to.contains("?") { target += "{query}" }
    return Acceptable.redirectTarget(target)
      ? (path, .redirect(to: target, status: status)) : nil
  }
}
