import EventLoop
import Testing

@testable import Configuration

@Suite("Subscriptions in the configuration")
struct SubscriptionMistakeTests {
  @Test(arguments: [
    Mistake("subscriptions: {}", "3:16: missing required key 'listen' in subscriptions"),
    Mistake(
      #"subscriptions: { listen: "0.0.0.0:7000" }"#,
      "3:26: '0.0.0.0:7000' takes subscriptions from other machines: 'allow' or 'signing_keys' must"
        + " say which are believed"),
    Mistake(
      #"subscriptions: { listen: ["127.0.0.1:7000", "127.0.0.1:7000"] }"#,
      "3:45: '127.0.0.1:7000' is listened at twice, first on line 3"),
    Mistake("subscriptions: { listen: [] }", "3:26: 'listen' must have at least one address"),
    Mistake(
      #"subscriptions: { listen: "localhost:7000" }"#,
      "3:26: 'listen' must be an address such as 127.0.0.1:7000 or"
        + " unix:/run/edgeproxy/subscriptions.sock, found 'localhost:7000'; did you mean"
        + " '127.0.0.1:7000'?"),
    Mistake(
      #"subscriptions: { listen: "unix:@a", share: etcd }"#,
      "3:44: 'share: etcd' needs 'etcd'"),
  ])
  func `a mistake is reported where it stands`(mistake: Mistake) {
    mistake.check(ConfigurationFixture.valid + mistake.text)
  }

  @Test func `an upstream is discovered by subscriptions and by nothing else`() {
    for (text, line) in [
      (
        "upstreams: { app: { discover: subscriptions } }",
        "edge.yaml:1:31: 'discover: subscriptions' in upstreams.app needs 'subscriptions' with"
          + " 'listen'"
      ),
      (
        #"upstreams: { app: { nodes: ["10.0.0.1:1"], discover: subscriptions } }"#,
        "edge.yaml:1:28: 'nodes' does not go with 'discover': instances announce it"
      ),
      (
        "upstreams: { app: { discover: subscriptions, protocol: http } }",
        "edge.yaml:1:56: 'protocol' must be uwsgi with 'discover', found 'http'"
      ),
    ] {
      let rest = "\nroutes: [{ host: app.example.org, upstream: app }]\n"
      let lines = ConfigurationFixture.read(Array((text + rest).utf8)).lines
      #expect(lines.contains { $0.hasPrefix(line) }, "\(lines)")
    }
  }

  @Test func `what is given is what is meant`() throws {
    let settings = try ConfigurationFixture.configuration(
      """
      upstreams: { app: { discover: subscriptions } }
      routes: [{ host: "*.example.org", upstream: app }]
      subscriptions:
        listen: ["0.0.0.0:7000", "unix:/run/sub.sock"]
        allow: [{ from: 10.0.0.0/24, keys: ["*.Example.org"], addresses: [10.1.0.0/16] }]
        signing_keys: /etc/keys
        allow_sha1: true
      """)
    let subscriptions = try #require(settings.subscriptions)
    #expect(settings.upstreams.first?.discovery == .subscriptions)
    #expect(subscriptions.listen.map(\.description) == ["0.0.0.0:7000", "unix:/run/sub.sock"])
    let permission = try #require(subscriptions.allow?.first)
    #expect(permission.covers(Array("a.example.org".utf8)))
    #expect(permission.addresses.map(\.description) == ["10.1.0.0/16"])
    #expect(subscriptions.signingKeys == "/etc/keys" && subscriptions.allowsSHA1)
  }
}
