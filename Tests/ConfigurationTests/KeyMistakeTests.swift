import Testing

@testable import Configuration

@Suite("Keys of the configuration")
struct KeyMistakeTests {
  /// Each text follows two good lines.
  static let keys: [Mistake] = [
    Mistake(
      "lissten: {}",
      "3:1: unknown key 'lissten'; did you mean 'listen'?"),
    Mistake(
      "listen: { HTTPS: [\"0.0.0.0:1\"] }",
      "3:11: unknown key 'HTTPS' in listen; did you mean 'https'?"),
    Mistake(
      "timeouts: { keep-alive: 5s }",
      "3:13: unknown key 'keep-alive' in timeouts; did you mean 'keep_alive'?"),
    Mistake(
      "body_max: 1MiB",
      "3:1: unknown key 'body_max'; it belongs in routes[]"),
    Mistake(
      "log: { node: x }",
      "3:8: unknown key 'node' in log; it belongs at the top"),
    Mistake(
      "zzz: 1",
      "3:1: unknown key 'zzz'"),
    Mistake(
      "\"\": 1",
      "3:1: unknown key ''"),
    Mistake(
      "node: a\nnode: b",
      "4:1: duplicate key 'node', first on line 3"),
    // Keys of what is not built yet are unknown, never silently accepted.
  ]

  @Test(arguments: keys)
  func `an unknown key is refused with what was probably meant`(_ mistake: Mistake) {
    mistake.check(ConfigurationFixture.valid + mistake.text)
  }

  /// Each text is a whole file.
  static let wholes: [Mistake] = [
    Mistake(
      "upstreams: {}\nroutes: []",
      "1:12: 'upstreams' must have at least one upstream",
      "2:9: 'routes' must have at least one route"),
    Mistake(
      "upstreams:\nroutes:",
      "1:11: 'upstreams' must have at least one upstream",
      "2:8: 'routes' must have at least one route"),
    Mistake(
      "upstreams: []\nroutes: {}",
      "1:12: 'upstreams' must be a mapping of names, found a list; no '- ' is before "
        + "the names: each upstream is 'NAME:' with 'nodes:' below it",
      "2:9: 'routes' must be a list, found a mapping; each route begins with '- ', as "
        + "in '- host: app.example.org'"),
    Mistake(
      "upstreams: { a: }\nroutes: [{ host: a.org, upstream: a }]",
      "1:17: missing required key 'nodes' in upstreams.a"),
    Mistake(
      "upstreams: { \"a b\": { nodes: [\"10.0.0.1:80\"] } }\nroutes: [{ host: a.org, "
        + "upstream: a b }]",
      "1:14: the name of an upstream is 1 to 64 letters, digits, '-', '_' or '.', found" + " 'a b'"),
    Mistake(
      "upstreams: { a: { nodes: [\"10.0.0.1:80\"] }, b: { nodes: [\"10.0.0.1:80\"] } "
        + "}\nroutes: [{ host: a.org, upstream: a }, 5]",
      "2:40: 'routes[1]' must be a mapping of keys, found '5'; a route is '- host: "
        + "app.example.org' with 'upstream: app' below 'host'"),
    Mistake(
      "node: a",
      "1:1: missing required key 'upstreams'",
      "1:1: missing required key 'routes'"),
    Mistake(
      "routes: [{ host: a.org, upstream: a }]",
      "1:1: missing required key 'upstreams'",
      "1:35: unknown upstream 'a' in routes[0]"),
    Mistake(
      "routes: [{ host: a.org, respond: { body: a } }, { host: b.org, upstream: a }]",
      "1:1: missing required key 'upstreams'",
      "1:74: unknown upstream 'a' in routes[1]"),
  ]

  @Test(arguments: wholes)
  func `what must be there is asked for`(_ mistake: Mistake) {
    mistake.check(mistake.text)
  }
}
