/// Reads the common forms of `RewriteRule`; others are told.
struct ApacheRewriting {
  let importer: ApacheImport
  let site: ApacheSite
  /// What rules lead to, before all else.
  private(set) var claims: [ApacheRoutes.Claim] = []
  /// The file that answers for what is not there.
  private(set) var fallback: String?
  /// Rules that led to programs.
  private(set) var programs: [Statement] = []
  /// Sites for single hosts.
  private(set) var others: [Site] = []

  init(importer: ApacheImport, site: ApacheSite) {
    self.importer = importer
    self.site = site
  }

  private struct Rule {
    var conditions: [Statement]
    var statement: Statement
    var flags: [String]

    var target: String { statement.argument(1) }
    func has(_ flag: String) -> Bool { flags.contains { $0 == flag || $0.hasPrefix(flag + "=") } }

    var status: Int {
      let flag = flags.first { $0 == "R" || $0.hasPrefix("R=") } ?? "R"
      let word = flag.dropFirst(2)
      if word.lowercased() == "permanent" { return 301 }
      let number = NginxQuantity.number(word) ?? 302
      return [301, 302, 303, 307, 308].contains(number) ? number : 302
    }
  }

  mutating func read(_ scope: ApacheScope, _ target: inout Site) {
    read(site.block, &target)
    for section in site.block + site.global
    where ["<directory>", "<location>"].contains(section.name) {
      read(section.block ?? [], &target)
    }
    for statement in scope.all("fallbackresource") {
      readFallback(statement.first, statement, &target)
    }
  }

  private mutating func read(_ statements: [Statement], _ target: inout Site) {
    guard statements.last(where: { $0.name == "rewriteengine" })?.first.lowercased() == "on" else {
      return
    }
    var conditions: [Statement] = []
    for statement in statements {
      switch statement.name {
      case "rewritecond": conditions.append(statement)
      case "rewriterule":
        let flags = statement.argument(2).filter { $0 != "[" && $0 != "]" && $0 != " " }
          .split(separator: ",").map { Self.canonical(String($0)) }
        take(Rule(conditions: conditions, statement: statement, flags: flags), &target)
        conditions = []
      default: break
      }
    }
  }

  private static func canonical(_ flag: String) -> String {
    let parts = flag.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let names = [
      "redirect": "R", "forbidden": "F", "gone": "G", "proxy": "P", "last": "L", "nocase": "NC",
      "qsappend": "QSA", "qsdiscard": "QSD", "noescape": "NE",
    ]
    let name = names[(parts.first ?? "").lowercased()] ?? (parts.first ?? "").uppercased()
    return parts.count > 1 ? "\(name)=\(parts[1])" : name
  }

  // MARK: One rule

  private mutating func take(_ rule: Rule, _ target: inout Site) {
    let statement = rule.statement
    // Challenges are answered before any route.
    let conditions = rule.conditions.filter {
      !($0.argument(1).hasPrefix("!") && $0.argument(1).contains("well-known"))
    }
    if rule.target == "-" { return takeNothing(rule, &target) }
    if conditions.contains(where: { $0.first.uppercased().contains("HTTP:UPGRADE") }) {
      return importer.notes.needless(statement)
    }
    if conditions.contains(where: { ["!-f", "!-d", "!-F"].contains($0.argument(1)) }) {
      return readFallback(rule.target, statement, &target)
    }
    let isURL = rule.target.hasPrefix("http://") || rule.target.hasPrefix("https://")
    if rule.has("P") { return proxy(rule, conditions, &target) }
    guard rule.has("R") || isURL else {
      if rule.target.contains(".php") { programs.append(statement) }
      target.remarks.append(
        Remark(statement, "paths are rewritten by 'strip_prefix' and 'add_prefix' alone"))
      return
    }
    let isAboutScheme = { (condition: Statement) in
      ["HTTPS}", "SERVER_PORT}", "REQUEST_SCHEME}", "X-FORWARDED-PROTO}"].contains {
        condition.first.uppercased().contains($0)
      }
    }
    let rest = conditions.filter { !isAboutScheme($0) }
    if rest.count < conditions.count, rest.isEmpty { return importer.notes.needless(statement) }
    if !rest.isEmpty, rest.allSatisfy({ $0.first.uppercased() == "%{HTTP_HOST}" }) {
      if readHost(rule, rest, &target) { return }
    } else if rest.isEmpty, let claim = redirect(rule, host: nil) {
      claims.append(claim)
      return
    }
    target.remarks.append(
      Remark(statement, "'redirect' of a route leads from a host and a path, and asks no more"))
  }

