import EventLoop
import Testing

@testable import Configuration

@Suite("Configuration")
struct ConfigurationReadTests {
  @Test func `what is left out has the documented defaults`() throws {
    let configuration = try ConfigurationFixture.configuration(ConfigurationFixture.valid)
    #expect(configuration.path == "edge.yaml")
    #expect(!configuration.node.isEmpty)
    #expect(configuration.state == "/var/lib/edgeproxy")
    #expect(configuration.listen.https.map(\.description) == ["0.0.0.0:443", "[::]:443"])
    #expect(configuration.listen.http.map(\.description) == ["0.0.0.0:80", "[::]:80"])
    #expect(configuration.listen.closeWhenUnable == .never)
    #expect(configuration.listen.closeAfter == .seconds(3))
    #expect(configuration.listen.openAfter == .seconds(10))
    #expect(configuration.tls == TLSSettings(minimum: .tls12, tickets: .local))
    #expect(configuration.health.path == "/healthz")
    #expect(configuration.acmeChallenges == nil)
    #expect(configuration.errorPages == [:])
    #expect(configuration.routes[0].bodyBytesMax == 64 << 20)
    #expect(configuration.routes[0].path == "/")
    #expect(configuration.limits.headBytes == 32 << 10)
    #expect(configuration.limits.fields == 100)
    #expect(configuration.limits.requestLineBytes == 16 << 10)
    #expect(configuration.limits.responseHeadBytes == 64 << 10)
    #expect(configuration.limits.bodyMemoryBytes == 64 << 10)
    #expect(configuration.limits.responseMemoryBytes == 256 << 10)
    #expect(configuration.limits.responseFileBytes == 1 << 30)
    #expect(configuration.limits.held == 1000)
    #expect(configuration.timeouts.handshake == .seconds(10))
    #expect(configuration.timeouts.head == .seconds(10))
    #expect(configuration.timeouts.body == .seconds(30))
    #expect(configuration.timeouts.send == .seconds(30))
    #expect(configuration.timeouts.keepAlive == .seconds(75))
    #expect(configuration.timeouts.drain == .seconds(30))
  }

