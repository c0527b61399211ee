/// Makes a route of a location.
struct NginxLocation {
  let importer: NginxImport
  let site: NginxSite
  let located: NginxRoutes.Located
  /// What an upstream is called that has no name.
  let name: String

  static let passes = [
    "proxy_pass", "uwsgi_pass", "fastcgi_pass", "scgi_pass", "grpc_pass", "memcached_pass",
  ]

  private var scope: NginxScope { located.scope }

  /// `nil` where nothing is needed; `isServer` for what the server does with paths of no location.
  func route(isServer: Bool = false) -> Route? {
    var route = Route(
      path: located.path, destination: .respond(status: 404, body: "", type: nil),
      place: located.statement.place)
    if !isServer { importer.review(scope.own, &route.remarks) }
    if located.path.hasPrefix("/.well-known/acme-challenge") {
      importer.notes.general(
        located.statement.place, "'acme_challenges: DIRECTORY' answers challenges on port 80")
      return nil
    }
    if let statement = isServer ? nil : scope.own("return") {
      answer(statement, &route)
      fields(&route)
      return route
    }
    if isServer || !rewrite(&route) { destination(&route, isServer: isServer) }
    if scope.own("internal") != nil, !isServer {
      importer.notes.general(
        located.statement.place, "'internal' is what nobody can ask for: 404")
      route.destination = .respond(status: 404, body: "", type: nil)
    }
    conditions(&route)
    keys(&route)
    fields(&route)
    return route
  }

  private func answer(_ statement: Statement, _ route: inout Route) {
    if let destination = NginxTarget(site: site).destination(statement) {
      route.destination = destination
      return
    }
    route.remarks.append(
      Remark(statement, "what this answers has no counterpart; 503 until you write it"))
    route.destination = .respond(status: 503, body: "", type: nil)
  }

  /// A `rewrite` that redirects all of the location; `break` with a prefix is for the upstream.
  private func rewrite(_ route: inout Route) -> Bool {
    for statement in scope.allOwn("rewrite") {
      if let (pattern, destination) = NginxTarget(site: site).rewritten(statement),
        pattern.coversEverything || NginxRoutes.routePath(pattern) == route.path
          || pattern.prefix == route.path
      {
        route.destination = destination
        return true
      }
      // `rewrite ^/app/(.*)$ /$1 break;`
      let pattern = PathPattern(statement.first)
      let target = statement.argument(1)
      if let pattern, pattern.tail == .captured, target == "/$1" || target == "$1",
        statement.argument(2) == "break", let prefix = Self.withoutSlash(pattern.prefix),
        ApacheRoutes.covers(prefix, route.path), Acceptable.path(prefix) != nil
      {
        route.strip = prefix
        continue
      }
      route.remarks.append(
        Remark(statement, "paths are rewritten by 'strip_prefix' and 'add_prefix' alone"))
    }
    return false
  }

  static func withoutSlash(_ path: String) -> String? {
    let short = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    return short == "/" || short.isEmpty ? nil : short
  }

  // MARK: Where it leads

  private func destination(_ route: inout Route, isServer: Bool) {
    let pass = isServer ? nil : scope.pass
    if let pass {
      proxy(pass, scope, &route)
    } else if scope.own("stub_status") != nil {
      route.remarks.append(
        Remark(
          located.statement, "'listen: { admin: [\"127.0.0.1:9180\"] }' serves status and metrics"))
    } else if let statement = scope.own("try_files") {
      tryFiles(statement, &route)
    } else {
      files(&route)
    }
  }

  private func proxy(_ pass: Statement, _ scope: NginxScope, _ route: inout Route) {
    let reader = NginxUpstreams(importer: importer, scope: scope, name: name)
    guard let found = reader.upstream(pass) else {
      let isProgram = ["fastcgi_pass", "scgi_pass"].contains(pass.name)
      route.remarks.append(
        Remark(
          pass,
          isProgram ? Program.advice : "this has no counterpart; 503 until there is an upstream"))
      route.destination = .respond(status: 503, body: "", type: nil)
      return
    }
    route.destination = .upstream(found.name)
    guard let uri = found.uri else { return }
    // The path of the location is replaced by that of the URL.
    if uri == route.path { return }
    let (from, to) = (Self.withoutSlash(route.path), Self.withoutSlash(uri))
    let areBoth = route.path.hasSuffix("/") == uri.hasSuffix("/") || route.path == "/"
    guard Acceptable.path(uri) != nil, areBoth || to == nil else {
      route.remarks.append(
        Remark(
          pass, "'strip_prefix' and 'add_prefix' are about whole segments; 503 until you write them"
        ))
      route.destination = .respond(status: 503, body: "", type: nil)
      return
    }
    route.strip = from
    route.add = to
  }

