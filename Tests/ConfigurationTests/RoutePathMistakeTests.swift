import Testing

@testable import Configuration

@Suite("Prefixes and names of routes")
struct RoutePathMistakeTests {
  /// Each text is the second route.
  static let routes: [Mistake] = [
    Mistake(
      "{ host: b.org, upstream: billing, strip_prefix: /app }",
      "4:53: 'strip_prefix' must be what 'path' begins with, found '/app' and path '/'"),
    Mistake(
      "{ host: b.org, upstream: billing, path: /apps, strip_prefix: /app/ }",
      "4:66: 'strip_prefix' must be what 'path' begins with, found '/app' and path '/apps'"),
    Mistake(
      "{ host: b.org, upstream: billing, strip_prefix: /, add_prefix: v1 }",
      "4:53: 'strip_prefix' must be a path such as /app, found '/'",
      "4:68: 'add_prefix' must be a path such as /static/, found 'v1'; it must begin with '/'"),
    Mistake(
      "{ host: b.org, path: /a, strip_prefix: /a, redirect: { to: \"/b{rest}\" } }",
      "4:44: 'strip_prefix' is of no use in routes[1]: a redirect has '{rest}' for what the path has"
        + " behind the route's"),
    Mistake(
      "{ host: b.org, add_prefix: /a, respond: {} }",
      "4:32: 'add_prefix' is of no use in routes[1]: a fixed answer has no use for the path"),
    Mistake(
      "{ host: b.org, redirect: { to: \"/b{rst}\" } }",
      "4:36: 'to' must be a URL such as https://example.org{path}{query}, found '/b{rst}'; there is no"
        + " '{rst}'; did you mean 'rest'?"),
    Mistake(
      "{ host: b.org, upstream: billing, canonical_host: \"*.b.org\" }",
      "4:55: 'canonical_host' must be a DNS name such as example.org, found '*.b.org'"),
    Mistake(
      "{ host: b.org, upstream: billing, rewrite: /a }",
      "4:39: unknown key 'rewrite' in routes[1]; 'strip_prefix: /app' takes off what the path begins"
        + " with, 'add_prefix' puts in front"),
    Mistake(
      "{ host: b.org, upstream: billing, redirect_www: true }",
      "4:39: unknown key 'redirect_www' in routes[1]; 'canonical_host: example.org' sends clients of"
        + " the other hosts there"),
  ]

  @Test(arguments: routes)
  func `what cannot work is refused`(_ mistake: Mistake) {
    mistake.check(
      """
      upstreams: { billing: { nodes: ["10.0.0.1:80"] } }
      routes:
        - { host: a.org, upstream: billing }
        - \(mistake.text)
      """)
  }

  @Test func `a name that no route is for is a warning`() {
    let text = """
      routes:
        - { host: [a.org, www.a.org], canonical_host: a.org, respond: {} }
        - { host: "*.b.org", canonical_host: www.b.org, respond: {} }
        - { host: c.org, canonical_host: d.org, respond: {} }
      """
    let read = ConfigurationFixture.read(Array(text.utf8))
    #expect(
      read.lines == ["edge.yaml:4:36: warning: no route is for 'd.org', where clients are sent"])
    let caught = text + "\n  - { host: \"*\", respond: {} }\n"
    #expect(ConfigurationFixture.read(Array(caught.utf8)).lines.isEmpty)
  }

  @Test func `files lie below what is taken off, in what is put in front`() throws {
    let routes = try ConfigurationFixture.configuration(
      """
      defaults: { add_prefix: /pub/ }
      routes:
        - { host: a.org, path: /s/t, files: /srv }
        - { host: a.org, path: /s/u, files: /srv, strip_prefix: /s, add_prefix: ~ }
      """
    ).routes
    let files = routes.map { route -> FileSettings? in
      if case .files(let files)? = route.local { files } else { nil }
    }
    #expect(files.map { $0?.below } == ["/s/t", "/s"])
    #expect(
      files.map { $0.map { String(decoding: $0.directory, as: UTF8.self) } }
        == ["/srv/pub\0", "/srv\0"])
  }
}
