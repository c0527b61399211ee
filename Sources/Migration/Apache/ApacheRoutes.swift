/// Makes the routes of a virtual host: what each path leads to, and what holds for it.
struct ApacheRoutes {
  /// What a directive says that paths lead to, the path and all below it.
  struct Claim {
    enum Target {
      case fixed(Destination)
      /// A URL that takes the place of the path, and words behind it.
      case proxy(String, [String])
      /// `ProxyPass /path !`
      case excluded
      case files(String)
    }

    var path: String
    var destination: Target
    var place: Place
    var statement: Statement?
  }

  let importer: ApacheImport
  let site: ApacheSite
  /// What upstreams of this site are called.
  let name: String
  var claimed: [Claim] = []
  var fallback: String?
  var programs: [Statement] = []

  private var sections: [ApacheSection] = []
  private var places = ApacheSection.Places([])
  private var proxies: [Claim] = []
  private var aliases: [Claim] = []
  /// The claims of each stage by path: the first one of a path counts.
  private var stages: [[String: (order: Int, claim: Claim)]] = []

  init(importer: ApacheImport, site: ApacheSite, name: String) {
    self.importer = importer
    self.site = site
    self.name = name
  }

  func routes(_ remarks: inout [Remark]) -> [Route] {
    var reader = self
    return reader.read(&remarks)
  }

  private mutating func read(_ remarks: inout [Remark]) -> [Route] {
    sections = ApacheSections(importer: importer, site: site).read(&remarks, &programs)
    places = ApacheSection.Places(sections)
    readClaims(&remarks)
    stages = [claimed, proxies, aliases].map { claims in
      Dictionary(
        claims.enumerated().map { ($1.path, ($0, $1)) }, uniquingKeysWith: { first, _ in first })
    }
    var paths: Set<String> = ["/"]
    for claim in claimed + proxies + aliases { paths.insert(claim.path) }
    for section in sections { if case .location(let path) = section.kind { paths.insert(path) } }
    paths.formUnion(directories())
    let claims = claimed + proxies + aliases
    var routes: [Route] = []
    var written: [String: Int] = [:]
    // A path comes after those that it is below, so that what they say is known.
    for path in paths.sorted() {
      guard !path.hasPrefix("/.well-known/acme-challenge") else {
        importer.notes.general(
          site.host.place, "'acme_challenges: DIRECTORY' answers challenges on port 80")
        continue
      }
      guard importer.files.countRoute(site.host.place), let route = route(path) else { continue }
      let outer = PathBeginnings.of(path).dropLast().reversed().compactMap { written[$0] }.first
      if let outer, isSame(route, routes[outer]) { continue }
      written[path] = routes.count
      routes.append(route)
    }
    let reached = Set(paths.compactMap { self.claim($0)?.place })
    for claim in claims where !reached.contains(claim.place) {
      if case .excluded = claim.destination { continue }
      guard let statement = claim.statement else { continue }
      remarks.append(
        Remark(statement, "nothing reached it: a line that counts more is for the same paths"))
    }
    return routes
  }

  /// Whether a path begins with another in whole segments.
  static func covers(_ path: String, _ other: String) -> Bool {
    if path == "/" || path == other { return true }
    return other.hasPrefix(path.hasSuffix("/") ? path : path + "/")
  }

  /// What a path leads to: rewritten, then proxied, then redirected or a file.
  private func claim(_ path: String) -> Claim? {
    for stage in stages {
      let found = PathBeginnings.of(path).compactMap { stage[$0] }
        .min { $0.order < $1.order }?.claim
      guard let found else { continue }
      if case .excluded = found.destination { continue }
      return found
    }
    return nil
  }

  // MARK: Claims

  private mutating func readClaims(_ remarks: inout [Remark]) {
    // Of sections the last one counts, and before lines outside of them.
    for section in sections.reversed() {
      guard case .location(let path) = section.kind else { continue }
      for statement in section.block { readClaim(statement, path, &remarks) }
    }
    for statement in site.block + site.global { readClaim(statement, nil, &remarks) }
    let root = site.scope.last("documentroot")
    if let root {
      let directory = importer.files.absolute(root.first)
      aliases.append(
        Claim(path: "/", destination: .files(directory), place: root.place, statement: root))
    }
  }