  private mutating func takeNothing(_ rule: Rule, _ target: inout Site) {
    let statement = rule.statement
    if rule.has("F") || rule.has("G") {
      let status = rule.has("G") ? 410 : 403
      if rule.conditions.isEmpty, let path = path(of: statement.first) {
        claims.append(
          .init(
            path: path, destination: .fixed(.respond(status: status, body: "", type: nil)),
            place: statement.place))
      } else if statement.first.contains("\\.") && statement.first.contains("/\\.") {
        importer.notes.general(
          statement.place,
          "names that begin with a dot are never served from files; an application has to refuse them itself"
        )
      } else {
        importer.notes.danger(
          statement, "write a route for the path with 'respond: { status: 403 }'")
      }
    } else if rule.flags.contains(where: { $0.hasPrefix("E=") }) {
      target.remarks.append(Remark(statement, "'request_headers' tells an application something"))
    } else {
      importer.notes.needless(statement)
    }
  }

  private func path(of expression: String) -> String? {
    guard let pattern = PathPattern(expression),
      pattern.tail != .captured || pattern.coversEverything
    else { return nil }
    return pattern.coversEverything ? "/" : NginxRoutes.routePath(pattern)
  }

  private mutating func readFallback(
    _ name: String, _ statement: Statement, _ target: inout Site
  ) {
    let file = String(name.drop { $0 == "/" }.prefix { $0 != "?" })
    if file.contains(".php") {
      programs.append(statement)
    } else if Acceptable.fileName(file), !file.contains("%") {
      fallback = file
    } else if name != "disabled" {
      target.remarks.append(Remark(statement, "'fallback' of 'files' is one file of the directory"))
    }
  }

  private mutating func proxy(
    _ rule: Rule, _ conditions: [Statement], _ target: inout Site
  ) {
    let statement = rule.statement
    guard conditions.isEmpty, let pattern = PathPattern(statement.first), pattern.tail != .nothing,
      rule.target.hasSuffix("$1") || rule.target.hasSuffix("%{REQUEST_URI}")
    else {
      target.remarks.append(Remark(statement, "'upstream' of a route is for a host and a path"))
      return
    }
    let path = pattern.coversEverything ? "/" : NginxRoutes.routePath(pattern)
    guard let path else { return }
    // `http://127.0.0.1:8000/$1` is the URL that takes the place of the prefix.
    var url = rule.target
    if url.hasSuffix("%{REQUEST_URI}") {
      url = String(url.dropLast(14)) + (path == "/" ? "/" : path)
    } else {
      url = String(url.dropLast(2))
    }
    claims.append(
      .init(
        path: path, destination: .proxy(url, []), place: statement.place, statement: statement))
  }

  // MARK: Redirects

  private static let variables: [(name: String, part: String)] = [
    ("%{REQUEST_SCHEME}://", "https://"), ("%{HTTP_HOST}", "{host}"), ("%{SERVER_NAME}", "{host}"),
    ("%{REQUEST_URI}", "{path}"), ("?%{QUERY_STRING}", "{query}"),
  ]

