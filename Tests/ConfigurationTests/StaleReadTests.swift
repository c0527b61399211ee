import Testing

@testable import Configuration

@Suite("Last good answers in the configuration")
struct StaleReadTests {
  private static func text(route: String = "", top: String = "") -> String {
    """
    upstreams: { app: { nodes: ["10.0.0.1:80"] } }
    routes:
      - { host: a.org, upstream: app, \(route) }
    \(top)
    """
  }

  private func read(route: String = "", top: String = "") throws -> Configuration {
    try ConfigurationFixture.configuration(Self.text(route: route, top: top))
  }

  @Test func `nothing is kept unless a route says how long`() throws {
    let plain = try read()
    #expect(plain.routes[0].staleIfError == nil && !plain.keepsAnswers)
    let kept = try read(route: "stale_if_error: 1h")
    #expect(kept.routes[0].staleIfError == .seconds(3600) && kept.keepsAnswers)
    #expect(kept.stale == StaleSettings())
  }

  @Test func `0s is none, for a route that differs from others`() throws {
    #expect(try read(route: "stale_if_error: 0s").routes[0].staleIfError == nil)
  }

  @Test func `the bounds are sizes`() throws {
    let stale = try read(
      route: "stale_if_error: 1h", top: "stale: { memory: 8MiB, disk: 0B, object_max: 2MiB }"
    ).stale
    #expect(stale.memoryBytes == 8 << 20 && stale.diskBytes == 0 && stale.objectBytesMax == 2 << 20)
  }

  static let mistakes: [Mistake] = [
    Mistake(
      "stale_if_error: 1 hour",
      "3:51: 'stale_if_error' must be a duration such as 10s, found '1 hour'; did you mean '1h'?"),
    Mistake(
      "stale_if_error: 3600",
      "3:51: 'stale_if_error' must be a duration such as 10s, found '3600'; '3600ms' or '3600s':"
        + " a unit is missing"),
    Mistake(
      "stale_if_error: 1000h", "3:51: 'stale_if_error' must be from 0s to 720h, found '1000h'"),
    Mistake(
      "proxy_cache_use_stale: error",
      "3:35: unknown key 'proxy_cache_use_stale' in routes[0]; 'stale_if_error: 1h' is how old the"
        + " last good answer may be that is given"),
    Mistake(
      "grace: 1h",
      "3:35: unknown key 'grace' in routes[0]; 'stale_if_error: 1h' is how old the last good answer"
        + " may be that is given"),
    Mistake(
      "stale_if_eror: 1h",
      "3:35: unknown key 'stale_if_eror' in routes[0]; did you mean 'stale_if_error'?"),
    Mistake(
      "proxy_cache: on",
      "3:35: unknown key 'proxy_cache' in routes[0]; nothing is cached here; 'stale_if_error: 1h' in"
        + " a route keeps the last good answer for when no application answers"),
  ]

  @Test(arguments: mistakes)
  func `a mistake in a route is told where it is`(_ mistake: Mistake) {
    mistake.check(Self.text(route: mistake.text))
  }

  static let topMistakes: [Mistake] = [
    Mistake(
      "stale: { memory: 1MiB, object_max: 512KiB }",
      "4:36: 'object_max' of 512KiB is more than a quarter of 'memory', here 256KiB: one answer would"
        + " take the place of all others"),
    Mistake(
      "stale: { memory: 1MiB }",
      "4:18: 'object_max' of 1MiB is more than a quarter of 'memory', here 256KiB: one answer would"
        + " take the place of all others"),
    Mistake(
      "stale: { max_size: 1GiB }",
      "4:10: unknown key 'max_size' in stale; 'memory' and 'disk' bound what is kept, 'object_max'"
        + " one answer"),
    Mistake(
      "stale: 1h",
      "4:8: 'stale' must be a mapping of keys, found '1h'"),
    Mistake(
      "stale_if_error: 1h",
      "4:1: unknown key 'stale_if_error'; it belongs in a route: 'stale_if_error: 1h'; 'stale: {"
        + " memory: 64MiB }' bounds all of it"),
  ]

  @Test(arguments: topMistakes)
  func `a mistake at the top is told where it is`(_ mistake: Mistake) {
    mistake.check(Self.text(top: mistake.text))
  }
}
