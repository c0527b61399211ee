import EventLoop
import Testing

@testable import Configuration

@Suite("TCP listeners and their upstreams, in the configuration")
struct TCPListenTests {
  /// Reads a file whose upstream `db` and list `tcp` are these.
  private func read(
    db: String = "", tcp: String = #"[{ address: "127.0.0.1:4000", upstream: db }]"#,
    route: String = "app"
  ) -> (configuration: Configuration?, lines: [String]) {
    let text = """
      listen: { tcp: \(tcp) }
      upstreams:
        db: { protocol: tcp, nodes: ["10.0.0.1:4000"]\(db.isEmpty ? "" : ", " + db) }
        app: { nodes: ["10.0.0.1:3031"] }
      routes: [{ host: a.org, upstream: \(route) }]
      """
    return ConfigurationFixture.read(Array(text.utf8))
  }

  @Test func `a listener leads to its upstream`() throws {
    let (configuration, lines) = read()
    #expect(lines == [])
    let address = try #require(SocketAddress("127.0.0.1:4000"))
    #expect(configuration?.listen.tcp == [TCPListenSettings(address: address, upstream: 0)])
    let upstream = try #require(configuration?.upstreams[0])
    #expect(upstream.greeting == .none && !upstream.cutsWhenDown && upstream.keepAlive == .off)
    #expect(upstream.tunnelTimeout == .hours(12))
  }

  private static let alone = """
    upstreams: { db: { protocol: tcp, nodes: ["10.0.0.1:4000"] } }
    listen: { https: [], http: [], tcp: [{ address: "127.0.0.1:4000", upstream: db }] }

    """

  @Test func `a server of TCP sessions alone needs no route and no certificate`() throws {
    let configuration = try ConfigurationFixture.configuration(Self.alone)
    #expect(configuration.routes.isEmpty && configuration.answersAlone)
    #expect(configuration.certificates.directory == nil)
    let named = try ConfigurationFixture.configuration(
      Self.alone + "certificates: { directory: /srv/certificates }\n")
    #expect(named.certificates.directory == "/srv/certificates")
  }

