internal import HTTPCore

/// A host of a route, or of a certificate: a DNS name, `*.` first for one label of anything.
struct HostPattern {
  /// In the form in which names are compared; `nil` where it is none.
  let normal: String?
  private let text: String

  static func read(_ text: String) -> HostPattern {
    // nginx's name for all that have no other.
    if text == "_" { return HostPattern(normal: nil, text: text) }
    let isWildcard = text.hasPrefix("*.")
    let name = Array(text.utf8.dropFirst(isWildcard ? 2 : 0))
    var output: [UInt8] = []
    guard HostName.normalise(name.span, into: &output) else {
      return HostPattern(normal: nil, text: text)
    }
    let plain = String(decoding: output, as: UTF8.self)
    return HostPattern(normal: isWildcard ? "*." + plain : plain, text: text)
  }

  /// The mistake in it, as a message; `nil` where there is none.
  func mistake(key: String, wildcard: Bool) -> String? {
    if normal != nil, wildcard || !text.hasPrefix("*.") { return nil }
    let expected =
      wildcard
      ? Self.expected : "a DNS name such as example.org"
    return "'\(key)' must be \(expected), found '\(Found.shortened(text))'\(reason(wildcard))"
  }

  /// What other servers and certificates call every name there is.
  static func isEverything(_ text: String) -> Bool { ["*", "*.", "*.*", "_"].contains(text) }

  static let expected = "a host name such as app.example.org or *.example.org"

  private func reason(_ wildcard: Bool) -> String {
    if let hint = LookAlike.hint(in: text) { return "; \(hint)" }
    if !text.utf8.allSatisfy({ $0 < 0x80 }) {
      return "; write its ASCII form, which begins with xn--"
    }
    if text.hasSuffix(";"), text != "_;" { return "; no ';' ends a value" }
    if text.hasPrefix("~") || text.hasPrefix("^") || text.hasSuffix("$") {
      return "; there are no regular expressions: *.example.org is one label of anything"
    }
    let variable = Habits.variable(text)
    if !variable.isEmpty { return variable }
    if text.contains("(") || text.contains("`") { return "; only the name belongs here" }
    if text.contains(" ") || text.contains(",") {
      return wildcard ? "; several names are a list: [a.example.org, b.example.org]" : ""
    }
    if text.contains("://") || text.contains("/") { return "; no scheme and no path belong here" }
    if text.contains(":") { return "; no port belongs here" }
    if wildcard, text.contains("*") || text == "_" || text == "_;" { return star }
    if text.contains("..") { return "; a label of it is empty" }
    if text.hasPrefix(".") {
      let name = text.dropFirst()
      return wildcard
        ? "; '*\(Found.shortened(text))' is one label before it, and '\(Found.shortened(String(name)))' a route"
          + " of its own" : Found.meant(String(name))
    }
    if text.split(separator: ".").contains(where: { $0.utf8.count > 63 }) {
      return "; a label has at most 63 characters"
    }
    return text.utf8.count > 253 ? "; a name has at most 253 characters" : ""
  }
}

extension HostPattern {
  /// About a `*` that is not the first label.
  private var star: String {
    if ["*", "*.", "*.*", "_", "_;"].contains(text) {
      return "; \"*\" is every host that no other route has, '*.example.org' one label of anything"
    }
    return "; '*' stands for the whole first label only"
  }
}

/// A path of a URL as requests are compared with it: decoded, without dot segments.
enum URLPath {
  static func read(_ key: String, _ section: Section, _ context: ReadingContext) -> String {
    if let value = section.collection(key), !value.isMapping {
      context.wrong(
        value, key, "a path such as /static/",
        "; one path is taken here, a further path is a route of its own")
      return "/"
    }
    guard let (path, position) = section.text(key) else { return "/" }
    if let reason = mistake(path) {
      context.findings.error(
        position,
        "'\(key)' must be a path such as /static/, found '\(Found.shortened(path))'; \(reason)")
    }
    return path
  }

  private static func mistake(_ path: String) -> String? {
    if path.hasSuffix(";") { return "no ';' ends a value" }
    if ["~", "^", "=", "("].contains(where: path.hasPrefix) || path.contains("\\")
      || path.contains(".*") || path.hasSuffix("$")
    {
      return "there are no regular expressions: it is what paths begin with"
    }
    if path.contains("(") || path.contains("`") { return "only the path belongs here" }
    if path.contains("{") { return "there are no placeholders: it is what paths begin with" }
    if path.contains("://") { return "no scheme and no host belong here" }
    if !path.hasPrefix("/") { return "it must begin with '/'" }
    if path.contains("?") || path.contains("#") { return "'?' and '#' never are in a path" }
    if path.contains("%") { return "requests are decoded first, so write the character itself" }
    if path.contains("*") { return "no '*' is needed: it stands for all that begins with it" }
    if path.contains("//") { return "requests never have '//' after decoding" }
    let segments = path.split(separator: "/")
    if segments.contains(".") || segments.contains("..") {
      return "requests never have '.' or '..' segments after decoding"
    }
    return nil
  }
}
