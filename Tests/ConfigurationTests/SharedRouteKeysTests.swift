import Testing

@testable import Configuration

@Suite("Settings that routes share")
struct SharedRouteKeysTests {
  private func routes(_ text: String) throws -> [RouteSettings] {
    try ConfigurationFixture.configuration(text).routes
  }

  @Test func `the route wins over its groups, the later group over the earlier, all over defaults`()
    throws
  {
    let routes = try routes(
      """
      defaults: { body_max: 1KiB, compress: on, websocket: false }
      groups:
        api: { body_max: 2KiB, idempotency_key: true }
        big: { body_max: 4KiB }
      routes:
        - { host: a.org, respond: {} }
        - { host: b.org, respond: {}, use: api }
        - { host: c.org, respond: {}, use: [api, big] }
        - { host: d.org, respond: {}, use: [big, api], body_max: 8KiB, compress: off }
        - { host: e.org, respond: {}, use: [big, api] }
      """)
    #expect(routes.map(\.bodyBytesMax) == [1024, 2048, 4096, 8192, 2048])
    #expect(routes.map(\.idempotencyKey) == [false, true, true, true, true])
    #expect(routes.map(\.compress) == [.on, .on, .on, .off, .on])
    #expect(routes.allSatisfy { !$0.webSocket })
  }

  @Test
  func `mappings are merged, lists are replaced, and a route takes back what it will not have`()
    throws
  {
    let shared = try routes(
      """
      defaults:
        hsts: { max_age: 1h }
        response_headers: { set: { X-A: a, X-B: b }, remove: [Server] }
        set_cookie: [Secure]
      routes:
        - { host: a.org, respond: {}, response_headers: { set: { X-B: c }, remove: [Via] } }
        - { host: b.org, respond: {}, hsts: ~, response_headers: ~, set_cookie: }
        - { host: c.org, respond: {}, response_headers: { set: { X-A: ~ } } }
      """)
    let plain = try routes(
      """
      routes:
        - host: a.org
          respond: {}
          hsts: { max_age: 1h }
          response_headers: { set: { X-B: c, X-A: a }, remove: [Via] }
          set_cookie: [Secure]
        - { host: b.org, respond: {} }
        - host: c.org
          respond: {}
          hsts: { max_age: 1h }
          response_headers: { set: { X-B: b }, remove: [Server] }
          set_cookie: [Secure]
      """)
    #expect(shared == plain)
  }

  static let mistakes: [Mistake] = [
    // Each mistake once, where it stands, however many routes have it.
    Mistake(
      """
      defaults: { compres: on, hsts: { max_aeg: 1h, preload: yes }, body_max: lots }
      routes: [{ host: a.org, respond: {} }, { host: b.org, respond: {} }]
      """,
      "1:13: unknown key 'compres' in defaults; did you mean 'compress'?",
      "1:34: unknown key 'max_aeg' in defaults.hsts; did you mean 'max_age'?",
      "1:56: 'preload' must be true or false, found 'yes'; did you mean 'true'?",
      "1:73: 'body_max' must be a size such as 20MiB, found 'lots'"),
    Mistake(
      """
      groups:
        api: { host: a.org, use: b, path: /x, upstream: a, respond: {}, body_max: 1KiB }
        unused: { websocket: 7 }
      routes: [{ host: a.org, respond: {}, use: api }]
      """,
      "2:10: 'host' in groups.api: only a route itself says which requests it is for",
      "2:23: 'use' in groups.api: only routes use groups",
      "2:31: 'path' in groups.api: only a route itself says which requests it is for",
      "2:41: 'upstream' in groups.api: only a route itself says what it leads to",
      "2:54: 'respond' in groups.api: only a route itself says what it leads to",
      "3:3: warning: no route uses group 'unused'",
      "3:24: 'websocket' must be true or false, found '7'"),
    Mistake(
      """
      groups: { api: {}, other: 5 }
      routes: [{ host: a.org, respond: {}, use: [apii, other, { a: b }] }]
      """,
      "1:27: 'groups.other' must be a mapping of keys of routes, found '5'",
      "2:44: unknown group 'apii' in routes[0]; did you mean 'api'?",
      "2:57: 'use' must be a name under 'groups', found a mapping"),
    Mistake(
      "routes: [{ host: a.org, respond: {}, use: api }]",
      "1:43: unknown group 'api' in routes[0]; there is no 'groups' at the top"),
    // What only comes from both together is told at what is shared.
    Mistake(
      """
      defaults: { hsts: { preload: true, include_subdomains: true } }
      routes:
        - { host: a.org, respond: {} }
        - { host: b.org, respond: {}, hsts: { max_age: 1h } }
        - { host: c.org, respond: {}, hsts: { max_age: 2h } }
      """,
      "1:30: 'preload' needs 'include_subdomains: true' and a 'max_age' of at least 8760h"),
    // The place of a missing key is the route's.
    Mistake(
      "defaults: { compress: on }\nroutes: [{ respond: {} }, {}]",
      "1:1: missing required key 'upstreams'",
      "2:12: missing required key 'host' in routes[0]",
      "2:27: missing required key 'host' in routes[1]",
      "2:27: missing required key 'upstream', 'files', 'redirect' or 'respond' in routes[1]"),
    Mistake(
      "defaults: [compress]\ngroups: [api]\nroutes: [{ host: a.org, respond: {} }]",
      "1:11: 'defaults' must be a mapping of keys of routes, found a list",
      "2:9: 'groups' must be a mapping of names, found a list"),
    Mistake(
      "snippets: {}\nroutes: [{ host: a.org, respond: {}, include: x }]",
      "1:1: unknown key 'snippets'; 'defaults' has keys for all routes, 'groups' for those that 'use' one",
      "2:38: unknown key 'include' in routes[0]; 'use: NAME' takes the keys of 'groups: { NAME: { … } }'"
        + " at the top"),
  ]

  @Test(arguments: mistakes)
  func `a mistake is told once, where it stands`(_ mistake: Mistake) {
    mistake.check(mistake.text)
  }

  @Test func `a group that no route uses is a warning`() {
    let text = "groups: { api: {} }\nroutes: [{ host: a.org, respond: {} }]"
    let read = ConfigurationFixture.read(Array(text.utf8))
    #expect(read.configuration != nil)
    #expect(read.lines == ["edge.yaml:1:11: warning: no route uses group 'api'"])
  }

  @Test func `a small file cannot fill the memory`() {
    let fields = (0..<2000).map { "X-\($0): a" }.joined(separator: ", ")
    let routes = (0..<1000).map { "  - { host: h\($0).org, respond: {} }\n" }.joined()
    let text = "defaults: { request_headers: { set: { \(fields) } } }\nroutes:\n\(routes)"
    let read = ConfigurationFixture.read(Array(text.utf8))
    #expect(
      read.lines == ["edge.yaml:3:3: 'defaults' and 'groups' give routes more than 250000 values"])
  }
}
