internal import HTTPCore

/// Reads which requests of its hosts and path a route takes: `methods` and `match`.
struct RouteConditionsReader {
  let context: ReadingContext

  static let conditionsMax = 16

  /// `nil` for a route that takes them all; preflights count as what they ask for where they are answered
  /// here.
  func read(_ route: Section, countsPreflights: Bool) -> RequestConditions? {
    let methods = methods(route)
    var fields: [RequestConditions.Part] = []
    var query: [RequestConditions.Part] = []
    if let match = route.optionalSection("match") {
      fields = parts("headers", match, isField: true)
      query = parts("query", match, isField: false)
      check(match)
    }
    if methods.isEmpty, fields.isEmpty, query.isEmpty { return nil }
    return RequestConditions(
      methods: methods, fields: fields, query: query, countsPreflights: countsPreflights)
  }

  // MARK: Methods

  private static let common = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

  private func methods(_ route: Section) -> [[UInt8]] {
    let expected = "methods such as GET"
    if let value = route.collection("methods"), value.isEmptyList {
      context.findings.error(value.position, "'methods' must have at least one method")
    }
    guard route.isGiven("methods") else { return [] }
    var methods: [[UInt8]] = []
    for (text, position) in route.oneOrMore("methods", expected) {
      guard let method = MethodName.read(text) else {
        context.findings.error(
          position,
          "'methods' must be \(expected), found '\(Found.shortened(text))'\(hint(text))")
        continue
      }
      if !methods.contains(method) { methods.append(method) }
    }
    return methods
  }

  private func hint(_ text: String) -> String {
    switch text.uppercased() {
    case "TRACE": "; TRACE is never passed on"
    case "CONNECT": "; CONNECT is never passed on, and WebSocket counts as GET"
    case "ANY", "ALL", "*": "; without 'methods' a route takes all"
    case let upper where MethodName.read(upper) != nil:
      Found.meant(upper)
    default: Suggestion.text(for: text, among: Self.common)
    }
  }

  // MARK: Fields and query

  private func parts(
    _ key: String, _ match: Section, isField: Bool
  ) -> [RequestConditions.Part] {
    let (_, value) = match.take(key)
    let parts = match.entries(of: value, key).compactMap { entry -> RequestConditions.Part? in
      if isField, let reason = Self.refusal(of: entry.key) {
        context.findings.error(
          entry.keyPosition, "no condition on field '\(Found.shortened(entry.key))': \(reason)")
        return nil
      }
      guard let text = context.text(entry.value, entry.key, "text, or * for any") else {
        return nil
      }
      let name = isField ? entry.key.lowercased() : entry.key
      return RequestConditions.Part(
        name: Array(name.utf8), value: text == "*" ? nil : Array(text.utf8))
    }
    return parts.sorted { $0.name.lexicographicallyPrecedes($1.name) }
  }

  private static func refusal(of name: String) -> String? {
    guard FieldText.isName(name) else { return "a name has letters, digits and '-'" }
    return switch FieldName(Array(name.utf8).span) {
    case .host: "'host' says which hosts a route is for"
    case .forwarded, .xForwarded, .xRealIP, .xRequestID: "this server writes it"
    case .proxy, .expect: "it is never passed on"
    default: nil
    }
  }

  private func check(_ match: Section) {
    var count = 0
    for key in ["headers", "query"] {
      if case .mapping(let entries)? = match.take(key).value?.content { count += entries.count }
    }
    if count > Self.conditionsMax {
      context.findings.error(
        match.position, "'match' has more than \(Self.conditionsMax) conditions")
    }
    let isSaid = match.isRefused || match.isGiven("headers") || match.isGiven("query")
    if !isSaid, context.isComplete {
      context.findings.error(
        match.position,
        "'match' says nothing; it has 'headers' and 'query', such as"
          + " match: { headers: { X-Beta: \"1\" } }")
    }
  }
}

/// Methods as an operator may write them.
enum MethodName {
  private static let bytesMax = 32

  /// `nil` for one that is none, or that never goes on to an application.
  static func read(_ text: String) -> [UInt8]? {
    let bytes = Array(text.utf8)
    guard (1...bytesMax).contains(bytes.count), !["TRACE", "CONNECT"].contains(text),
      bytes.allSatisfy({
        ASCII.isToken($0) && ASCII.upper($0) == $0 && $0 != UInt8(ascii: "*")
      })
    else { return nil }
    return bytes
  }
}
