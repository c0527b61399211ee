/// Reads the routes and finds their upstreams.
struct RouteReader {
  let context: ReadingContext
  let upstreams: NamedUpstreams
  /// What leads to upstreams besides routes.
  let listeners: [TCPListenSettings]
  /// Requests come in, so that routes have to lead them somewhere.
  let isNeeded: Bool

  /// What no two routes may have in common.
  private struct Place: Hashable {
    var host: String
    var path: String
  }

  func read(_ top: Section) -> [RouteSettings] {
    guard isNeeded || top.isGiven("routes") else {
      if context.isComplete { reportUnused([]) }
      return []
    }
    let (_, value) = top.take("routes")
    if isNeeded, context.isComplete, let value, value.isNothing || value.isEmptyList {
      context.findings.error(value.position, "'routes' must have at least one route")
    }
    var seen: [Place: Int] = [:]
    var routes: [RouteSettings] = []
    for (section, node) in top.items(of: value, "routes") {
      let route = route(section)
      routes.append(route)
      guard !route.host.isEmpty else { continue }
      let place = Place(host: route.host, path: route.path)
      if let line = seen[place] {
        context.findings.error(
          node.position,
          "duplicate route for host '\(route.host)' and path '\(route.path)', first on line \(line)"
        )
      } else {
        seen[place] = section.position.line
      }
    }
    // After a mistake of syntax the routes may only not have been reached.
    // After a mistake in a route it may be the one that leads there.
    let areWhole = !routes.isEmpty && routes.allSatisfy { $0.upstream >= 0 || $0.local != nil }
    if context.isComplete, areWhole { reportUnused(routes) }
    return routes
  }

  private func route(_ section: Section) -> RouteSettings {
    let host = host(section)
    let (upstream, local) = destination(section)
    var route = RouteSettings(
      host: host, path: URLPath.read("path", section, context), upstream: upstream,
      bodyBytesMax: section.size("body_max"), idempotencyKey: section.flag("idempotency_key"),
      webSocket: section.flag("websocket"), local: local)
    route.rate = RequestRate(section.section("requests_per_address"))
    route.compress = CompressSettings.Mode(rawValue: section.word("compress"))
    route.rules = RouteRulesReader(context: context).read(section)
    return route
  }

  private static let destinations = ["upstream", "files", "redirect", "respond"]

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

  private func host(_ section: Section) -> String {
    if let value = section.collection("host"), !value.isMapping {
      context.wrong(value, "host", HostPattern.expected, HostPattern.oneName)
      return ""
    }
    guard let (text, position) = section.text("host", HostPattern.expected) else { return "" }
    let pattern = HostPattern.read(text)
    if let mistake = pattern.mistake(key: "host", wildcard: true) {
      context.findings.error(position, mistake)
    }
    guard let normal = pattern.normal else { return "" }
    context.named.hosts.append((normal, position))
    return normal
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
    let used = Set(routes.map(\.upstream) + listeners.map(\.upstream))
    for (index, position) in upstreams.positions.enumerated() where !used.contains(index) {
      let settings = upstreams.settings[index]
      let what = settings.nodeProtocol == .tcp ? "tcp listener" : "route"
      context.findings.warning(
        position, "no \(what) leads to upstream '\(Found.shortened(settings.name))'")
    }
  }
}
