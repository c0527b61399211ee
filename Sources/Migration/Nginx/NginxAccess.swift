/// Who is let in at a location.
struct NginxAccess {
  let scope: NginxScope

  private var lines: [Statement] { scope.nearest("allow", "deny") }

  private var password: Statement? {
    scope.last("auth_basic").flatMap { $0.first == "off" ? nil : $0 }
  }

  /// Whether somebody is kept out.
  var isRestricting: Bool {
    lines.contains { $0.name == "deny" } || password != nil
      || scope.last("auth_request").map { $0.first != "off" } ?? false
  }

  func read(_ importer: NginxImport, _ site: NginxSite, _ name: String, _ route: inout Route) {
    addresses(importer, &route)
    passwords(importer, &route)
    forward(importer, site, name, &route)
    clients(importer, &route)
    if scope.last("satisfy")?.first == "any", let statement = scope.last("satisfy"), isRestricting {
      route.remarks.append(
        Remark(statement, "here a client has to pass all of them: the address and the password"))
    }
  }

  private func addresses(_ importer: NginxImport, _ route: inout Route) {
    let lines = lines
    guard let first = lines.first else { return }
    guard let (allow, deny) = importer.lists(lines, from: first.place) else {
      route.remarks.append(
        Remark(first, "closed: no 'allow' and 'deny' say the same as these lines in their order"))
      return route.keys.close()
    }
    (route.keys.allow, route.keys.deny) = (allow, deny)
  }

  private func passwords(_ importer: NginxImport, _ route: inout Route) {
    guard let statement = password else { return }
    guard let file = scope.last("auth_basic_user_file") else {
      route.remarks.append(
        Remark(statement, "closed: no 'auth_basic_user_file' names the passwords"))
      return route.keys.close()
    }
    let path = importer.files.absolute(file.first)
    guard Acceptable.file(path) else {
      route.remarks.append(Remark(file, "closed: this is no path of a file"))
      return route.keys.close()
    }
    route.keys.password = .init(file: path, realm: Realm.clean(statement.first))
    importer.notes.general(file.place, Realm.advice)
  }

  private func clients(_ importer: NginxImport, _ route: inout Route) {
    guard let statement = scope.last("ssl_verify_client"), statement.first != "off" else { return }
    let file = scope.last("ssl_client_certificate").map { importer.files.absolute($0.first) }
    guard let file, Acceptable.file(file), statement.first != "optional_no_ca" else {
      route.remarks.append(
        Remark(statement, "closed: 'client_certificates' needs the file of a CA"))
      return route.keys.close()
    }
    route.keys.clients = .init(authorities: file, isRequired: statement.first == "on")
  }

  private func forward(
    _ importer: NginxImport, _ site: NginxSite, _ name: String, _ route: inout Route
  ) {
    guard let statement = scope.last("auth_request"), statement.first != "off" else { return }
    let uri = statement.first
    let location = site.locations[uri]
    let inner = location.map { site.scope.within($0.block ?? []) }
    guard let inner, let pass = inner.own("proxy_pass"),
      let found = NginxUpstreams(importer: importer, scope: inner, name: "auth").upstream(pass),
      let path = Acceptable.path(found.uri ?? uri)
    else {
      route.remarks.append(Remark(statement, "closed: 'forward_auth' needs an upstream to ask"))
      return route.keys.close()
    }
    var forward = RouteKeys.Forward(upstream: found.name, path: path)
    forward.copied = copied
    route.keys.forward = forward
  }

  /// `auth_request_set $user $upstream_http_x_user` with `proxy_set_header X-User $user`.
  private var copied: [String] {
    var names: [String] = []
    for set in scope.nearest("auth_request_set").prefix(SourceFiles.fieldsMax) {
      let source = set.argument(1)
      guard source.hasPrefix("$upstream_http_") else { continue }
      for field in scope.nearest("proxy_set_header") where field.argument(1) == set.first {
        let variable = field.first.lowercased().replacing("-", with: "_")
        if source == "$upstream_http_\(variable)",
          Acceptable.fieldName(field.first, isRequest: true),
          !names.contains(field.first)
        {
          names.append(field.first)
        }
      }
    }
    return names
  }
}

/// What a browser shows when it asks for a password.
enum Realm {
  static let advice =
    "passwords are bcrypt or SHA-512 (htpasswd -B, mkpasswd -m sha512crypt); lines of another kind let nobody in"

  /// Visible ASCII without quotation marks, at most 100 of it.
  static func clean(_ text: String) -> String {
    let bytes = text.utf8.filter { (0x20..<0x7F).contains($0) && $0 != 0x22 && $0 != 0x5C }
    let words = String(decoding: bytes, as: UTF8.self).split(separator: " ").joined(separator: " ")
    let realm = String(words.prefix(100).filter { !"${}".contains($0) })
    return realm.contains { $0 != " " } ? String(realm.drop { $0 == " " }) : "Restricted"
  }
}
