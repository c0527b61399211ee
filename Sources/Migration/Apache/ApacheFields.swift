/// What `Header`, `RequestHeader` and `Expires…` do to fields of a route.
struct ApacheFields {
  let importer: ApacheImport
  let scope: ApacheScope

  func read(_ route: inout Route, onlyAlways: Bool) {
    for statement in scope.all("header").prefix(SourceFiles.fieldsMax) {
      answer(statement, &route, onlyAlways)
    }
    if onlyAlways { return }
    expires(&route)
    guard route.destination.isUpstream else { return }
    for statement in scope.all("requestheader").prefix(SourceFiles.fieldsMax) {
      request(statement, &route)
    }
    for statement in scope.all("proxypassreversecookiepath", "proxypassreversecookiedomain")
      .prefix(SourceFiles.fieldsMax)
    {
      route.remarks.append(Remark(statement, "paths and domains of cookies stay as they are"))
    }
  }

  private static let advice = "'response_headers' takes fixed text, and no field of one hop"

  private func answer(_ statement: Statement, _ route: inout Route, _ onlyAlways: Bool) {
    var words = statement.arguments
    let isAlways = words.first?.lowercased() == "always"
    if isAlways || words.first?.lowercased() == "onsuccess" { words.removeFirst() }
    if onlyAlways, !isAlways { return }
    guard words.count >= 2 else { return }
    let (action, name) = (words[0].lowercased(), words[1])
    let value = words.count > 2 ? words[2] : ""
    if words.dropFirst(3).contains(where: { $0.hasPrefix("env=") || $0.hasPrefix("expr=") }) {
      route.remarks.append(Remark(statement, "fields are set for each answer of a route"))
      return
    }
    if name.lowercased() == "set-cookie", action.hasPrefix("edit") {
      return cookies(statement, value, words.count > 3 ? words[3] : "", &route)
    }
    if action == "unset" {
      // Apache sends the field of a file that way; here `remove` is for what an application sent.
      guard Acceptable.fieldName(name, isRequest: false) else { return }
      if !route.keys.responseRemove.contains(name) { route.keys.responseRemove.append(name) }
      return
    }
    guard ["set", "add", "append", "merge", "setifempty"].contains(action),
      !value.contains("%{"), !value.contains("expr="), Acceptable.fieldName(name, isRequest: false),
      Acceptable.fieldValue(value)
    else {
      route.remarks.append(Remark(statement, Self.advice))
      return
    }
    set(action, name, value, statement, &route)
  }

  private func set(
    _ action: String, _ name: String, _ value: String, _ statement: Statement,
    _ route: inout Route
  ) {
    let lower = name.lowercased()
    if lower == "strict-transport-security" {
      return FieldLine.setTransport(value, statement, &route)
    }
    if lower == "cache-control", case .files(var files) = route.destination {
      files.cacheControl =
        action == "set" ? value : FieldLine.joined(files.cacheControl, value)
      route.destination = .files(files)
      return
    }
    let field = RouteKeys.Field(name: name, value: value)
    if action == "set" || action == "setifempty" {
      route.keys.responseAdd.removeAll { $0.name.lowercased() == lower }
      FieldLine.replace(field, in: &route.keys.responseSet)
    } else {
      FieldLine.append(field, to: &route.keys.responseAdd)
    }
  }

  /// Reads `Header edit Set-Cookie ^(.*)$ $1;HttpOnly;Secure`.
  private func cookies(
    _ statement: Statement, _ pattern: String, _ replacement: String, _ route: inout Route
  ) {
    guard ["^(.*)$", "(.*)", "^(.+)$"].contains(pattern), replacement.hasPrefix("$1"),
      let attributes = FieldLine.cookieAttributes(String(replacement.dropFirst(2)))
    else {
      route.remarks.append(
        Remark(statement, "'set_cookie: [HttpOnly, Secure]' adds attributes to cookies"))
      return
    }
    for attribute in attributes {
      let kind = attribute.prefix { $0 != "=" }
      route.keys.setCookie.removeAll { $0.prefix { $0 != "=" } == kind }
      route.keys.setCookie.append(attribute)
    }
  }

  private func request(_ statement: Statement, _ route: inout Route) {
    let words = statement.arguments
    guard words.count >= 2 else { return }
    let (action, name) = (words[0].lowercased(), words[1])
    if Acceptable.isForwarded(name) { return }
    if action == "unset" {
      if Acceptable.fieldName(name, isRequest: true), !route.keys.requestRemove.contains(name) {
        route.keys.requestRemove.append(name)
      }
      return
    }
    let value = words.count > 2 ? words[2] : ""
    guard ["set", "add", "append", "setifempty"].contains(action), !value.contains("%{"),
      !words.dropFirst(3).contains(where: { $0.hasPrefix("env=") || $0.hasPrefix("expr=") }),
      Acceptable.fieldName(name, isRequest: true), Acceptable.fieldValue(value)
    else {
      let isClient = value.contains("SSL_CLIENT")
      route.remarks.append(
        Remark(
          statement,
          isClient
            ? "with 'client_certificates' the application gets X-Client-Verify and X-Client-DN"
            : "'request_headers' takes fixed text; X-Forwarded-For, -Proto and -Host are sent by themselves"
        ))
      return
    }
    FieldLine.replace(.init(name: name, value: value), in: &route.keys.requestSet)
  }

  // MARK: Expires

  private func expires(_ route: inout Route) {
    guard scope.isOn("expiresactive") else { return }
    for statement in scope.all("expiresbytype").prefix(SourceFiles.fieldsMax) {
      route.remarks.append(
        Remark(statement, "'files: { cache_control: max-age=86400 }' is for all files of a path"))
    }
    guard let statement = scope.last("expiresdefault"),
      let seconds = Self.seconds(statement.arguments.joined(separator: " "))
    else { return }
    let value = "max-age=\(seconds)"
    switch route.destination {
    case .files(var files):
      files.cacheControl = files.cacheControl ?? value
      route.destination = .files(files)
    case .upstream:
      FieldLine.replace(.init(name: "Cache-Control", value: value), in: &route.keys.responseSet)
    case .redirect, .respond: break
    }
  }

  /// `access plus 1 month 2 days`, or `A3600`; at most a hundred years.
  static func seconds(_ text: String) -> Int? {
    if text.hasPrefix("A"), let number = NginxQuantity.number(text.dropFirst()) {
      return min(number, 3_155_760_000)
    }
    var words = text.lowercased().split(separator: " ")[...]
    guard let base = words.popFirst(), base == "access" || base == "now" else { return nil }
    if words.first == "plus" { words = words.dropFirst() }
    let units = [
      "year": 31_536_000, "month": 2_592_000, "week": 604_800, "day": 86_400, "hour": 3600,
      "minute": 60, "second": 1,
    ]
    var total = 0
    while let count = words.popFirst(), let unit = words.popFirst() {
      let name = unit.hasSuffix("s") ? unit.dropLast() : unit
      guard let number = NginxQuantity.number(count), let factor = units[String(name)] else {
        return nil
      }
      total = min(total + min(number, 100_000_000) * factor, 3_155_760_000)
    }
    return total
  }
}
