/// Makes the routes of a site of a server's locations.
struct NginxRoutes {
  let importer: NginxImport
  let site: NginxSite
  let hosts: [String]

  /// One location, at the path that it is for.
  struct Located {
    var path: String
    var statement: Statement
    var scope: NginxScope
    var isExact = false
    /// From a regular expression, which beats longer paths of other locations.
    var isExpression = false
  }

  func routes(_ remarks: inout [Remark]) -> [Route] {
    var routes: [Route] = []
    if let statement = site.scope.own("return") {
      return whole(statement, &remarks)
    }
    for statement in site.scope.allOwn("rewrite") {
      rewrite(statement, &routes, &remarks)
    }
    // Nothing gets past a redirect of every path.
    if routes.contains(where: { $0.path == "/" }) { return routes }
    var located: [Located] = []
    var hidden: [Statement] = []
    collect(site.scope, &located, &hidden, &remarks)
    var places = Dictionary(
      routes.indices.map { (routes[$0].path, $0) }, uniquingKeysWith: { first, _ in first })
    for each in located where importer.files.countRoute(each.statement.place) {
      let location = NginxLocation(importer: importer, site: site, located: each, name: name)
      guard let route = location.route() else { continue }
      if let index = places[route.path] {
        routes[index].remarks.append(
          Remark(
            each.statement, "there is a route for this path already; this location is left out"))
        routes[index].remarks += route.remarks
        if NginxAccess(scope: NginxScope(each.scope.own)).isRestricting {
          importer.notes.danger(each.statement, "there is a route for this path already")
        }
        continue
      }
      places[route.path] = routes.count
      routes.append(route)
    }
    if places["/"] == nil {
      let located = Located(path: "/", statement: site.server, scope: site.scope)
      let location = NginxLocation(importer: importer, site: site, located: located, name: name)
      if let route = location.route(isServer: true) { routes.append(route) }
    }
    if !hidden.isEmpty { close(&routes, hidden) }
    return routes
  }

  /// What upstreams of this site are called.
  private var name: String {
    let host = hosts.first { !$0.contains("*") } ?? hosts.first { $0 != "*" } ?? "app"
    let labels = host.split(separator: ".").filter { $0 != "*" && $0 != "www" }
    return labels.first.map(String.init) ?? "app"
  }

  /// A `return` of the server itself, which answers whatever is asked.
  private func whole(_ statement: Statement, _ remarks: inout [Remark]) -> [Route] {
    for location in site.scope.allOwn("location") {
      // Challenges are answered before that, as certbot wants it.
      if location.last.hasPrefix("/.well-known/acme-challenge") {
        importer.notes.needless(location)
      } else {
        remarks.append(Remark(location, "nothing reached it: 'return' answered before"))
      }
    }
    guard let destination = NginxTarget(site: site).destination(statement) else {
      remarks.append(
        Remark(statement, "what this answers has no counterpart; 503 until you write it"))
      return [closed(statement.place)]
    }
    return [Route(path: "/", destination: destination, place: statement.place)]
  }

  private func closed(_ place: Place) -> Route {
    Route(path: "/", destination: .respond(status: 503, body: "", type: nil), place: place)
  }

  private func rewrite(
    _ statement: Statement, _ routes: inout [Route], _ remarks: inout [Remark]
  ) {
    guard let (pattern, destination) = NginxTarget(site: site).rewritten(statement),
      let path = pattern.coversEverything ? "/" : Self.routePath(pattern)
    else {
      remarks.append(
        Remark(statement, "paths are rewritten by 'strip_prefix' and 'add_prefix' alone"))
      return
    }
    guard !routes.contains(where: { $0.path == path }) else { return }
    routes.append(Route(path: path, destination: destination, place: statement.place))
  }

  /// `/old/` and what follows it in `$1` is the route `/old`.
  static func routePath(_ pattern: PathPattern) -> String? {
    var path = pattern.prefix
    if path.count > 1, path.hasSuffix("/"), pattern.tail != .anything { path.removeLast() }
    return Acceptable.path(path)
  }

  // MARK: Locations

  private func collect(
    _ scope: NginxScope, _ located: inout [Located], _ hidden: inout [Statement],
    _ remarks: inout [Remark]
  ) {
    for statement in scope.allOwn("location") {
      let inner = scope.within(statement.block ?? [])
      let (modifier, uri) = Self.words(statement)
      if uri.hasPrefix("@") { continue }
      switch modifier {
      case "", "^~":
        if site.isErrorPage(uri) { continue }
        add(uri, statement, inner, &located, &remarks)
      case "=":
        if site.isErrorPage(uri) { continue }
        guard uri != "/" else {
          lost(
            statement, inner, "a route is for a path and all below it, and '/' has no other",
            &remarks)
          break
        }
        importer.notes.general(
          statement.place, "'location =' is for one path; a route is for what is below it as well")
        if let path = Acceptable.path(uri) {
          located.append(Located(path: path, statement: statement, scope: inner, isExact: true))
        } else {
          lost(statement, inner, "this path cannot be routed", &remarks)
        }
      default: expression(uri, statement, inner, &located, &hidden, &remarks)
      }
      collect(inner, &located, &hidden, &remarks)
    }
  }

