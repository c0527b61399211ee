/// Makes a site of a `server` block.
struct NginxSite {
  let importer: NginxImport
  let server: Statement
  let block: [Statement]
  let scope: NginxScope
  /// The locations by their path, without their modifier.
  let locations: [String: Statement]
  /// The methods that a condition of the server's lets through; `nil` for all.
  let methods: [String]?
  /// The pages of `error_page`.
  private let pages: Set<String>

  init(importer: NginxImport, server: Statement, outer: NginxScope) {
    self.importer = importer
    self.server = server
    block = server.block ?? []
    scope = outer.within(block)
    locations = Dictionary(
      scope.allOwn("location").map { (NginxRoutes.words($0).uri, $0) },
      uniquingKeysWith: { first, _ in first })
    methods =
      scope.allOwn("if").lazy.map { $0.arguments.joined(separator: " ") }
      .filter { $0.contains("$request_method") }.compactMap(Self.methods).first
    pages = Set(scope.nearest("error_page").map(\.last))
  }

  /// The site, and one for each host that is redirected by itself; none where no name can be routed.
  func sites() -> [Site] {
    let listening = importer.listen(server)
    let names = scope.allOwn("server_name")
    var site = Site(
      hosts: [], isSecure: listening.isSecure, place: server.place,
      title: "server \(Plain.shortened(names.flatMap(\.arguments).joined(separator: " "), 60))")
    site.remarks = listening.remarks
    for statement in names { readNames(statement, &site) }
    // A server without a name is for those that have no other.
    let isNameless = names.flatMap(\.arguments).allSatisfy { ["", "_"].contains($0) }
    if listening.isDefault || isNameless, !site.hosts.contains("*") { site.hosts.append("*") }
    importer.review(block, &site.remarks)
    if let statement = scope.own("ssl_protocols") { importer.readProtocols(statement) }
    for statement in block where ["access_log", "map"].contains(statement.name) {
      importer.readLog(statement)
    }
    readPairs(&site)
    var others: [Site] = []
    readConditions(&site, &others)
    readErrorPages(scope, &site)
    if site.hosts.isEmpty {
      importer.notes.general(
        server.place, "this server has no name that can be routed here, so it is left out")
      return others
    }
    site.routes = NginxRoutes(importer: importer, site: self, hosts: site.hosts).routes(
      &site.remarks)
    return [site] + others
  }

  private func readNames(_ statement: Statement, _ site: inout Site) {
    let names = statement.arguments.filter { $0 != "_" && !$0.isEmpty }
    if names.count > Site.hostsMax {
      site.remarks.append(Remark(statement, "only \(Site.hostsMax) names of a site are taken"))
    }
    for name in names.prefix(Site.hostsMax) {
      if name.hasPrefix("."), let host = Acceptable.host(String(name.dropFirst())) {
        add(host, &site)
        add("*." + host, &site)
        oneLabel(statement)
      } else if let host = Acceptable.host(name) {
        if host.hasPrefix("*.") { oneLabel(statement) }
        add(host, &site)
      } else {
        site.remarks.append(
          Remark(
            statement,
            "'\(Plain.shortened(name, 40))' is no name that can be routed; write exact names"))
      }
    }
  }

  private func add(_ host: String, _ site: inout Site) {
    if site.hosts.count < Site.hostsMax, !site.hosts.contains(host) { site.hosts.append(host) }
  }

  private func oneLabel(_ statement: Statement) {
    importer.notes.general(
      statement.place, "'*' stands for one label: a.example.org, and not a.b.example.org")
  }

  private func readPairs(_ site: inout Site) {
    let certificates = scope.nearest("ssl_certificate")
    let keys = scope.nearest("ssl_certificate_key")
    guard site.isSecure else { return }
    for (certificate, key) in zip(certificates, keys) {
      let pair = CertificatePair(
        certificate: importer.files.absolute(certificate.first),
        key: importer.files.absolute(key.first))
      if Acceptable.file(pair.certificate), Acceptable.file(pair.key) {
        site.pairs.append(pair)
      } else {
        site.remarks.append(Remark(certificate, "a path of a file is taken here"))
      }
    }
  }

  // MARK: Conditions

