internal import HTTPCore

/// Reads the routes and finds their upstreams.
struct RouteReader {
  let context: ReadingContext
  let upstreams: NamedUpstreams
  /// What leads to upstreams besides routes.
  let listeners: [TCPListenSettings]
  /// Requests come in, so that routes have to lead them somewhere.
  let isNeeded: Bool

  func read(_ top: Section) -> [RouteSettings] {
    guard isNeeded || top.isGiven("routes") else {
      if context.isComplete { reportUnused([]) }
      return []
    }
    let (_, value) = top.take("routes")
    if isNeeded, context.isComplete, let value, value.isNothing || value.isEmptyList {
      context.findings.error(value.position, "'routes' must have at least one route")
    }
    let shared = SharedRouteKeys(top, context) { section in
      _ = settings(section, hosts: [], path: "/", upstream: -1, local: nil)
      _ = RoutePrefixReader(context: context).read(section, path: nil, nil)
    }
    var places = RoutePlaces(findings: context.findings)
    var routes: [RouteSettings] = []
    for (section, node) in top.items(of: shared.merged(into: value), "routes") {
      let route = route(section)
      routes.append(route)
      places.add(route, line: section.position.line, at: node.position)
    }
    ClientCertificateReader(context: context).settle(&routes)
    // After a mistake of syntax the routes may only not have been reached.
    // After a mistake in a route it may be the one that leads there.
    CanonicalHostReader(context: context).warnOfUnrouted()
    let areWhole = !routes.isEmpty && routes.allSatisfy { $0.upstream >= 0 || $0.local != nil }
    if context.isComplete, areWhole { reportUnused(routes) }
    return routes
  }

  private func route(_ section: Section) -> RouteSettings {
    let hosts = RouteHostsReader(context: context).read(section)
    let path = URLPath.read("path", section, context)
    let (upstream, answer) = destination(section)
    var local = answer
    let prefixes = RoutePrefixReader(context: context)
    let change = prefixes.read(section, path: path, local)
    if case .files(let files) = local { local = .files(prefixes.place(files, section, path: path)) }
    var route = settings(section, hosts: hosts, path: path, upstream: upstream, local: local)
    route.pathChange = change
    return route
  }

  /// What a route has besides its place and what it leads to; `defaults` and `groups` may have it too.
  private func settings(
    _ section: Section, hosts: [String], path: String, upstream: Int, local: LocalRoute?
  ) -> RouteSettings {
    var route = RouteSettings(
      hosts: hosts, path: path, upstream: upstream,
      bodyBytesMax: section.size("body_max"), idempotencyKey: section.flag("idempotency_key"),
      webSocket: section.flag("websocket"), local: local)
    route.rate = RequestRate(section.section("requests_per_address"))
    route.compress = CompressSettings.Mode(rawValue: section.word("compress"))
    route.rules = RouteRulesReader(context: context).read(section)
    route.access = AccessReader(context: context, upstreams: upstreams).read(section)
    route.staleIfError = StaleReader.limit(section)
    route.clientCertificates = ClientCertificateReader(context: context).read(section)
    route.conditions = RouteConditionsReader(context: context)
      .read(section, countsPreflights: route.rules?.crossOrigin != nil)
    route.canonicalHost = CanonicalHostReader(context: context).read(section)
    return route
  }

  static let destinations = ["upstream", "files", "redirect", "respond"]

  /// What the route leads to: exactly one thing.
  private func destination(_ section: Section) -> (upstream: Int, local: LocalRoute?) {
    let given = Self.destinations.filter(section.isGiven)
    if given.isEmpty, context.isComplete, !section.isRefused {
      let keys = Found.alternatives(Self.destinations.map { "'\($0)'" })
      context.findings.error(
        section.position, "missing required key \(keys) in \(section.name)")
    }
    for key in given.dropFirst() {
      context.findings.error(
        section.position(of: key),
        "'\(key)' beside '\(given[0])' in \(section.name): a route leads to one of them")
    }
    // All are read, so that the mistakes in each are told.
    let locals = given.filter { $0 != "upstream" }.map {
      LocalRouteReader(context: context).read($0, section)
    }
    let upstream = given.contains("upstream") ? upstream(section) : -1
    return (upstream, locals.first)
  }

  private func upstream(_ section: Section) -> Int {
    guard let index = upstreams.find("upstream", in: section, context) else { return -1 }
    if upstreams.settings[index].nodeProtocol == .tcp {
      context.findings.error(
        section.position(of: "upstream"),
        "upstream '\(upstreams.settings[index].name)' in \(section.name) is of protocol tcp, which"
          + " knows no requests; it is for 'listen.tcp'")
    }
    return index
  }

  /// Says which upstreams nothing leads to.
  private func reportUnused(_ routes: [RouteSettings]) {
    let asked = routes.compactMap { $0.access?.authenticator?.upstream }
    let used = Set(routes.map(\.upstream) + listeners.map(\.upstream) + asked)
    for (index, position) in upstreams.positions.enumerated() where !used.contains(index) {
      let settings = upstreams.settings[index]
      let what = settings.nodeProtocol == .tcp ? "tcp listener" : "route"
      context.findings.warning(
        position, "no \(what) leads to upstream '\(Found.shortened(settings.name))'")
    }
  }
}
