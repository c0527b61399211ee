/// What a location does to fields.
struct NginxFields {
  let importer: NginxImport
  let scope: NginxScope

  func read(_ route: inout Route) {
    for statement in scope.nearest("add_header").prefix(SourceFiles.fieldsMax) {
      answer(statement, &route)
    }
    expires(&route)
    guard route.destination.isUpstream else { return }
    for statement in scope.nearest("proxy_hide_header", "uwsgi_hide_header").prefix(
      SourceFiles.fieldsMax)
    where Acceptable.fieldName(statement.first, isRequest: false) {
      route.keys.responseRemove.append(statement.first)
    }
    for statement in scope.nearest("proxy_cookie_path", "proxy_cookie_flags")
      .prefix(SourceFiles.fieldsMax)
    {
      cookies(statement, &route)
    }
    request(&route)
  }

  private func answer(_ statement: Statement, _ route: inout Route) {
    let (name, value) = (statement.first, statement.argument(1))
    if name.lowercased() == "strict-transport-security" {
      return FieldLine.setTransport(value, statement, &route)
    }
    if name.lowercased() == "alt-svc" {
      route.remarks.append(Remark(statement, "HTTP/3 is not served"))
      return
    }
    guard !value.contains("$"), Acceptable.fieldName(name, isRequest: false),
      Acceptable.fieldValue(value)
    else {
      route.remarks.append(
        Remark(statement, "'response_headers' takes fixed text, and no field of one hop"))
      return
    }
    if name.lowercased() == "cache-control", case .files(var files) = route.destination {
      files.cacheControl = FieldLine.joined(files.cacheControl, value)
      route.destination = .files(files)
      return
    }
    FieldLine.append(.init(name: name, value: value), to: &route.keys.responseAdd)
  }

  private func expires(_ route: inout Route) {
    guard let statement = scope.last("expires"), let value = Self.cacheControl(statement) else {
      return
    }
    switch route.destination {
    case .files(var files):
      files.cacheControl = files.cacheControl.map { FieldLine.joined(value, $0) } ?? value
      route.destination = .files(files)
    case .upstream:
      FieldLine.replace(.init(name: "Cache-Control", value: value), in: &route.keys.responseSet)
    case .redirect, .respond: break
    }
  }

  private static func cacheControl(_ statement: Statement) -> String? {
    let text = statement.last
    switch text {
    case "off": return nil
    case "max": return "max-age=315360000"
    case "epoch": return "no-cache"
    default:
      if text.hasPrefix("-") { return "no-cache" }
      guard let milliseconds = NginxQuantity.milliseconds(text) else { return nil }
      return "max-age=\(milliseconds / 1000)"
    }
  }

  private func cookies(_ statement: Statement, _ route: inout Route) {
    // `proxy_cookie_path / "/; HttpOnly; Secure"` and `proxy_cookie_flags ~ httponly secure`.
    let words = statement.arguments.dropFirst()
    let text = words.joined(separator: ";")
    let isPath = statement.name == "proxy_cookie_path"
    let added =
      isPath && statement.first == "/" && text.hasPrefix("/") ? String(text.dropFirst()) : text
    guard !isPath || statement.first == "/",
      statement.name != "proxy_cookie_flags" || statement.first == "~",
      let attributes = FieldLine.cookieAttributes(added)
    else {
      route.remarks.append(
        Remark(
          statement, "'set_cookie: [HttpOnly, Secure]' adds attributes; paths stay as they are"))
      return
    }
    route.keys.setCookie = attributes
  }

  private func request(_ route: inout Route) {
    var keepsHost = false
    for statement in scope.nearest("proxy_set_header").prefix(SourceFiles.fieldsMax) {
      let (name, value) = (statement.first, statement.argument(1))
      if name.lowercased() == "host" {
        keepsHost = true
        if !["$host", "$http_host", "$host:$server_port", "$host:$server_port"].contains(value) {
          route.remarks.append(
            Remark(statement, "the application gets the Host that the client sent"))
        }
        continue
      }
      if Acceptable.isForwarded(name) || value == "$\("http_")\(Self.variable(name))" { continue }
      if value.isEmpty {
        if Acceptable.fieldName(name, isRequest: true) { route.keys.requestRemove.append(name) }
        continue
      }
      let isCopied = route.keys.forward?.copied.contains { $0.lowercased() == name.lowercased() }
      if isCopied == true { continue }
      guard !value.contains("$"), Acceptable.fieldName(name, isRequest: true),
        Acceptable.fieldValue(value)
      else {
        let isClient = value.hasPrefix("$ssl_client")
        route.remarks.append(
          Remark(
            statement,
            isClient
              ? "with 'client_certificates' the application gets X-Client-Verify and X-Client-DN"
              : "'request_headers' takes fixed text; X-Forwarded-For, -Proto and -Host are sent by themselves"
          ))
        continue
      }
      FieldLine.replace(.init(name: name, value: value), in: &route.keys.requestSet)
    }
    let pass = scope.own("proxy_pass")
    if let pass, !keepsHost {
      importer.notes.general(
        pass.place, "the application gets the Host that the client sent, not that of proxy_pass")
    }
    if let statement = scope.own("proxy_redirect"), !["off", "default"].contains(statement.first) {
      route.remarks.append(
        Remark(
          statement, "Location fields are passed on as they are; the application gets X-Forwarded-*"
        ))
    }
    for statement in scope.allOwn("uwsgi_param") {
      if Self.isUsual(statement) { continue }
      route.remarks.append(
        Remark(statement, "'request_headers: { set: { X-NAME: … } }' arrives as HTTP_X_NAME"))
    }
  }

  private static func variable(_ name: String) -> String {
    name.lowercased().replacing("-", with: "_")
  }

  /// What `uwsgi_params` has, and what is sent by itself.
  private static func isUsual(_ statement: Statement) -> Bool {
    [
      "QUERY_STRING", "REQUEST_METHOD", "CONTENT_TYPE", "CONTENT_LENGTH", "REQUEST_URI",
      "PATH_INFO",
      "DOCUMENT_ROOT", "SERVER_PROTOCOL", "REQUEST_SCHEME", "HTTPS", "REMOTE_ADDR", "REMOTE_PORT",
      "SERVER_PORT", "SERVER_NAME", "UWSGI_SCHEME", "Host", "X-Real-IP", "X-Forwarded-For",
      "X-Forwarded-Proto", "HTTP_HOST", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO",
    ].contains(statement.first)
  }

  /// Whether answers are compressed, where that is not what all sites have.
  static func compression(_ scope: NginxScope, _ importer: NginxImport) -> Bool? {
    guard let statement = scope.last("gzip") ?? scope.last("brotli") else { return nil }
    let isOn = statement.first == "on"
    return isOn == (importer.imported.compress != nil) ? nil : isOn
  }
}
