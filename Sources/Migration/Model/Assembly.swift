/// Puts the sites of the other server together as routes of ours, where http is always redirected to https.
struct Assembly {
  let notes: Notes

  func assemble(_ imported: inout Imported) {
    // A host that spoke TLS is served as it was there.
    let secure = imported.sites.filter(\.isSecure)
    let known = Set(secure.flatMap(\.hosts))
    var sites = secure
    for site in imported.sites where !site.isSecure {
      if let kept = plain(site, known) { sites.append(kept) }
    }
    imported.sites = distinct(sites)
    imported.secureListeners = Self.withoutDefaults(imported.secureListeners, port: 443)
    imported.plainListeners = Self.withoutDefaults(imported.plainListeners, port: 80)
    let isClean = imported.sites.contains { !$0.hosts.contains("*") }
    if isClean, !imported.sites.contains(where: { $0.hosts.contains("*") }),
      let first = imported.sites.first
    {
      notes.general(
        first.place,
        "hosts without a route are not answered; the old server gave them its first site ('host: \"*\"' does)"
      )
    }
  }

  /// A site that had no TLS; `nil` where nothing of it is left.
  private func plain(_ site: Site, _ known: Set<String>) -> Site? {
    var site = site
    let remaining = site.hosts.filter { !known.contains($0) }
    let isRedirect = site.routes.allSatisfy { isUpgrade($0, site) || leads($0, to: known) }
    if remaining.count < site.hosts.count, !isRedirect {
      notes.general(
        site.place, "what this site answered on http is not there: http is redirected to https")
    }
    site.hosts = remaining
    if remaining.isEmpty { return nil }
    // To https of the same host, which nothing here serves: it would lead in a circle.
    if site.routes.allSatisfy({ isUpgrade($0, site) }) {
      if remaining != ["*"] {
        notes.general(
          site.place,
          "a redirect to https needs no route, and the site that it leads to is not in these files")
      }
      return nil
    }
    site.routes = site.routes.filter { [site] in !isUpgrade($0, site) }
    notes.general(
      site.place, "this site had no TLS: here it is served over https, and http is redirected to it"
    )
    return site
  }

  /// Whether a route only leads to https of the host that was asked for.
  private func isUpgrade(_ route: Route, _ site: Site) -> Bool {
    guard case .redirect(let target, _) = route.destination else { return false }
    if target.hasPrefix("https://{host}") { return true }
    guard target.hasPrefix("https://"), let host = TargetText.host(of: target) else { return false }
    return site.hosts == [host]
  }

  /// Whether a route only leads to the same path of a site that spoke TLS.
  private func leads(_ route: Route, to known: Set<String>) -> Bool {
    guard case .redirect(let target, _) = route.destination, target.hasSuffix("{path}{query}"),
      target.hasPrefix("https://"), let host = TargetText.host(of: target)
    else { return false }
    return known.contains(host)
  }

  /// No two routes have a host and a path in common: the first counts, as it did there.
  private func distinct(_ sites: [Site]) -> [Site] {
    struct Place: Hashable {
      var host: String
      var path: String
    }
    var seen: Set<Place> = []
    var kept: [Site] = []
    for site in sites {
      // Hosts of one site share its routes, so that the first path speaks for all.
      var site = site
      let taken = site.hosts.filter { host in
        site.routes.contains { seen.contains(Place(host: host, path: $0.path)) }
      }
      if !taken.isEmpty {
        notes.general(site.place, "a site above has the same names, and was first there as well")
      }
      site.hosts.removeAll { taken.contains($0) }
      if site.hosts.isEmpty || site.routes.isEmpty { continue }
      if let canonical = site.canonicalHost, !site.hosts.contains(canonical) {
        site.canonicalHost = nil
      }
      for host in site.hosts {
        for route in site.routes { seen.insert(Place(host: host, path: route.path)) }
      }
      kept.append(site)
    }
    return kept
  }

  /// None where they are those that are listened at anyway.
  private static func withoutDefaults(_ addresses: [String], port: Int) -> [String] {
    let usual = ["0.0.0.0:\(port)", "[::]:\(port)"]
    return addresses.allSatisfy(usual.contains) ? [] : addresses
  }
}
