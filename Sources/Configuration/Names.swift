internal import HTTPCore

/// A host of a route, or of a certificate: a DNS name, `*.` first for one label of anything.
struct HostPattern {
  /// In the form in which names are compared; `nil` where it is none.
  let normal: String?
  private let text: String

  static func read(_ text: String) -> HostPattern {
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
      ? "a host name such as app.example.org or *.example.org" : "a DNS name such as example.org"
    return "'\(key)' must be \(expected), found '\(Found.shortened(text))'\(reason(wildcard))"
  }

  private func reason(_ wildcard: Bool) -> String {
    if !text.utf8.allSatisfy({ $0 < 0x80 }) {
      return "; write its ASCII form, which begins with xn--"
    }
    if text.contains("/") { return "; no scheme and no path belong here" }
    if text.contains(":") { return "; no port belongs here" }
    if text.contains("*"), wildcard { return "; '*' stands for the whole first label only" }
    if text.contains("..") || text.hasPrefix(".") { return "; a label of it is empty" }
    if text.split(separator: ".").contains(where: { $0.utf8.count > 63 }) {
      return "; a label has at most 63 characters"
    }
    return text.utf8.count > 253 ? "; a name has at most 253 characters" : ""
  }
}

/// A path of a URL as requests are compared with it: decoded, without dot segments.
enum URLPath {
  static func read(_ key: String, _ section: Section, _ context: ReadingContext) -> String {
    guard let (path, position) = section.text(key) else { return "/" }
    if let reason = mistake(path) {
      context.findings.error(
        position,
        "'\(key)' must be a path such as /static/, found '\(Found.shortened(path))'; \(reason)")
    }
    return path
  }

  private static func mistake(_ path: String) -> String? {
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