  private mutating func readClaim(
    _ statement: Statement, _ outer: String?, _ remarks: inout [Remark]
  ) {
    var words = statement.arguments
    switch statement.name {
    case "proxypass":
      let path = outer ?? (words.isEmpty ? "" : words.removeFirst())
      guard let target = words.first, let path = Acceptable.path(path) else {
        remarks.append(Remark(statement, "this path cannot be routed"))
        return
      }
      let destination: Claim.Target =
        target == "!" ? .excluded : .proxy(target, Array(words.dropFirst()))
      proxies.append(
        Claim(path: path, destination: destination, place: statement.place, statement: statement))
    case "proxypassmatch": proxyMatch(statement, words, outer, &remarks)
    case "redirect", "redirectpermanent", "redirecttemp", "redirectmatch":
      let redirect = ApacheRedirect(statement: statement, outer: outer)
      guard let (path, destination) = redirect.read() else {
        remarks.append(
          Remark(statement, "'redirect' of a route leads from a path and what is below it"))
        return
      }
      let claim = Claim(
        path: path, destination: .fixed(destination), place: statement.place, statement: statement)
      // Redirects come before aliases.
      let index = aliases.firstIndex { if case .files = $0.destination { true } else { false } }
      aliases.insert(claim, at: index ?? aliases.endIndex)
    case "alias", "scriptalias": alias(statement, words, outer, &remarks)
    case "aliasmatch", "scriptaliasmatch":
      remarks.append(Remark(statement, "there are no regular expressions: 'files' is for a path"))
    default: break
    }
  }

  private mutating func alias(
    _ statement: Statement, _ words: [String], _ outer: String?, _ remarks: inout [Remark]
  ) {
    let from = outer ?? words.first ?? ""
    let directory = importer.files.absolute(words.last ?? "")
    guard words.count == (outer == nil ? 2 : 1), let path = Acceptable.path(from),
      Acceptable.file(directory)
    else {
      remarks.append(Remark(statement, "this path cannot be routed"))
      return
    }
    var claim = Claim(
      path: path, destination: .files(directory), place: statement.place, statement: statement)
    if statement.name == "scriptalias" {
      remarks.append(Remark(statement, "closed: \(Program.advice)"))
      claim.destination = .fixed(.respond(status: 503, body: "", type: nil))
    }
    aliases.append(claim)
  }

  private mutating func proxyMatch(
    _ statement: Statement, _ words: [String], _ outer: String?, _ remarks: inout [Remark]
  ) {
    let (expression, target) = (outer ?? words.first ?? "", words.dropFirst(outer == nil ? 1 : 0))
    guard let url = target.first else { return }
    if expression.contains("php") || url.hasPrefix("fcgi:") || url.contains("|fcgi:") {
      programs.append(statement)
      return
    }
    guard let pattern = PathPattern(expression), pattern.tail != .nothing,
      let path = pattern.coversEverything ? "/" : NginxRoutes.routePath(pattern)
    else {
      remarks.append(
        Remark(statement, "there are no regular expressions: 'upstream' is for a path"))
      return
    }
    if url == "!" {
      proxies.append(
        Claim(path: path, destination: .excluded, place: statement.place, statement: statement))
      return
    }
    // `$1` at the end is what follows the path; without it the path itself is put there.
    let base = url.hasSuffix("$1") ? String(url.dropLast(2)) : url + (path == "/" ? "/" : path)
    guard !base.contains("$") else {
      remarks.append(Remark(statement, "'strip_prefix' and 'add_prefix' are about whole segments"))
      return
    }
    proxies.append(
      Claim(
        path: path, destination: .proxy(base, Array(target.dropFirst())), place: statement.place,
        statement: statement))
  }

  /// The paths of URLs under which the directories of claims have sections of their own.
  private func directories() -> Set<String> {
    var claims: [String: [Claim]] = [:]
    for claim in aliases {
      guard case .files(let directory) = claim.destination else { continue }
      claims[directory.hasSuffix("/") ? String(directory.dropLast()) : directory, default: []]
        .append(claim)
    }
    var paths: Set<String> = []
    for section in sections {
      guard case .directory(let path) = section.kind else { continue }
      for outer in PathBeginnings.of(path) where outer != path {
        // Many paths may lead to one directory, and nobody has so many.
        for claim in (claims[outer == "/" ? "" : outer] ?? []).prefix(20) {
          let below = path.dropFirst(outer == "/" ? 1 : outer.count + 1)
          let url = (claim.path.hasSuffix("/") ? claim.path : claim.path + "/") + below
          if let path = Acceptable.path(url), !outer.hasSuffix("/") || outer == "/" {
            paths.insert(path)
          }
        }
      }
    }
    return paths
  }

  // MARK: One route

  private func route(_ path: String) -> Route? {
    guard let claim = claim(path) else {
      guard path == "/" else { return nil }
      return Route(
        path: "/", destination: .respond(status: 404, body: "", type: nil), place: site.host.place)
    }
    var route = Route(
      path: path, destination: .respond(status: 404, body: "", type: nil), place: claim.place)
    var isProxied = false
    switch claim.destination {
    case .fixed(let destination): route.destination = destination
    case .excluded: return nil
    case .files(let directory): files(directory, claim, &route)
    case .proxy(let url, let words):
      isProxied = true
      let reader = ApacheUpstreams(
        importer: importer, scope: scope(path, nil, isProxied: true), name: name)
      reader.lead(claim, url, words, &route)
    }
    let isFixed = if case .fixed = claim.destination { true } else { false }
    let scope = scope(path, directory(route), isProxied: isProxied)
    if !isFixed {
      ApacheAccess(importer: importer, scope: scope).read(&route)
      keys(scope, &route)
    }
    ApacheFields(importer: importer, scope: scope).read(&route, onlyAlways: isFixed)
    return route
  }