  @Test func `an upstream left to its defaults tries as documented`() throws {
    let upstream = try ConfigurationFixture.configuration(ConfigurationFixture.valid).upstreams[0]
    #expect(upstream.balance == .leastRequests)
    #expect(upstream.connectTimeout == .seconds(1))
    #expect(upstream.responseTimeout == .seconds(60))
    #expect(upstream.idleTimeout == .seconds(60))
    #expect(upstream.hold == .seconds(10))
    #expect(upstream.bufferSizeBytes == 4096)
    #expect(upstream.modifier1 == 0 && upstream.modifier2 == 0)
    #expect(
      upstream.retry
        == RetrySettings(
          tries: 3, onConnect: true, onReset: true, statuses: [502, 503], within: .seconds(15),
          nonIdempotent: false))
  }

  @Test func `what is given is taken`() throws {
    let configuration = try ConfigurationFixture.configuration(
      """
      node: edge-${NUMBER}
      state: /srv/state
      listen:
        https: ["127.0.0.1:0"]
        http: []
        close_when_unable: always
        close_after: 200ms
        open_after: 0s
      certificates: { directory: /srv/certificates, default: Example.ORG. }
      tls: { minimum: "1.3", tickets: "off" }
      upstreams:
        billing:
          protocol: uwsgi
          modifier1: 14
          modifier2: 9
          nodes:
            - unix:/run/uwsgi/billing.sock
            - { address: "[2001:db8::1]:3031", backup: true }
            - unix:@billing
          balance: round-robin
          timeouts: { connect: 250ms, response: 5m, idle: 12h }
          retry: { tries: 1, on: [503], within: 500ms, non_idempotent: true }
          hold: 0s
          buffer_size: 64KiB
      routes:
        - host: "*.Example.ORG."
          path: /static/ü
          upstream: billing
          body_max: 20MiB
          idempotency_key: TRUE
      health: { path: /up }
      acme_challenges: /srv/acme
      error_pages: { 503: /503.html, 404: /404.json }
      log: { access: stdout, format: combined, level: debug }
      limits: { fields: 50, connections: 7, memory: 1GiB }
      timeouts: { drain: 0s, keep_alive: 1h }
      """,
      environment: ["NUMBER": "7"],
      files: ["/503.html": Array("<p>Soon".utf8), "/404.json": Array("{}".utf8)])
    #expect(configuration.node == "edge-7")
    #expect(configuration.listen.http == [])
    #expect(configuration.listen.closeWhenUnable == .always)
    #expect(configuration.listen.closeAfter == .milliseconds(200))
    #expect(configuration.certificates.defaultName == "example.org")
    #expect(configuration.tls == TLSSettings(minimum: .tls13, tickets: .off))
    let upstream = configuration.upstreams[0]
    #expect(upstream.nodes.map(\.address.description) == Self.nodes)
    #expect(upstream.nodes.map(\.backup) == [false, true, false])
    #expect(upstream.modifier1 == 14 && upstream.modifier2 == 9)
    #expect(upstream.idleTimeout == .seconds(12 * 3600))
    #expect(!upstream.retry.onConnect && !upstream.retry.onReset)
    #expect(upstream.retry.statuses == [503])
    #expect(upstream.bufferSizeBytes == 65_536)
    #expect(
      configuration.routes == [
        RouteSettings(
          hosts: ["*.example.org"], path: "/static/ü", upstream: 0, bodyBytesMax: 20 << 20,
          idempotencyKey: true, webSocket: true)
      ])
    #expect(configuration.errorPages[503]?.contentType == "text/html; charset=utf-8")
    #expect(configuration.errorPages[404]?.contentType == "application/json")
    #expect(configuration.log.access == .standardOutput)
    #expect(configuration.limits.memoryBytes == 1 << 30)
    #expect(configuration.timeouts.keepAlive == .seconds(3600))
  }

  private static let nodes = [
    "unix:/run/uwsgi/billing.sock", "[2001:db8::1]:3031", "unix:@billing",
  ]

  @Test func `routes that answer by themselves need no upstream`() throws {
    let text = "routes: [{ host: a.org, redirect: { to: \"https://b.org/\" } }]"
    let read = ConfigurationFixture.read(Array(text.utf8), environment: [:])
    let configuration = try #require(read.configuration)
    #expect(configuration.upstreams.isEmpty)
    #expect(configuration.answersAlone)
  }

  @Test func `sections without anything in them have their defaults`() throws {
    let plain = try ConfigurationFixture.configuration(ConfigurationFixture.valid)
    let empty = try ConfigurationFixture.configuration(
      ConfigurationFixture.valid + "log:\nlimits: {}\ntimeouts: ~\nlisten:\n")
    #expect(plain == empty)
  }

  @Test(arguments: [
    ("a byte-order mark", "\u{FEFF}" + ConfigurationFixture.valid),
    ("line ends of Windows", ConfigurationFixture.valid.replacing("\n", with: "\r\n")),
    ("a document marker", "---\n" + ConfigurationFixture.valid + "...\n"),
    ("a tab in a comment", "#\tcomment\n" + ConfigurationFixture.valid),
  ])
  func `these change nothing`(_ what: String, _ text: String) throws {
    let plain = try ConfigurationFixture.configuration(ConfigurationFixture.valid)
    #expect(try ConfigurationFixture.configuration(text) == plain)
  }

  @Test(arguments: [
    ("${A}", "one"), ("${A}-${B}", "one-two"), ("'${A}'", "one"), ("\"${A}\"", "one"),
    ("$A", "$A"), ("a$", "a$"), ("$${A}", "${A}"), ("${A}$${B}${B}", "one${B}two"),
  ])
  func `variables of the environment are put in`(_ text: String, _ value: String) throws {
    let configuration = try ConfigurationFixture.configuration(
      ConfigurationFixture.valid + "node: \(text)", environment: ["A": "one", "B": "two"])
    #expect(configuration.node == value)
  }

  @Test func `what a variable holds is read like what is written`() throws {
    let configuration = try ConfigurationFixture.configuration(
      ConfigurationFixture.valid + "limits:\n  fields: ${FIELDS}\n  head: ${KIB}KiB",
      environment: ["FIELDS": "42", "KIB": "8"])
    #expect(configuration.limits.fields == 42)
    #expect(configuration.limits.headBytes == 8192)
  }
}
