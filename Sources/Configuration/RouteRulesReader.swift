internal import HTTPCore

/// Reads what a route does to fields: its own lines, cookies, HSTS, CORS.
struct RouteRulesReader {
  let context: ReadingContext

  /// `nil` for a route that leaves everything as it is.
  func read(_ route: Section) -> RouteRules? {
    let request = rules("request_headers", route, isRequest: true)
    let response = rules("response_headers", route, isRequest: false)
    let cookies = cookies(route)
    let policy = route.optionalSection("hsts").map(strictTransport)
    let crossOrigin = CrossOriginReader(context: context).read(route)
    if request == nil, response == nil, cookies == nil, policy == nil, crossOrigin == nil {
      return nil
    }
    return RouteRules(
      request: request, response: response, cookies: cookies, strictTransport: policy,
      crossOrigin: crossOrigin)
  }

  // MARK: Fields

  private func rules(_ key: String, _ route: Section, isRequest: Bool) -> FieldRules? {
    guard let section = route.optionalSection(key) else { return nil }
    var rules = FieldRules()
    rules.set = fields("set", section, isRequest)
    rules.add = fields("add", section, isRequest)
    rules.remove = section.texts("remove", "field names").compactMap { name, position in
      isGood(name, position, isRequest) ? Array(name.utf8) : nil
    }
    return rules.isEmpty ? nil : rules
  }

  private func fields(
    _ key: String, _ section: Section, _ isRequest: Bool
  ) -> [FieldRules.Field] {
    let (_, value) = section.take(key)
    return section.entries(of: value, key).compactMap { entry in
      guard isGood(entry.key, entry.keyPosition, isRequest),
        let text = context.text(entry.value, entry.key, "text")
      else { return nil }
      guard FieldText.isValue(text) else {
        context.findings.error(
          entry.value.position, "'\(Found.shortened(entry.key))' must be ASCII text")
        return nil
      }
      return FieldRules.Field(name: Array(entry.key.utf8), value: Array(text.utf8))
    }
  }

  private func isGood(_ name: String, _ position: Position, _ isRequest: Bool) -> Bool {
    let reason =
      FieldText.isName(name)
      ? FieldText.refusal(of: name, isRequest: isRequest)
      : "a name has letters, digits and '-'"
    guard let reason else { return true }
    context.findings.error(position, "no rule for field '\(Found.shortened(name))': \(reason)")
    return false
  }

  // MARK: Cookies

  private static let attributes =
    ["HttpOnly", "Secure"] + CookieAttributes.SameSite.allCases.map { "SameSite=\($0.rawValue)" }

  private func cookies(_ route: Section) -> CookieAttributes? {
    var attributes = CookieAttributes()
    for (text, position) in route.texts("set_cookie", "attributes") {
      switch Self.attributes.first(where: { $0.lowercased() == text.lowercased() }) {
      case "HttpOnly": attributes.httpOnly = true
      case "Secure": attributes.secure = true
      case .some(let found):
        attributes.sameSite = CookieAttributes.SameSite(rawValue: String(found.dropFirst(9)))
      case nil:
        context.findings.error(
          position,
          "'set_cookie' must be a list of \(Found.alternatives(Self.attributes)), found"
            + " '\(Found.shortened(text))'\(Suggestion.text(for: text, among: Self.attributes))")
      }
    }
    if attributes.sameSite == .some(.none), !attributes.secure {
      context.findings.warning(
        route.position(of: "set_cookie"), "browsers refuse SameSite=None without Secure")
    }
    return attributes.isEmpty ? nil : attributes
  }

  // MARK: HSTS

  /// RFC 6797 §6.1; `preload` is the word of https://hstspreload.org.
  private func strictTransport(_ section: Section) -> [UInt8] {
    let age = section.duration("max_age")
    var text = "max-age=\(age.components.seconds)"
    let (subdomains, preload) = (section.flag("include_subdomains"), section.flag("preload"))
    if subdomains { text += "; includeSubDomains" }
    if preload { text += "; preload" }
    if preload, !subdomains || age < .hours(365 * 24) {
      context.findings.error(
        section.position(of: "preload"),
        "'preload' needs 'include_subdomains: true' and a 'max_age' of at least 8760h")
    }
    return Array(text.utf8)
  }
}

/// Names and values of fields as an operator may write them.
enum FieldText {
  private static let nameBytesMax = 256

  static func isName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= nameBytesMax
      && text.utf8.allSatisfy { ASCII.isToken($0) && $0 != UInt8(ascii: "_") }
  }

  static func isToken(_ text: String) -> Bool {
    (1...nameBytesMax).contains(text.utf8.count) && text.utf8.allSatisfy(ASCII.isToken)
  }

  static func isTokenByte(_ byte: UInt8) -> Bool { ASCII.isToken(byte) }

  /// Visible ASCII, spaces between.
  static func isValue(_ text: String) -> Bool {
    text.utf8.allSatisfy { (0x20..<0x7f).contains($0) } && !text.hasPrefix(" ")
      && !text.hasSuffix(" ")
  }

  /// Why a field is not an operator's to change; `nil` for one that is.
  static func refusal(of name: String, isRequest: Bool) -> String? {
    let known = FieldName(Array(name.utf8).span)
    if known.isHopByHop || known == .contentLength { return "it belongs to one hop" }
    if !isRequest {
      return known == .serverInstruction ? "it never leaves this server" : nil
    }
    switch known {
    case .host: return "requests are routed by it"
    case .forwarded, .xForwarded, .xRealIP, .xRequestID: return "this server writes it"
    case .proxy, .expect: return "it is never passed on"
    default: return nil
    }
  }
}
