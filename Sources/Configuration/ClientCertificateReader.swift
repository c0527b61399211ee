internal import EventLoop
internal import TLS

/// Reads what hosts ask of their clients' certificates.
///
/// TLS asks before it knows of a path, so that what one route says holds for all routes of its host.
struct ClientCertificateReader {
  let context: ReadingContext

  func read(_ route: Section) -> ClientRule? {
    guard let section = route.optionalSection("client_certificates") else { return nil }
    let isRequired = section.word("mode") == "require"
    guard let path = section.path("ca") else { return nil }
    let position = section.position(of: "ca")
    guard let authorities = authorities(path, position) else { return nil }
    let rule = ClientRule(authorities, isRequired: isRequired)
    context.named.files.clientRules.append((rule, position))
    return rule
  }

  private func authorities(_ path: String, _ position: Position) -> ClientAuthorities? {
    let limit = ClientAuthorities.bytesMax
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try context.source.readFile(path, limit)
    } catch {
      context.unreadable(path, position, error)
      return nil
    }
    do throws(ClientAuthoritiesError) {
      return try ClientAuthorities(pem: bytes)
    } catch {
      context.findings.error(
        position, "'\(Found.shortened(path))' is no file of authorities: \(error)")
      return nil
    }
  }

  // MARK: Whole hosts

  /// Gives all routes of a host what one of them says, and reports where that cannot be.
  func settle(_ routes: inout [RouteSettings]) {
    guard routes.contains(where: { $0.clientCertificates != nil }) else { return }
    var rules: [String: ClientRule] = [:]
    for route in routes {
      guard let rule = route.clientCertificates else { continue }
      for host in Self.hosts(of: route) {
        if let first = rules[host], first != rule {
          context.findings.error(
            position(of: rule),
            "'client_certificates' of host '\(host)' is other than on line"
              + " \(position(of: first).line): it holds for all routes of a host")
        }
        if rules[host] == nil { rules[host] = rule }
      }
    }
    for index in routes.indices { routes[index].clientCertificates = common(routes[index], rules) }
    reportGaps(routes, rules)
  }

  private static func hosts(of route: RouteSettings) -> [String] {
    route.hosts.filter { !$0.isEmpty }
  }

  /// What the hosts of a route ask for; they have to ask for the same.
  private func common(_ route: RouteSettings, _ rules: [String: ClientRule]) -> ClientRule? {
    let hosts = Self.hosts(of: route)
    guard let asking = hosts.first(where: { rules[$0] != nil }), let rule = rules[asking] else {
      return nil
    }
    if let other = hosts.first(where: { rules[$0] != rule }) {
      context.findings.error(
        position(of: rule),
        "'client_certificates' of host '\(asking)' is other than of '\(other)', and one route is for"
          + " both; write a route for each")
    }
    return rule
  }

  /// Reports hosts that leave requests to a wildcard, or to the catch-all, with another rule.
  ///
  /// The connections of such requests were made as their own host says, so that each would be refused.
  private func reportGaps(_ routes: [RouteSettings], _ rules: [String: ClientRule]) {
    let patterns = Set(routes.flatMap(Self.hosts))
    let whole = Set(
      routes.filter { $0.path == "/" && $0.conditions == nil }.flatMap(Self.hosts))
    for host in patterns.subtracting(whole).sorted() {
      let next = Self.wider(than: host).prefix { !whole.contains($0) }
      let reached = Self.wider(than: host).prefix(next.count + 1).filter(patterns.contains)
      guard let other = reached.first(where: { rules[$0] != rules[host] }) else { continue }
      let position = context.named.hosts.first { $0.name == host }?.position ?? .start
      context.findings.error(
        position,
        "host '\(host)' has no route for all of '/', so that other requests for it go to '\(other)', whose"
          + " 'client_certificates' is other; give '\(host)' the same, or a route for '/'")
    }
  }

  /// The patterns whose routes take what those of a host do not, the nearest first.
  private static func wider(than host: String) -> [String] {
    if host == RouteSettings.everyHost { return [] }
    guard !host.hasPrefix("*"), let dot = host.firstIndex(of: ".") else {
      return [RouteSettings.everyHost]
    }
    return ["*" + host[dot...], RouteSettings.everyHost]
  }

  /// Where a rule stands.
  private func position(of rule: ClientRule) -> Position {
    context.named.files.clientRules.first { $0.rule === rule }?.position ?? .start
  }
}