  private func readConditions(_ site: inout Site, _ others: inout [Site]) {
    for statement in block where statement.name == "if" {
      let condition = statement.arguments.joined(separator: " ")
      let action = (statement.block ?? []).first { ["return", "rewrite"].contains($0.name) }
      if isAboutScheme(condition) {
        importer.notes.needless(statement)
        continue
      }
      if let action, readHost(condition, action, statement, &site, &others) { continue }
      if condition.contains("$request_method"), let code = action?.first, code.hasPrefix("4") {
        if Self.methods(condition) == nil {
          importer.notes.danger(statement, "'methods: [GET, POST]' of a route says which are taken")
        }
        continue
      }
      if let code = action?.first, code.hasPrefix("4") {
        importer.notes.danger(
          statement, "there are no conditions but host, path, methods and match")
      } else {
        site.remarks.append(
          Remark(statement, "there are no conditions here but host, path, methods and match"))
      }
    }
  }

  private func isAboutScheme(_ condition: String) -> Bool {
    ["$scheme", "$https", "$server_port", "$http_x_forwarded_proto", "$ssl_protocol"]
      .contains { condition.contains($0) }
  }

  /// The methods that a condition such as `($request_method !~ ^(GET|HEAD)$)` lets through.
  static func methods(_ condition: String) -> [String]? {
    guard condition.contains("!~"), let open = condition.lastIndex(of: "("),
      let close = condition[open...].firstIndex(of: ")")
    else { return nil }
    let words = condition[condition.index(after: open)..<close].split(separator: "|")
      .map { $0.uppercased() }
    let known: Set<String> = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
    return !words.isEmpty && words.allSatisfy(known.contains) ? words : nil
  }

  /// `if ($host = www.example.org) { return 301 https://example.org$request_uri; }` and its negation.
  private func readHost(
    _ condition: String, _ action: Statement, _ statement: Statement, _ site: inout Site,
    _ others: inout [Site]
  ) -> Bool {
    let words = condition.filter { !"()\"'".contains($0) }.split(separator: " ").map(String.init)
    guard words.count == 3, ["$host", "$http_host"].contains(words[0]),
      let name = Acceptable.host(
        words[2].filter { !"^$\\".contains($0) }),
      case .redirect(let target, let status)? = NginxTarget(site: self).destination(action)
    else { return false }
    let isSame = words[1] == "=" || words[1] == "~" || words[1] == "~*"
    if isSame, TargetText.host(of: target) ?? name == name {
      // certbot's way to send a host to https.
      importer.notes.needless(statement)
      return true
    }
    if isSame, let other = TargetText.host(of: target), target.hasSuffix("{path}{query}"),
      site.hosts.sorted() == [name, other].sorted()
    {
      site.canonicalHost = other
      return true
    }
    if isSame {
      site.hosts.removeAll { $0 == name }
      var other = Site(
        hosts: [name], isSecure: site.isSecure, pairs: site.pairs, place: statement.place,
        title: statement.text)
      other.routes = [
        Route(
          path: "/", destination: .redirect(to: target, status: status), place: statement.place)
      ]
      others.append(other)
      return true
    }
    guard words[1].hasPrefix("!"), TargetText.host(of: target) == name, site.hosts.contains(name),
      target.hasSuffix("{path}{query}")
    else { return false }
    site.canonicalHost = name
    return true
  }

  // MARK: Pages of errors

  /// `error_page 502 503 /50x.html` as the file that it means.
  func readErrorPages(_ scope: NginxScope, _ site: inout Site) {
    for statement in scope.nearest("error_page") {
      let words = statement.arguments
      guard words.count > 1, let uri = words.last, let path = errorFile(uri, scope) else {
        site.remarks.append(
          Remark(statement, "'error_pages: { 503: FILE }' at the top takes files of at most 64 KiB")
        )
        continue
      }
      for code in words.dropLast() {
        guard let status = NginxQuantity.number(code), (400...599).contains(status),
          importer.imported.errorPages[status] == nil
        else { continue }
        importer.imported.errorPages[status] = path
      }
      importer.notes.general(
        statement.place,
        "'error_pages' is for all sites, and for this server's own answers: what applications answer is passed on"
      )
    }
  }

  private func errorFile(_ uri: String, _ scope: NginxScope) -> String? {
    guard uri.hasPrefix("/"), Acceptable.path(uri) != nil else { return nil }
    let location = locations[uri]
    let inner = location.map { scope.within($0.block ?? []) } ?? scope
    guard let root = inner.last("root")?.first else { return nil }
    let path = importer.files.absolute(root) + uri
    guard Acceptable.file(path), let bytes = try? importer.files.source.read(path, 1 << 16) else {
      return nil
    }
    return bytes.count <= 1 << 16 ? path : nil
  }

  /// Whether a location is there only for a page of `error_page`.
  func isErrorPage(_ uri: String) -> Bool {
    pages.contains(uri)
  }
}
