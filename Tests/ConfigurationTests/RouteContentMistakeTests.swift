import HTTPCore
import Testing

@testable import Configuration

@Suite("What routes lead to without an upstream, and what they do to fields")
struct RouteContentMistakeTests {
  /// Each text is what the route has behind its host.
  static let mistakes: [Mistake] = [
    Mistake(
      "redirect: { to: /x }, respond: {}",
      "3:60: 'respond' beside 'redirect' in routes[0]: a route leads to one of them"),
    Mistake("files: {}", "3:36: missing required key 'directory' in routes[0].files"),
    Mistake(
      "files: { directory: /srv, indx: [a.html] }",
      "3:55: unknown key 'indx' in routes[0].files; did you mean 'index'?"),
    Mistake(
      "files: { directory: /srv, index: [a/b] }",
      "3:63: 'index' must be names of files, found 'a/b'"),
    Mistake(
      "files: { directory: /srv, fallback: /index.html }",
      "3:65: 'fallback' must be the name of a file in the directory, found '/index.html'"),
    Mistake(
      "files: { directory: /srv, precompressed: [gz] }",
      "3:71: 'precompressed' must be a list of br, zstd or gzip, found 'gz'"),
    Mistake(
      "files: [/srv]", "3:36: 'routes[0].files' must be a mapping of keys, found a list"),
    Mistake("redirect: {}", "3:39: missing required key 'to' in routes[0].redirect"),
    Mistake(
      "redirect: { to: //evil }",
      "3:45: 'to' must be a URL such as https://example.org{path}{query}, found '//evil'; it must"
        + " begin with https://, http:// or a path, and a server's name must end"),
    Mistake(
      "redirect: { to: \"/{pth}\" }",
      "3:45: 'to' must be a URL such as https://example.org{path}{query}, found '/{pth}'; there is"
        + " no '{pth}'; did you mean 'path'?"),
    Mistake(
      "redirect: { to: /x, status: 305 }",
      "3:57: 'status' must be 301, 302, 303, 307 or 308, found '305'"),
    Mistake(
      "respond: { status: 500 }",
      "3:48: 'status' must not be 500: a fixed answer can never mean it"),
    Mistake(
      "respond: {}, request_headers: { set: { Host: x } }",
      "3:68: no rule for field 'Host': requests are routed by it"),
    Mistake(
      "respond: {}, request_headers: { add: { X-Forwarded-For: x }, remove: [content-length] }",
      "3:68: no rule for field 'X-Forwarded-For': this server writes it",
      "3:99: no rule for field 'content-length': it belongs to one hop"),
    Mistake(
      "respond: {}, response_headers: { set: { \"A b\": x, X_y: z } }",
      "3:69: no rule for field 'A b': a name has letters, digits and '-'",
      "3:79: no rule for field 'X_y': a name has letters, digits and '-'"),
    Mistake(
      "respond: {}, response_headers: { set: { A: \"b\\r\\nC: d\" } }",
      "3:72: 'A' has a line break or control character in it"),
    Mistake(
      "respond: {}, response_headers: { set: { A: bü } }", "3:72: 'A' must be ASCII text"),
    Mistake(
      "respond: {}, response_headers: { remove: [Transfer-Encoding] }",
      "3:71: no rule for field 'Transfer-Encoding': it belongs to one hop"),
    Mistake(
      "respond: {}, hsts: { preload: true }",
      "3:59: 'preload' needs 'include_subdomains: true' and a 'max_age' of at least 8760h"),
    Mistake(
      "respond: {}, set_cookie: Secure",
      "3:54: 'set_cookie' must be a list of attributes, found 'Secure'; did you mean [\"Secure\"]?"),
  ]

  @Test(arguments: mistakes)
  func `a mistake is told where it is`(_ mistake: Mistake) {
    let read = ConfigurationFixture.read(Array(Self.text(mistake.text).utf8))
    #expect(read.configuration == nil)
    #expect(read.lines.filter { !$0.contains("warning") } == mistake.lines)
  }

  private static func text(_ rest: String) -> String {
    """
    upstreams: { app: { nodes: ["10.0.0.1:80"] } }
    routes:
      - { host: a.org, path: /, \(rest) }
    """
  }

  private func route(_ rest: String) throws -> RouteSettings {
    let whole = Self.text(rest) + "\n  - { host: b.org, upstream: app }"
    return try #require(try ConfigurationFixture.configuration(whole).routes.first)
  }

  @Test func `a directory alone has the defaults of the mapping`() throws {
    let short = try route("files: /srv")
    let long = try route("files: { directory: /srv, index: [index.html], precompressed: [] }")
    #expect(short == long)
    #expect(
      short.local
        == .files(
          FileSettings(
            directory: Array("/srv\0".utf8), index: [Array("index.html\0".utf8)], listing: false,
            precompressed: [], cacheControl: nil, fallback: nil)))
    #expect(short.upstream == -1 && short.rules == nil)
  }

  @Test func `a file that answers for what is not there is named in the mapping`() throws {
    guard
      case .files(let settings) = try route("files: { directory: /srv, fallback: a.html }").local
    else { throw ExpectationFailure() }
    #expect(settings.fallback == Array("a.html\0".utf8))
  }

  @Test func `a fixed answer may have lines`() throws {
    let local = try route(#"respond: { body: "a\nb\n" }"#).local
    guard case .respond(let settings) = local else { throw ExpectationFailure() }
    #expect(settings.body == Array("a\nb\n".utf8) && settings.status == 200)
  }

  @Test func `HSTS is a rule for answers`() throws {
    let rules = try #require(try route("respond: {}, hsts: { include_subdomains: true }").rules)
    #expect(rules.strictTransport == Array("max-age=31536000; includeSubDomains".utf8))
    #expect(rules.response?.set.map(\.name) == [Array("Strict-Transport-Security".utf8)])
  }

  private struct ExpectationFailure: Error {}
}