  @Test func `with https there have to be routes, and without anything there is a mistake`() {
    let text = Self.alone.replacing("https: [], ", with: "")
    #expect(
      ConfigurationFixture.read(Array(text.utf8)).lines
        == ["edge.yaml:1:1: missing required key 'routes'"])
    let nothing = ConfigurationFixture.valid + "listen: { https: [] }\n"
    #expect(
      ConfigurationFixture.read(Array(nothing.utf8)).lines
        == ["edge.yaml:3:18: 'https' must have at least one address"])
  }

  @Test func `what is given for an upstream of protocol tcp is taken`() throws {
    let (configuration, lines) = read(
      db: "greeting: mysql, on_node_down: cut, timeouts: { tunnel: 5m }, retry: { tries: 2 }")
    #expect(lines == [])
    let upstream = try #require(configuration?.upstreams[0])
    #expect(upstream.greeting == .mysql && upstream.cutsWhenDown)
    #expect(upstream.tunnelTimeout == .minutes(5) && upstream.retry.tries == 2)
  }

  @Test(arguments: [
    ("keep_alive: { connections: 3 }", "keep_alive"), ("buffer_size: 8KiB", "buffer_size"),
    ("modifier1: 5", "modifier1"), ("sticky: edge", "sticky"),
    ("timeouts: { response: 1s }", "timeouts.response"), ("retry: { on: [502] }", "retry.on"),
    ("retry: { non_idempotent: true }", "retry.non_idempotent"),
  ])
  func `what is about requests is refused there`(keys: String, name: String) {
    let lines = read(db: keys).lines
    #expect(lines.count == 1)
    #expect(lines.first?.hasSuffix("'\(name)' in upstreams.db is not for protocol tcp") ?? false)
  }

  @Test func `a node that knows no requests is checked by connecting`() {
    #expect(read(db: "health: { interval: 1s }").lines == [])
    #expect(read(db: "health: { type: mysql, user: monitor }").lines == [])
    #expect(read(db: "health: { path: /status, port: 10080 }").lines == [])
  }

  @Test func `where MySQL's greeting is awaited, a check is a visit to MySQL`() {
    func kind(_ text: String) -> HealthCheck.Kind? {
      read(db: text).configuration?.upstreams.first { $0.name == "db" }?.health?.kind
    }
    #expect(kind("greeting: mysql, health: {}") == .mysql)
    #expect(kind("greeting: any, health: {}") == .tcp)
    #expect(kind("health: {}, greeting: mysql") == .mysql)
    #expect(kind("greeting: mysql, health: { path: /status, port: 1 }") == .request)
    let bare = read(db: "greeting: mysql, health: { type: tcp }")
    #expect(bare.lines.count == 1 && bare.lines[0].contains("did you mean 'mysql'?"))
    #expect(bare.configuration != nil)
  }

  @Test(arguments: [
    ("{ path: /status }", "a request in upstreams.db.health needs 'port', the status port"),
    ("{ type: ping }", "'type' ping in upstreams.db.health needs protocol uwsgi, found tcp"),
    ("{ port: 10080 }", "'port' in upstreams.db.health needs type request, found tcp"),
    ("{ type: mysql, user: 'a b' }", "'user' must be 1 to 32 ASCII characters, found 'a b'"),
    ("{ type: tcp, user: a }", "'user' in upstreams.db.health needs type mysql, found tcp"),
  ])
  func `a check that a node cannot answer is refused`(health: String, line: String) {
    #expect(read(db: "health: \(health)").lines.contains { $0.contains(line) })
  }

  @Test func `keys of sessions are refused where requests are served`() {
    let text = """
      upstreams: { app: { nodes: ["10.0.0.1:3031"], greeting: any, on_node_down: cut } }
      routes: [{ host: a.org, upstream: app }]
      """
    #expect(
      ConfigurationFixture.read(Array(text.utf8)).lines == [
        "edge.yaml:1:57: 'greeting' in upstreams.app needs protocol tcp",
        "edge.yaml:1:76: 'on_node_down' in upstreams.app needs protocol tcp",
      ])
  }

  @Test func `a route cannot lead to an upstream of protocol tcp`() {
    let lines = read(route: "db").lines
    #expect(
      lines.contains(
        "edge.yaml:5:35: upstream 'db' in routes[0] is of protocol tcp, which knows no requests;"
          + " it is for 'listen.tcp'"))
  }

  @Test func `a listener needs an upstream of protocol tcp`() {
    #expect(
      read(tcp: #"[{ address: "127.0.0.1:4000", upstream: app }]"#).lines == [
        "edge.yaml:1:56: upstream 'app' in listen.tcp[0] must be of protocol tcp, found uwsgi",
        "edge.yaml:3:3: warning: no tcp listener leads to upstream 'db'",
      ])
    #expect(
      read(tcp: #"[{ address: "127.0.0.1:4000", upstream: dv }]"#).lines == [
        "edge.yaml:1:56: unknown upstream 'dv' in listen.tcp[0]; did you mean 'db'?"
      ])
  }

  @Test(arguments: [
    (#"[{ upstream: db }]"#, "missing required key 'address' in listen.tcp[0]"),
    (
      #"[{ address: "127.0.0.1:4000" }, { address: "127.0.0.1:4001", upstream: db }]"#,
      "missing required key 'upstream' in listen.tcp[0]"
    ),
    (
      #"[{ address: "127.0.0.1:0", upstream: db }]"#,
      "'address' must have a port of 1 to 65535, found 0"
    ),
    (
      #"[{ address: "0.0.0.0:443", upstream: db }]"#, "'0.0.0.0:443' is listened at already"
    ),
  ])
  func `mistakes in a listener are told`(tcp: String, message: String) {
    let lines = read(tcp: tcp).lines
    #expect(lines.contains { $0.contains(message) }, "\(lines)")
  }

  @Test func `an address is listened at once`() {
    let one = #"{ address: "127.0.0.1:4000", upstream: db }"#
    let lines = read(tcp: "[\(one), \(one)]").lines
    #expect(
      lines == ["edge.yaml:1:73: '127.0.0.1:4000' is listened at twice, first on line 1"])
  }

  @Test func `others can reach an address that is not of this machine alone`() {
    let lines = read(tcp: #"[{ address: "10.0.0.9:4000", upstream: db }]"#).lines
    #expect(lines.count == 1)
    #expect(lines.first?.contains("warning: '10.0.0.9:4000' can be reached") ?? false)
  }
}