  private func directory(_ route: Route) -> String? {
    if case .files(let files) = route.destination { files.directory } else { nil }
  }

  /// The directives for a path: sections of directories first, the shortest of them first, then locations.
  private func scope(_ path: String, _ directory: String?, isProxied: Bool) -> ApacheScope {
    var scope = site.scope
    if let directory {
      for beginning in PathBeginnings.of(directory) {
        for section in places.directories[beginning] ?? [] { scope = scope.within(section.level) }
      }
    }
    if isProxied {
      for section in places.proxies { scope = scope.within(section.level) }
    }
    let found = PathBeginnings.of(path).flatMap { places.locations[$0] ?? [] }
    for section in found.sorted(by: { $0.order < $1.order }) { scope = scope.within(section.level) }
    return scope
  }

  private func files(_ directory: String, _ claim: Claim, _ route: inout Route) {
    let below = route.path.dropFirst(claim.path.count)
    var directory = directory
    while directory.count > 1, directory.hasSuffix("/") { directory.removeLast() }
    let separator = below.isEmpty || below.hasPrefix("/") || directory == "/" ? "" : "/"
    directory += separator + below
    while directory.count > 1, directory.hasSuffix("/") { directory.removeLast() }
    guard Acceptable.file(directory) else {
      if let statement = claim.statement {
        route.remarks.append(Remark(statement, "it leads to no directory; 404 until it does"))
      }
      return
    }
    let scope = scope(route.path, directory, isProxied: false)
    let index = scope.last("directoryindex")?.arguments
    let runs =
      programs.first ?? scope.all("directoryindex").first { $0.arguments.contains("index.php") }
    if let statement = runs ?? (Program.isIn(directory, importer.files) ? claim.statement : nil) {
      route.remarks.append(
        Remark(statement, "closed, since this route would send programs as text: \(Program.advice)")
      )
      route.destination = .respond(status: 503, body: "", type: nil)
      return
    }
    var files = Destination.Files(directory: directory)
    if let index {
      let names = index.filter { Acceptable.fileName($0) && !$0.hasPrefix("disabled") }
      if names != ["index.html"] { files.index = names }
    }
    let options = scope.last("options")?.arguments.map { $0.lowercased() } ?? []
    files.isListing =
      options.contains("indexes") || options.contains("+indexes") || options == ["all"]
    if let fallback, route.path == "/" { files.fallback = fallback }
    if let statement = scope.last("allowoverride"), statement.first.lowercased() != "none" {
      importer.notes.general(
        statement.place, "files '.htaccess' are not read; import them with the site")
    }
    route.destination = .files(files)
  }

  private func keys(_ scope: ApacheScope, _ route: inout Route) {
    if route.destination.isUpstream {
      let statement = scope.last("limitrequestbody")
      if let bytes = statement.flatMap({ NginxQuantity.number($0.first) }) {
        // 0 is no limit there.
        route.keys.bodyBytesMax = bytes == 0 ? 1 << 40 : bytes
      } else {
        // Apache's default, which is more than ours.
        importer.imported.bodyBytesMax = 1 << 30
      }
    }
    if let types = ApacheImport.types(scope.all("addoutputfilterbytype", "setoutputfilter")) {
      let known = importer.imported.compress?.types ?? []
      importer.imported.compress = .init(types: known + types.filter { !known.contains($0) })
      route.keys.isCompressed = true
    }
  }

  /// Whether a route says nothing that the one around it does not say.
  private func isSame(_ route: Route, _ outer: Route) -> Bool {
    var route = route
    let path = route.path
    if case .files(var files) = route.destination, case .files(let around) = outer.destination {
      let below = path.dropFirst(outer.path == "/" ? 1 : outer.path.count + 1)
      let base = around.directory == "/" ? "" : around.directory
      if files.directory == "\(base)/\(below.hasSuffix("/") ? below.dropLast() : below)" {
        files.directory = around.directory
        files.fallback = around.fallback
        route.destination = .files(files)
      }
    }
    route.path = outer.path
    return Self.text(route) == Self.text(outer)
  }

  private static func text(_ route: Route) -> String {
    let site = Site(hosts: ["*"], isSecure: true, place: route.place, title: "")
    var writer = YAMLWriter()
    writer.write(RouteText(site: site, route: route).entries)
    return writer.text
  }
}
