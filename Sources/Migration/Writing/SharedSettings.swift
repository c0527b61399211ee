/// Settings that most routes of a site have, written once as a group that they use.
struct SharedSettings {
  /// The groups so far.
  private(set) var entries: [YAMLEntry] = []

  /// What can be shared; who may come in stays where it can be seen.
  private static let keys: Set<String> = [
    "canonical_host", "client_certificates", "response_headers", "set_cookie", "hsts", "body_max",
    "compress",
  ]
  /// With fewer routes a group is longer than what it saves.
  private static let routesMin = 3

  /// The routes of a site, with `use` in the place of what they have in common.
  mutating func share(_ routes: [[YAMLEntry]], _ site: Site) -> [[YAMLEntry]] {
    guard let first = routes.max(by: { Self.shareable($0).count < Self.shareable($1).count })
    else { return routes }
    let common = Self.shareable(first).filter { entry in
      routes.count { Self.has($0, entry) } >= max(Self.routesMin, routes.count * 2 / 3)
    }
    let members = routes.map { route in common.allSatisfy { Self.has(route, $0) } }
    guard !common.isEmpty, members.count(where: { $0 }) >= Self.routesMin else { return routes }
    let name = add(common, site)
    return zip(routes, members).map { route, isMember in
      guard isMember else { return route }
      var rest = route.filter { entry in !common.contains { $0.key == entry.key } }
      let place = rest.firstIndex { $0.key != "host" && $0.key != "path" } ?? rest.endIndex
      rest.insert(YAMLEntry("use", .text(name)), at: place)
      return rest
    }
  }

  private mutating func add(_ common: [YAMLEntry], _ site: Site) -> String {
    let host = site.hosts.first { !$0.contains("*") } ?? site.hosts.first ?? ""
    let labels = host.split(separator: ".").filter { $0 != "*" && $0 != "www" }
    let base = "\(labels.first.map(String.init) ?? "all")-site"
    var (name, number) = (base, 2)
    while entries.contains(where: { $0.key == name }) {
      name = "\(base)-\(number)"
      number += 1
    }
    entries.append(YAMLEntry(name, .mapping(common)))
    return name
  }

  private static func shareable(_ route: [YAMLEntry]) -> [YAMLEntry] {
    route.filter { keys.contains($0.key) }
  }

  private static func has(_ route: [YAMLEntry], _ entry: YAMLEntry) -> Bool {
    route.contains { $0.key == entry.key && text($0) == text(entry) }
  }

  private static func text(_ entry: YAMLEntry) -> String {
    var writer = YAMLWriter()
    writer.write([entry])
    return writer.text
  }
}