  /// Where a rule with a redirect leads; `host` takes the place of `%1`.
  private func redirect(_ rule: Rule, host: String?) -> ApacheRoutes.Claim? {
    let statement = rule.statement
    guard let pattern = PathPattern(perServer(statement.first)) else { return nil }
    var text = rule.target
    let hasQuery = text.contains("?") || rule.has("QSD")
    if text.hasSuffix("?") { text.removeLast() }
    if !text.hasPrefix("http"), !text.hasPrefix("/"), !text.hasPrefix("%{REQ") { text = "/" + text }
    let rest = pattern.coversEverything ? "{path}" : "{rest}"
    var parts = Self.variables
    if pattern.tail == .captured {
      // `^(.*)$` has the slash in `$1`, and `^/(.*)$` has not.
      parts.insert(("/$1", rest == "{path}" ? "{path}" : "/{rest}"), at: 0)
      parts.insert(("$1", rest), at: 1)
    }
    if let host { parts.insert(("%1", host), at: 0) }
    guard var target = TargetText.replaced(text, parts) else { return nil }
    if !hasQuery { target += "{query}" }
    let path = pattern.coversEverything ? "/" : NginxRoutes.routePath(pattern)
    guard let path, Acceptable.redirectTarget(target) else { return nil }
    return .init(
      path: path, destination: .fixed(.redirect(to: target, status: rule.status)),
      place: statement.place)
  }

  /// In a directory patterns have no slash in front.
  private func perServer(_ expression: String) -> String {
    let isBare =
      expression.hasPrefix("^")
      && expression.dropFirst().first.map {
        $0.isLetter || $0.isNumber
      } ?? false
    return isBare ? "^/" + expression.dropFirst() : expression
  }

  /// Conditions about the host: one host leads to another.
  private mutating func readHost(
    _ rule: Rule, _ conditions: [Statement], _ target: inout Site
  ) -> Bool {
    guard let pattern = PathPattern(rule.statement.first), pattern.coversEverything else {
      return false
    }
    for condition in conditions where condition.argument(1) != "." {
      let expression = condition.argument(1).lowercased()
      let isNegated = expression.hasPrefix("!")
      let bare = isNegated ? String(expression.dropFirst()) : expression
      if bare.hasPrefix("^www\\.("), !isNegated { return withoutWWW(rule, &target) }
      if bare == "^www\\.", isNegated { return withWWW(rule, &target) }
      let literal = bare.filter { !"^$\\=".contains($0) }
      guard let name = Acceptable.host(literal), let claim = redirect(rule, host: nil),
        case .fixed(.redirect(let to, let status)) = claim.destination
      else { return false }
      let leads = TargetText.host(of: to)
      if isNegated {
        guard leads == name, target.hosts.contains(name) else { return false }
        target.canonicalHost = name
        return true
      }
      if leads ?? name == name {
        importer.notes.needless(rule.statement)
        return true
      }
      if let leads, to.hasSuffix("{path}{query}"), target.hosts.sorted() == [name, leads].sorted() {
        target.canonicalHost = leads
        return true
      }
      target.hosts.removeAll { $0 == name }
      add(name, to, status, rule, target)
    }
    return true
  }

  private mutating func add(
    _ host: String, _ to: String, _ status: Int, _ rule: Rule, _ target: Site
  ) {
    var other = Site(
      hosts: [host], isSecure: target.isSecure, pairs: target.pairs, place: rule.statement.place,
      title: rule.statement.text)
    other.routes = [
      Route(path: "/", destination: .redirect(to: to, status: status), place: rule.statement.place)
    ]
    others.append(other)
  }

  /// `^www\.(.+)$` to `https://%1`.
  private mutating func withoutWWW(_ rule: Rule, _ target: inout Site) -> Bool {
    let prefixed = target.hosts.filter { $0.hasPrefix("www.") }
    guard !prefixed.isEmpty else { return false }
    for host in prefixed {
      let bare = String(host.dropFirst(4))
      guard let claim = redirect(rule, host: bare),
        case .fixed(.redirect(let to, let status)) = claim.destination
      else { return false }
      if target.hosts.sorted() == [bare, host].sorted() {
        target.canonicalHost = bare
        return true
      }
      target.hosts.removeAll { $0 == host }
      add(host, to, status, rule, target)
    }
    return true
  }

  /// `!^www\.` to `https://www.%{HTTP_HOST}`.
  private mutating func withWWW(_ rule: Rule, _ target: inout Site) -> Bool {
    guard rule.target.contains("://www.") else { return false }
    let exact = target.hosts.filter { !$0.contains("*") }
    guard let host = exact.first(where: { $0.hasPrefix("www.") }),
      exact.allSatisfy({ $0 == host || "www." + $0 == host })
    else { return false }
    target.canonicalHost = host
    return true
  }
}
