internal import HTTPCore

/// Reads what a route leads to that is no upstream: files, a redirect, a fixed answer.
struct LocalRouteReader {
  let context: ReadingContext

  func read(_ key: String, _ section: Section) -> LocalRoute {
    switch key {
    case "files": .files(files(section))
    case "redirect": .redirect(redirect(section.section(key)))
    default: .respond(respond(section.section(key)))
    }
  }

  // MARK: Files

  /// `files: DIRECTORY` is short for a mapping with that directory alone.
  private func files(_ route: Section) -> FileSettings {
    let (_, value) = route.take("files")
    let inner: Section
    var directory: String?
    if let value, case .scalar = value.content {
      inner = route.section("files", given: nil)
      directory = context.path(value, "files", or: [])
      if let directory { context.named.files.directories.append((directory, value.position)) }
    } else {
      inner = route.section("files", given: value)
      directory = inner.path("directory")
      if let directory {
        context.named.files.directories.append((directory, inner.position(of: "directory")))
      }
    }
    return FileSettings(
      directory: Array((directory ?? "").utf8) + [0], index: index(inner),
      listing: inner.flag("listing"), precompressed: codings(inner),
      cacheControl: text("cache_control", inner), fallback: fallback(inner))
  }

  private func fallback(_ section: Section) -> [UInt8]? {
    guard let (name, position) = section.text("fallback") else { return nil }
    if name.contains("/") || name.hasPrefix(".") {
      context.findings.error(
        position,
        "'fallback' must be the name of a file in the directory, found '\(Found.shortened(name))'")
    }
    return Array(name.utf8) + [0]
  }

  private func index(_ section: Section) -> [[UInt8]] {
    section.texts("index", "file names").map { name, position in
      if name.contains("/") || name.hasPrefix(".") {
        context.findings.error(
          position, "'index' must be names of files, found '\(Found.shortened(name))'")
      }
      return Array(name.utf8) + [0]
    }
  }

  private func codings(_ section: Section) -> [ContentCoding] {
    let words = Coding.words
    return section.texts("precompressed", Found.alternatives(words)).compactMap { word, position in
      if let coding = Coding.named[word] { return coding }
      context.findings.error(
        position,
        "'precompressed' must be a list of \(Found.alternatives(words)), found"
          + " '\(Found.shortened(word))'\(Suggestion.text(for: word, among: words))")
      return nil
    }
  }

  /// A field value.
  private func text(_ key: String, _ section: Section) -> [UInt8]? {
    guard let (text, position) = section.text(key) else { return nil }
    if !FieldText.isValue(text) {
      context.findings.error(position, "'\(key)' must be ASCII text")
    }
    return Array(text.utf8)
  }

  // MARK: Redirects

  private func redirect(_ section: Section) -> RedirectSettings {
    let status = section.number("status")
    if !RedirectSettings.statuses.contains(status), section.isGiven("status") {
      let statuses = Found.alternatives(RedirectSettings.statuses.map(String.init))
      context.findings.error(
        section.position(of: "status"), "'status' must be \(statuses), found '\(status)'")
    }
    return RedirectSettings(target: target(section), status: status)
  }

  /// nginx's and Apache's; a `$` alone may well be in a URL.
  private static let variables = [
    "$request_uri", "$host", "$http_host", "$server_name", "$scheme", "$uri", "$is_args", "$args",
    "$query_string", "$1", "%{HTTP_HOST}", "%{REQUEST_URI}", "%{SERVER_NAME}",
  ]

  private func target(_ section: Section) -> RedirectTarget {
    if let (text, position) = section.text("to") {
      if let name = Self.variables.first(where: { text.contains($0) }) {
        context.findings.error(
          position,
          "'\(name)' in 'to' means nothing here; the request's parts are {host}, {path}, {rest} and {query}"
        )
        return RedirectTarget()
      }
      do throws(RedirectTarget.Mistake) {
        return try RedirectTarget(text)
      } catch {
        context.findings.error(
          position,
          "'to' must be a URL such as https://example.org{path}{query}, found"
            + " '\(Found.shortened(text))'; \(Self.reason(error))")
      }
    }
    return RedirectTarget()
  }

  private static func reason(_ mistake: RedirectTarget.Mistake) -> String {
    switch mistake {
    case .beginning:
      return "it must begin with https://, http:// or a path, and a server's name must end"
    case .character: return "a URL has no spaces and is written in ASCII"
    case .unclosed: return "a '{' or '}' stands alone"
    case .placeholder(let name) where name.contains("uri"): return "did you mean '{path}{query}'?"
    case .placeholder(let name):
      return "there is no '{\(Found.shortened(name))}'"
        + Suggestion.text(for: name, among: RedirectTarget.placeholders)
    }
  }

  // MARK: Fixed answers

  private func respond(_ section: Section) -> RespondSettings {
    let (_, value) = section.take("body")
    var body = ""
    if let value, !value.isNothing {
      body = context.text(value, "body", "text", hasLines: true) ?? ""
    }
    let status = section.number("status")
    if [206, 304, 500].contains(status) {
      context.findings.error(
        section.position(of: "status"),
        "'status' must not be \(status): a fixed answer can never mean it")
    }
    return RespondSettings(
      status: status, contentType: text("content_type", section) ?? [],
      body: Array(body.utf8))
  }
}
