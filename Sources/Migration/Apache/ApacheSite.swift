/// Makes a site of a virtual host.
struct ApacheSite {
  let importer: ApacheImport
  let host: Statement
  /// What stands outside of virtual hosts.
  let global: [Statement]
  let block: [Statement]
  let scope: ApacheScope

  init(importer: ApacheImport, host: Statement, global: DirectiveLevel) {
    self.importer = importer
    self.host = host
    self.global = global.statements
    block = host.block ?? []
    scope = ApacheScope([global, DirectiveLevel(block)])
  }

  var isSecure: Bool {
    if let engine = scope.last("sslengine") { return engine.first.lowercased() == "on" }
    return host.arguments.contains { $0.hasSuffix(":443") }
  }

  /// The site, and one for each host that is redirected by itself.
  func sites() -> [Site] {
    var site = Site(
      hosts: [], isSecure: isSecure, place: host.place, title: Plain.shortened(title, 90))
    readNames(&site)
    importer.review(block, &site.remarks)
    for statement in block { importer.readShared(statement) }
    readPair(&site)
    var rewriting = ApacheRewriting(importer: importer, site: self)
    rewriting.read(scope, &site)
    readErrors(&site)
    if site.hosts.isEmpty {
      importer.notes.general(
        host.place, "this virtual host has no name that can be routed here, so it is left out")
      return rewriting.others
    }
    var routes = ApacheRoutes(importer: importer, site: self, name: name(of: site.hosts))
    routes.claimed = rewriting.claims
    routes.fallback = rewriting.fallback
    routes.programs = rewriting.programs
    site.routes = routes.routes(&site.remarks)
    return [site] + rewriting.others
  }

  private var title: String {
    let names = block.filter { ["servername", "serveralias"].contains($0.name) }
      .flatMap(\.arguments)
    return "VirtualHost \(host.arguments.joined(separator: " ")) \(names.joined(separator: " "))"
  }

  private func name(of hosts: [String]) -> String {
    let host = hosts.first { !$0.contains("*") } ?? hosts.first { $0 != "*" } ?? "app"
    let labels = host.split(separator: ".").filter { $0 != "*" && $0 != "www" }
    return labels.first.map(String.init) ?? "app"
  }

  // MARK: Names

  private func readNames(_ site: inout Site) {
    let names = (host.arguments.isEmpty ? global : block).filter {
      ["servername", "serveralias"].contains($0.name)
    }
    for statement in names {
      if statement.arguments.count > Site.hostsMax {
        site.remarks.append(Remark(statement, "only \(Site.hostsMax) names of a site are taken"))
      }
      for name in statement.arguments.prefix(Site.hostsMax) { readName(name, statement, &site) }
    }
    if names.isEmpty { site.hosts = ["*"] }
  }

  private func readName(_ name: String, _ statement: Statement, _ site: inout Site) {
    var name = name
    if let range = name.firstRange(of: "://") { name = String(name[range.upperBound...]) }
    name = String(name.prefix { $0 != ":" && $0 != "/" })
    if name == "*" {
      if !site.hosts.contains("*") { site.hosts.append("*") }
      return
    }
    guard let host = Acceptable.host(name) else {
      site.remarks.append(
        Remark(
          statement,
          "'\(Plain.shortened(name, 40))' is no name that can be routed; write exact names"))
      return
    }
    if host.hasPrefix("*.") {
      importer.notes.general(
        statement.place, "'*' stands for one label: a.example.org, and not a.b.example.org")
    }
    if site.hosts.count < Site.hostsMax, !site.hosts.contains(host) { site.hosts.append(host) }
  }

  private func readPair(_ site: inout Site) {
    guard isSecure, let certificate = scope.last("sslcertificatefile") else { return }
    let key = scope.last("sslcertificatekeyfile") ?? certificate
    let pair = CertificatePair(
      certificate: importer.files.absolute(certificate.first),
      key: importer.files.absolute(key.first))
    guard Acceptable.file(pair.certificate), Acceptable.file(pair.key) else {
      site.remarks.append(Remark(certificate, "a path of a file is taken here"))
      return
    }
    site.pairs = [pair]
    if let chain = scope.last("sslcertificatechainfile") {
      site.remarks.append(
        Remark(chain, "fullchain.pem has the certificate and then this chain, in one file"))
    }
  }

  // MARK: Pages of errors

  private func readErrors(_ site: inout Site) {
    for statement in scope.all("errordocument") {
      guard let status = NginxQuantity.number(statement.first), (400...599).contains(status) else {
        continue
      }
      let text = statement.arguments.dropFirst().joined(separator: " ")
      guard text.hasPrefix("/") else {
        let isURL = text.hasPrefix("http://") || text.hasPrefix("https://")
        site.remarks.append(
          Remark(
            statement,
            isURL
              ? "an error is answered with a page, and never with a redirect"
              : "write the text into a file, such as /etc/edgeproxy/\(status).txt, and name it:"
                + " error_pages: { \(status): /etc/edgeproxy/\(status).txt }"))
        continue
      }
      if let path = errorFile(text) {
        if importer.imported.errorPages[status] == nil {
          importer.imported.errorPages[status] = path
        }
        importer.notes.general(
          statement.place,
          "'error_pages' is for all sites, and for this server's own answers: what applications answer is"
            + " passed on")
      } else {
        site.remarks.append(
          Remark(statement, "'error_pages: { \(status): FILE }' takes a file of at most 64 KiB"))
      }
    }
    if scope.isOn("proxyerroroverride"), let statement = scope.last("proxyerroroverride") {
      site.remarks.append(
        Remark(
          statement, "what the application answers with an error status reaches the client as it is"
        ))
    }
  }

  private func errorFile(_ uri: String) -> String? {
    var path: String?
    for alias in scope.all("alias") where uri.hasPrefix(alias.first) && !alias.first.isEmpty {
      path = alias.argument(1) + uri.dropFirst(alias.first.count)
    }
    if path == nil, let root = scope.last("documentroot") {
      path = importer.files.absolute(root.first) + uri
    }
    guard let path, Acceptable.file(path),
      let bytes = try? importer.files.source.read(path, 1 << 16), bytes.count <= 1 << 16
    else { return nil }
    return path
  }
}
