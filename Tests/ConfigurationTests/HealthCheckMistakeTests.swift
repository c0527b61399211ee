import Testing

@testable import Configuration

@Suite("Health checks of the configuration")
struct HealthCheckMistakeTests {
  private func read(_ health: String, protocol spoken: String = "uwsgi") -> (
    check: HealthCheck?, lines: [String]
  ) {
    let text = """
      routes: [{ host: a.org, upstream: a }]
      upstreams:
        a:
          nodes: ["10.0.0.1:80"]
          protocol: \(spoken)
          \(health)
      """
    let read = ConfigurationFixture.read(Array(text.utf8))
    return (read.configuration?.upstreams[0].health, read.lines)
  }

  @Test func `without health there are no checks`() {
    #expect(read("").check == nil)
  }

  @Test func `a path alone is a request with the usual times`() {
    let (check, lines) = read("health: { path: \"/up?deep=1\" }")
    #expect(lines == [])
    var expected = HealthCheck(kind: .request)
    expected.path = "/up?deep=1"
    #expect(check == expected)
  }

  @Test(arguments: [("uwsgi", HealthCheck.Kind.ping), ("http", .tcp)])
  func `without a path the protocol decides`(spoken: String, kind: HealthCheck.Kind) {
    #expect(read("health: { interval: 5s }", protocol: spoken).check?.kind == kind)
  }

  @Test func `everything can be chosen`() {
    let health =
      "health: { type: request, path: /up, host: App.Example.org, status: 204, interval: 500ms,"
      + " timeout: 200ms, rise: 1, fall: 7 }"
    let (check, lines) = read(health, protocol: "http")
    #expect(lines == [])
    #expect(
      check
        == HealthCheck(
          kind: .request, path: "/up", host: "app.example.org", statuses: 204...204,
          interval: .milliseconds(500), timeout: .milliseconds(200),
          thresholds: HealthThresholds(rise: 1, fall: 7)))
  }

  @Test(arguments: [
    ("{ path: up }", "6:21: 'path' must be a path such as /up, found 'up'; it must begin with '/'"),
    (
      "{ path: \"/a b\" }",
      "6:21: 'path' must be a path such as /up, found '/a b'; what is no ASCII letter, digit or mark"
        + " is written %20 and so on"
    ),
    ("{ path: /a#b }", "6:21: 'path' must be a path such as /up, found '/a#b'; '#' is never sent"),
    (
      "{ path: /%zz }",
      "6:21: 'path' must be a path such as /up, found '/%zz'; no request can have it"
    ),
    (
      "{ type: ping, path: /up }",
      "6:33: 'path' in upstreams.a.health needs type request, found ping"
    ),
    (
      "{ type: pong }",
      "6:21: 'type' must be tcp, ping, request or mysql, found 'pong'; did you mean 'ping'?"
    ),
    (
      "{ path: /, status: 399-200 }",
      "6:32: 'status' must be a status from 200 to 599 or a range such as 200-399, found '399-200'"
    ),
    (
      "{ path: /, status: ok }",
      "6:32: 'status' must be a status from 200 to 599 or a range such as 200-399, found 'ok'"
    ),
    ("{ fall: 8 }", "6:21: 'fall' must be a whole number from 1 to 7, found '8'"),
    ("{ patch: /up }", "6:15: unknown key 'patch' in upstreams.a.health; did you mean 'path'?"),
  ])
  func `a mistake is told with what was meant`(health: String, line: String) {
    #expect(read("health: \(health)").lines == ["edge.yaml:\(line)"])
  }

  @Test func `only uWSGI answers a ping`() {
    #expect(
      read("health: { type: ping }", protocol: "http").lines == [
        "edge.yaml:6:21: 'type' ping in upstreams.a.health needs protocol uwsgi, found http;"
          + " did you mean 'request'?"
      ])
  }
}