  /// The common forms of `try_files`.
  private func tryFiles(_ statement: Statement, _ route: inout Route) {
    let words = statement.arguments
    let last = words.last ?? ""
    if last.hasPrefix("@") {
      let named = site.locations[last]
      let inner = named.map { site.scope.within($0.block ?? []) }
      if let inner, let pass = inner.pass {
        proxy(pass, inner, &route)
        importer.review(inner.own, &route.remarks)
        route.remarks.append(
          Remark(
            statement,
            "all goes to the upstream; where files came first, give their path a route with 'files'"
          ))
        return
      }
    }
    let tried = words.dropLast()
    let arePlain = tried.allSatisfy { ["$uri", "$uri/", "$uri/index.html"].contains($0) }
    files(&route)
    guard case .files(var found) = route.destination else { return }
    if last == "=404", arePlain {
      if !tried.contains("$uri/"), !tried.contains("$uri/index.html") { found.index = [] }
      route.destination = .files(found)
      return
    }
    let path = String(last.prefix { $0 != "?" })
    if arePlain, path.hasPrefix("/"), !path.contains("$") {
      if path.hasSuffix(".php") {
        route.remarks.append(Remark(statement, "closed: \(Program.advice)"))
        route.destination = .respond(status: 503, body: "", type: nil)
        return
      }
      if let name = fallback(path, found, route.path) {
        found.fallback = name
        route.destination = .files(found)
        return
      }
    }
    route.remarks.append(
      Remark(
        statement,
        "files are looked for at the path alone; 'fallback' answers for what is not there"))
  }

  /// The fallback as a file of the route's directory.
  private func fallback(
    _ path: String, _ files: Destination.Files, _ routePath: String
  ) -> String? {
    let base = routePath.hasSuffix("/") ? routePath : routePath + "/"
    guard path.hasPrefix(base) else { return nil }
    let name = String(path.dropFirst(base.count))
    return Acceptable.fileName(name) ? name : nil
  }

  private func files(_ route: inout Route) {
    var directory: String?
    if let alias = scope.own("alias") {
      directory = importer.files.absolute(alias.first)
    } else if let root = scope.last("root") {
      let path = importer.files.absolute(root.first)
      directory = route.path == "/" ? path : path + route.path
    }
    guard let directory = directory.map(Self.shorter), Acceptable.file(directory) else {
      route.remarks.append(Remark(located.statement, "it leads to no directory; 404 until it does"))
      return
    }
    if Program.isIn(directory, importer.files) {
      route.remarks.append(
        Remark(located.statement, "closed, since \(directory) has programs: \(Program.advice)"))
      route.destination = .respond(status: 503, body: "", type: nil)
      return
    }
    var files = Destination.Files(directory: directory)
    if let names = scope.last("index")?.arguments {
      files.index = names.filter { Acceptable.fileName($0) && !$0.hasSuffix(".php") }
      if files.index == ["index.html"] { files.index = nil }
    }
    files.isListing = scope.isOn("autoindex")
    route.destination = .files(files)
  }

  private static func shorter(_ path: String) -> String {
    path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
  }

  // MARK: Settings

  private func conditions(_ route: inout Route) {
    let isOwn = located.statement.name == "location"
    if let methods = site.methods { route.keys.methods = methods }
    for statement in isOwn ? scope.allOwn("if") : [] {
      let condition = statement.arguments.joined(separator: " ")
      if condition.contains("$request_method"), let methods = NginxSite.methods(condition) {
        route.keys.methods = methods
        continue
      }
      let isRefusal = statement.block?.contains { $0.name == "return" && $0.first.hasPrefix("4") }
      let advice =
        condition.contains("OPTIONS")
        ? "'cors' of a route answers preflights"
        : "there are no conditions here but host, path, methods and match"
      if isRefusal == true { importer.notes.danger(statement, advice) }
      route.remarks.append(Remark(statement, advice))
    }
    if let statement = isOwn ? scope.own("limit_except") : nil {
      let isClosed = statement.block?.contains { $0.name == "deny" && $0.first == "all" } ?? false
      let known: Set<String> = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
      let methods = statement.arguments.map { $0.uppercased() }
      if isClosed, !methods.isEmpty, methods.allSatisfy(known.contains) {
        route.keys.methods = methods
      } else {
        importer.notes.danger(statement, "'methods' of a route refuses all others")
      }
    }
  }

  private func keys(_ route: inout Route) {
    NginxAccess(scope: scope).read(importer, site, name, &route)
    if let statement = scope.last("client_max_body_size"), route.destination.isUpstream,
      let bytes = NginxQuantity.bytes(statement.first)
    {
      // 0 is no limit there.
      route.keys.bodyBytesMax = bytes == 0 ? 1 << 40 : bytes
    }
    if let statement = scope.nearest("limit_req").first {
      let words = statement.arguments
      let zone = words.first { $0.hasPrefix("zone=") }.map { String($0.dropFirst(5)) } ?? ""
      let burst = words.first { $0.hasPrefix("burst=") }.flatMap {
        NginxQuantity.number($0.dropFirst(6))
      }
      if let rate = importer.zones[zone] {
        route.keys.rate = (rate, min(burst ?? 0, 100_000) + 1)
        importer.notes.general(
          statement.place, "requests above the rate are answered 429 at once, and never delayed")
      } else {
        route.remarks.append(Remark(statement, "its zone is not counted by address"))
      }
    }
    if let isCompressed = NginxFields.compression(scope, importer) {
      route.keys.isCompressed = isCompressed
    }
  }

  private func fields(_ route: inout Route) {
    NginxFields(importer: importer, scope: scope).read(&route)
  }
}

extension NginxScope {
  /// What answers in the innermost block itself, if not files.
  var pass: Statement? {
    NginxLocation.passes.compactMap { own($0) }.max {
      ($0.place.line, $0.place.column) < ($1.place.line, $1.place.column)
    }
  }
}