  /// Tells of a location that has no route: at the top where it kept somebody out.
  private func lost(
    _ statement: Statement, _ scope: NginxScope, _ advice: String, _ remarks: inout [Remark]
  ) {
    if NginxAccess(scope: NginxScope(scope.own)).isRestricting {
      importer.notes.danger(statement, advice)
    } else {
      remarks.append(Remark(statement, advice))
    }
  }

  private func add(
    _ uri: String, _ statement: Statement, _ scope: NginxScope, _ located: inout [Located],
    _ remarks: inout [Remark], isExpression: Bool = false
  ) {
    guard let path = Acceptable.path(uri) else {
      return lost(statement, scope, "this path cannot be routed", &remarks)
    }
    if !path.hasSuffix("/") {
      importer.notes.general(
        statement.place,
        "a path ends where a segment ends: /api is /api and /api/…, and not /apix")
    }
    located.append(
      Located(path: path, statement: statement, scope: scope, isExpression: isExpression))
  }

  static func words(_ statement: Statement) -> (modifier: String, uri: String) {
    if statement.arguments.count > 1 { return (statement.first, statement.argument(1)) }
    for modifier in ["^~", "~*", "~", "="] where statement.first.hasPrefix(modifier) {
      return (modifier, String(statement.first.dropFirst(modifier.count)))
    }
    return ("", statement.first)
  }

  /// A regular expression: only one that says how paths begin is a route.
  private func expression(
    _ uri: String, _ statement: Statement, _ scope: NginxScope, _ located: inout [Located],
    _ hidden: inout [Statement], _ remarks: inout [Remark]
  ) {
    let patterns = PathPattern.alternatives(uri).map { PathPattern($0) }
    if patterns.allSatisfy({ $0.map { $0.tail != .captured && !$0.coversEverything } ?? false }),
      scope.own("alias") == nil
    {
      for pattern in patterns {
        guard let pattern else { continue }
        add(pattern.prefix, statement, scope, &located, &remarks, isExpression: true)
      }
      return
    }
    // Names that begin with a dot are never served from files.
    let isAboutDots = uri.hasPrefix("/\\.") || uri.hasPrefix("/\\..") || uri.contains("(^|/)\\.")
    let access = NginxAccess(scope: NginxScope(scope.own))
    let isDenied =
      access.isRestricting || scope.own("return").map { $0.first.hasPrefix("4") } ?? false
    if isDenied, isAboutDots {
      importer.notes.general(
        statement.place,
        "names that begin with a dot are never served from files; an application has to refuse them itself"
      )
      return
    }
    if isDenied {
      importer.notes.danger(
        statement, "there are no regular expressions: deny a path, or keep such files elsewhere")
      return
    }
    if NginxLocation.passes.contains(where: { scope.own($0) != nil }) {
      hidden.append(statement)
    }
    let advice =
      scope.own("expires") != nil || scope.own("add_header") != nil
      ? "there are no regular expressions; 'files: { cache_control: max-age=86400 }' is for a path"
      : "there are no regular expressions: write a route for a path"
    remarks.append(Remark(statement, advice))
  }

  /// Files below which another location ran programs are not sent as they are.
  private func close(_ routes: inout [Route], _ hidden: [Statement]) {
    for index in routes.indices where routes[index].destination.isFiles {
      for statement in hidden {
        routes[index].remarks.append(
          Remark(
            statement, "closed, since this route would send programs as text: \(Program.advice)"))
      }
      routes[index].destination = .respond(status: 503, body: "", type: nil)
    }
  }
}

/// Programs that the other server runs itself.
enum Program {
  static let advice =
    "PHP and CGI have no counterpart; serve them with uWSGI's plugin, or keep the old server for them on a"
    + " loopback port as an upstream with 'protocol: http'"

  /// Whether a directory has programs in it, which must not be sent as text.
  static func isIn(_ directory: String, _ files: SourceFiles) -> Bool {
    files.source.names(directory).contains { name in
      [".php", ".phtml", ".cgi", ".pl", ".asp", ".aspx", ".jsp"].contains {
        name.lowercased().hasSuffix($0)
      }
    }
  }
}
