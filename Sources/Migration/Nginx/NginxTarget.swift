/// What `return` and `rewrite` of nginx answer.
struct NginxTarget {
  let site: NginxSite

  /// What a `return`, or a `rewrite` that redirects, leads to; `nil` for what has no counterpart.
  func destination(_ statement: Statement) -> Destination? {
    if statement.name == "rewrite" { return rewritten(statement)?.destination }
    guard statement.name == "return" else { return nil }
    let code = NginxQuantity.number(statement.first)
    let text = statement.arguments.count > 1 ? statement.argument(1) : ""
    // `return https://example.org/` is a 302.
    guard let code else { return redirect(statement.first, 302) }
    switch code {
    case 301, 302, 303, 307, 308: return redirect(text, code)
    // Closes the connection without a word.
    case 444: return .respond(status: 403, body: "", type: nil)
    case 500: return .respond(status: 503, body: body(text), type: type)
    case 200...299 where code != 206, 400...599:
      return .respond(status: code, body: body(text), type: type)
    default: return nil
    }
  }

  private func body(_ text: String) -> String {
    text.contains("$") || text.utf8.count > 4000 || text.isEmpty
      || !text.unicodeScalars.allSatisfy({ Plain.isPlain($0) || $0 == "\n" || $0 == "\t" })
      ? "" : text
  }

  private var type: String? {
    let text = site.scope.last("default_type")?.first ?? "text/plain"
    return Acceptable.mediaType(text) ? text : "text/plain"
  }

  private func redirect(_ text: String, _ status: Int) -> Destination? {
    let parts = Self.variables + [("$server_name", serverName)]
    guard let target = TargetText.replaced(text, parts), Acceptable.redirectTarget(target) else {
      return nil
    }
    return .redirect(to: target, status: status)
  }

  private var serverName: String {
    let name = site.scope.own("server_name")?.first
    return name.flatMap(Acceptable.host) ?? "{host}"
  }

  /// Longest first where one begins with another.
  private static let variables: [(name: String, part: String)] = [
    ("$scheme://", "https://"), ("${scheme}://", "https://"),
    ("$uri$is_args$args", "{path}{query}"), ("$request_uri", "{path}{query}"),
    ("${request_uri}", "{path}{query}"), ("$is_args$args", "{query}"),
    ("$is_args$query_string", "{query}"), ("$document_uri", "{path}"), ("$uri", "{path}"),
    ("${host}", "{host}"), ("$host", "{host}"), ("$http_host", "{host}"),
  ]

  /// A `rewrite` with `permanent` or `redirect`, or to another server: where, and from which paths.
  func rewritten(_ statement: Statement) -> (pattern: PathPattern, destination: Destination)? {
    let flag = statement.argument(2)
    var text = statement.argument(1)
    let isElsewhere =
      text.hasPrefix("http://") || text.hasPrefix("https://")
      || text.hasPrefix("$scheme")
    guard flag == "permanent" || flag == "redirect" || isElsewhere,
      let pattern = PathPattern(statement.first)
    else { return nil }
    // nginx adds the query unless the text ends with `?`.
    let hasQuery = text.contains("?") || text.contains("$request_uri")
    if text.hasSuffix("?") { text.removeLast() }
    let rest = pattern.coversEverything ? "{path}" : "{rest}"
    var parts = Self.variables + [("$server_name", serverName)]
    if pattern.tail == .captured { parts.insert(("$1", rest), at: 0) }
    guard var target = TargetText.replaced(text, parts) else { return nil }
    if !hasQuery { target += "{query}" }
    guard Acceptable.redirectTarget(target) else { return nil }
    return (pattern, .redirect(to: target, status: flag == "permanent" ? 301 : 302))
  }
}
