internal import HTTPCore

/// Reads `cors`: which pages of other origins may read a route's answers.
struct CrossOriginReader {
  let context: ReadingContext

  private static let expected = "origins such as https://app.example.org"

  func read(_ route: Section) -> CrossOrigin? {
    guard let section = route.optionalSection("cors") else { return nil }
    let origins = origins(section)
    let headers = names("headers", section)
    let isEvery = headers.contains([UInt8(ascii: "*")])
    let credentials = section.flag("credentials")
    if credentials, origins?.isEmpty ?? false {
      context.findings.error(
        section.position(of: "credentials"),
        "'credentials: true' needs named origins: browsers refuse it together with '*'")
    }
    return CrossOrigin(
      origins: origins ?? [], methods: methods(section), headers: isEvery ? nil : headers,
      exposed: names("expose", section), credentials: credentials,
      seconds: section.duration("max_age").components.seconds)
  }

  private func methods(_ section: Section) -> [[UInt8]] {
    section.texts("methods", "methods such as GET").compactMap { text, position in
      if let method = MethodName.read(text) { return method }
      let upper = MethodName.read(text.uppercased()) == nil ? nil : text.uppercased()
      let hint =
        text == "*" ? "; name them: with cookies '*' is a method of that name" : Found.meant(upper)
      context.findings.error(
        position,
        "'methods' must be methods such as GET, found '\(Found.shortened(text))'\(hint)")
      return nil
    }
  }

  private func names(_ key: String, _ section: Section) -> [[UInt8]] {
    section.texts(key, "field names").compactMap { text, position in
      if FieldText.isToken(text), text != "*" || key == "headers" { return Array(text.utf8) }
      let hint = text == "*" ? "; name them: with cookies '*' is a field of that name" : ""
      context.findings.error(
        position, "'\(key)' must be field names, found '\(Found.shortened(text))'\(hint)")
      return nil
    }
  }

  // MARK: Origins

  /// Empty for every origin; `nil` after a mistake.
  private func origins(_ section: Section) -> [CrossOrigin.Origin]? {
    let texts = section.oneOrMore("origins", Self.expected)
    if let every = texts.first(where: { $0.text == "*" }) {
      if texts.count == 1 { return [] }
      context.findings.error(
        every.position, "'*' in 'origins' is every origin: no other belongs beside it")
      return nil
    }
    if let value = section.collection("origins"), value.isEmptyList {
      context.findings.error(value.position, "'origins' must have at least one origin")
    }
    let origins = texts.compactMap { text, position -> CrossOrigin.Origin? in
      do throws(Mistake) {
        return try Self.origin(text)
      } catch {
        context.findings.error(
          position,
          "'origins' must be \(Self.expected), found '\(Found.shortened(text))'\(error.hint)")
        return nil
      }
    }
    return origins.isEmpty ? nil : origins
  }

  private struct Mistake: Error { let hint: String }

  /// An origin as browsers write it, RFC 6454 §6.2.
  private static func origin(_ text: String) throws(Mistake) -> CrossOrigin.Origin {
    if text == "null" {
      throw Mistake(hint: "; files and sandboxed frames of anyone have it")
    }
    guard let mark = text.firstRange(of: "://") else {
      let isHost = HostPattern.read(text).normal != nil
      throw Mistake(hint: isHost ? Found.meant("https://\(text)") : "")
    }
    let (scheme, authority) = (text[..<mark.lowerBound], text[mark.upperBound...])
    if authority.contains("/") || authority.contains("?") {
      throw Mistake(hint: "; no path belongs here, not even a last '/'")
    }
    guard text.utf8.allSatisfy({ (0x21..<0x7f).contains($0) }), !scheme.isEmpty,
      !authority.isEmpty
    else { throw Mistake(hint: "") }
    guard scheme == "https" || scheme == "http" else {
      // Of an extension or an application in a shell.
      return .exact(Array(text.utf8))
    }
    let parts = authority.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let port = parts.count == 2 ? String(parts[1]) : ""
    if port == (scheme == "https" ? "443" : "80") {
      throw Mistake(hint: Found.meant("\(scheme)://\(parts[0])"))
    }
    if parts.count == 2, Number.parse(port).map({ !(1...65_535).contains($0) }) ?? true {
      throw Mistake(hint: "; the port is a number from 1 to 65535")
    }
    guard let host = HostPattern.read(String(parts[0])).normal else {
      throw Mistake(hint: HostPattern.isEverything(String(parts[0])) ? Found.meant("*") : "")
    }
    let end = parts.count == 2 ? ":\(port)" : ""
    guard host.hasPrefix("*.") else { return .exact(Array("\(scheme)://\(host)\(end)".utf8)) }
    return .anyLabel(
      before: Array("\(scheme)://".utf8), after: Array("\(host.dropFirst())\(end)".utf8))
  }
}
