import ACME
import EventLoop
import Testing

@testable import Configuration

@Suite("Certificates that the server orders, in the configuration")
struct AcmeReadTests {
  private func acme(
    _ text: String, routes: [String] = ["app.example.org"]
  ) throws -> AcmeSettings {
    let list = routes.map { "{ host: \"\($0)\", upstream: app }" }.joined(separator: ", ")
    let configuration = try ConfigurationFixture.configuration(
      "upstreams: { app: { nodes: [\"10.0.0.1:3031\"] } }\nroutes: [\(list)]\n" + text)
    return try #require(configuration.acme)
  }

  @Test func `without the key nothing is ordered`() throws {
    #expect(try ConfigurationFixture.configuration(ConfigurationFixture.valid).acme == nil)
  }

  @Test func `the shortest form orders one certificate from Let's Encrypt`() throws {
    let settings = try acme(
      "acme: { terms_accepted: true, certificates: [{ names: [app.example.org] }] }")
    #expect(
      settings
        == AcmeSettings(
          termsAccepted: true, contacts: [],
          issuers: [
            AcmeSettings.Issuer(
              directory: "https://acme-v02.api.letsencrypt.org/directory", name: "letsencrypt",
              staging: "https://acme-staging-v02.api.letsencrypt.org/directory")
          ],
          certificates: [AcmeSettings.Wanted(names: ["app.example.org"], challenge: .http)],
          dns: nil, routedHosts: false, authorityFile: nil, renewAt: nil))
  }

  @Test func `every key is read`() throws {
    let settings = try acme(
      """
      acme:
        terms_accepted: true
        contact: [ops@example.org, "mailto:root@example.net"]
        issuers:
          - letsencrypt-staging
          - { directory: letsencrypt, profile: tlsserver }
          - { directory: zerossl, external_account: { id: kid-1, key_file: /etc/zerossl.key } }
          - { directory: "https://CA.example.org:9000/acme/a/directory", staging: "https://[::1]:1/d" }
        certificates:
          - { names: ["*.Example.org", example.org.], key: both }
          - { names: [app.example.org], challenge: tls-alpn, key: rsa }
          - { names: [www.app.example.org], challenge: dns }
        dns:
          update:
            server: 192.0.2.1:53
            zone: Example.org.
            key_name: edge-key
            key_file: /etc/tsig.key
            algorithm: hmac-sha512
            secondaries: ["[2001:db8::2]:53"]
            resolver: 127.0.0.1:5353
        hosts: routed
        renew_at: 0.75
      """, routes: ["*.example.org", "example.org", "www.app.example.org"])
    #expect(settings.contacts == ["mailto:ops@example.org", "mailto:root@example.net"])
    #expect(
      settings.issuers.map(\.name) == [
        "letsencrypt-staging", "letsencrypt", "zerossl",
        "https://CA.example.org:9000/acme/a/directory",
      ])
    let staging = "https://acme-staging-v02.api.letsencrypt.org/directory"
    #expect(settings.issuers.map(\.staging) == [nil, staging, nil, "https://[::1]:1/d"])
    #expect(settings.issuers.map(\.profile) == [nil, "tlsserver", nil, nil])
    #expect(
      settings.issuers[2].externalAccount
        == AcmeSettings.ExternalAccount(id: "kid-1", keyFile: "/etc/zerossl.key"))
    #expect(
      settings.certificates == [
        AcmeSettings.Wanted(
          names: ["*.example.org", "example.org"], challenge: .dns, keys: [.ecdsa, .rsa]),
        AcmeSettings.Wanted(names: ["app.example.org"], challenge: .alpn, keys: [.rsa]),
        AcmeSettings.Wanted(names: ["www.app.example.org"], challenge: .dns),
      ])
    #expect(
      settings.dns
        == .update(
          AcmeSettings.Update(
            server: try #require(SocketAddress("192.0.2.1:53")), zone: "example.org",
            keyName: "edge-key", keyFile: "/etc/tsig.key", algorithm: .sha512,
            secondaries: [try #require(SocketAddress("[2001:db8::2]:53"))],
            resolver: SocketAddress("127.0.0.1:5353"))))
    #expect(settings.routedHosts)
    #expect(settings.renewAt == 0.75)
  }

  @Test func `a hook is read with its defaults`() throws {
    let settings = try acme(
      """
      acme:
        terms_accepted: true
        certificates: [{ names: ["*.example.org"] }]
        dns: { hook: { command: /usr/local/bin/dns-hook } }
      """)
    #expect(
      settings.dns
        == .hook(
          AcmeSettings.Hook(
            command: "/usr/local/bin/dns-hook", timeout: .seconds(120), wait: .zero)))
    #expect(settings.certificates.map(\.challenge) == [.dns])
  }

  @Test func `a private CA gives certificates for internal names`() throws {
    let settings = try acme(
      """
      acme:
        terms_accepted: true
        ca: /etc/ca.pem
        issuers: [https://ca.internal/acme/acme/directory]
        certificates: [{ names: [intranet, db.internal, a.test] }]
      """, routes: ["intranet", "db.internal", "a.test"])
    #expect(settings.certificates[0].names == ["intranet", "db.internal", "a.test"])
    #expect(settings.authorityFile == "/etc/ca.pem")
    #expect(settings.canOrder("other.internal"))
  }

  @Test func `the URL of a CA that has a word is that CA`() throws {
    let settings = try acme(
      """
      acme:
        terms_accepted: true
        issuers: ["https://acme-staging-v02.api.letsencrypt.org/directory"]
        certificates: [{ names: [app.example.org] }]
      """)
    #expect(settings.issuers.map(\.name) == ["letsencrypt-staging"])
  }

  @Test func `what certificates will cover is known before they are there`() throws {
    let settings = try acme(
      """
      acme:
        terms_accepted: true
        hosts: none
        certificates: [{ names: ["*.example.org", example.net] }]
        dns: { hook: { command: /h } }
      """, routes: ["*.example.org", "example.net"])
    for host in ["app.example.org", "*.example.org", "example.net"] {
      #expect(settings.covers(host), "\(host)")
    }
    for host in ["example.org", "a.b.example.org", "*.b.example.org", "www.example.net"] {
      #expect(!settings.covers(host), "\(host)")
    }
    var routed = settings
    routed.routedHosts = true
    #expect(routed.covers("a.b.example.org"))
    // Neither can a wildcard be asked for by http, nor does a public CA know these.
    for host in ["*.b.example.org", "localhost", "db.internal", "192.0.2.1"] {
      #expect(!routed.covers(host), "\(host)")
    }
  }

  @Test func `certificates of one server alone are no error and need no directory`() throws {
    let named = NamedThings()
    let findings = Findings(path: "edge.yaml")
    let source = ConfigurationSource(environment: [:]) { (_, _) throws(SystemError) in [] }
    let text =
      ConfigurationFixture.valid
      + "acme: { terms_accepted: true, certificates: [{ names: [app.example.org] }] }"
    _ = ConfigurationLoader.read(
      Array(text.utf8), source: source, findings: findings, named: named)
    #expect(named.acme.isAlone)
    #expect(named.acme.names.map(\.text) == ["app.example.org"])
    #expect(findings.diagnostics == [])
  }
}

@Suite("Mistakes in what certificates are ordered")
struct AcmeMistakeTests {
  /// Lines about a file whose `acme` begins on line 3, all of which are warnings.
  private func warnings(_ text: String) throws -> [String] {
    let read = ConfigurationFixture.read(Array((ConfigurationFixture.valid + text).utf8))
    #expect(read.configuration != nil)
    #expect(read.lines.allSatisfy { $0.contains(": warning: ") })
    return read.lines.map { $0.replacing("edge.yaml:", with: "").replacing("warning: ", with: "") }
  }

  private func acme(_ more: String, names: String = "[app.example.org]") -> String {
    "acme: { terms_accepted: true, \(more)certificates: [{ names: \(names) }] }"
  }

  @Test func `no contact is a warning where the issuer may want one`() throws {
    #expect(try warnings(acme("")) == [])
    #expect(
      try warnings(acme("issuers: [letsencrypt, https://ca.example.org/directory], ")) == [
        "3:9: 'acme' has no 'contact': Let's Encrypt needs none, and"
          + " 'https://ca.example.org/directory' may"
      ])
    // A private CA is the operator's own.
    #expect(
      try warnings(acme("ca: /ca.pem, issuers: [https://ca.example.org/directory], ")) == [])
    #expect(
      try warnings(
        acme("contact: ops@example.org, issuers: [https://ca.example.org/directory], ")) == [])
  }

  @Test func `a name that no route uses is a warning`() throws {
    #expect(
      try warnings(acme("", names: "[app.example.org, www.example.org]")) == [
        "3:73: no route is for 'www.example.org'"
      ])
    let dns = "dns: { hook: { command: /h } }, "
    // The route of a name of one more label is of use to the wildcard.
    #expect(try warnings(acme(dns, names: "[\"*.example.org\"]")) == [])
    #expect(
      try warnings(acme(dns, names: "[\"*.app.example.org\"]")) == [
        "3:88: no route is for '*.app.example.org'"
      ])
  }

  @Test func `a challenge that comes to a port where nobody listens is a warning`() throws {
    let http = "listen: { http: [\"0.0.0.0:8080\"], https: [\"0.0.0.0:8443\"] }\n"
    #expect(
      try warnings(http + acme("")) == [
        "4:56: challenge http for 'app.example.org' comes to port 80, and 'listen.http' has no address"
          + " with it"
      ])
    let alpn =
      "acme: { terms_accepted: true, certificates: [{ names: [app.example.org], challenge: tls-alpn }] }"
    #expect(try warnings(alpn) == [])
    #expect(
      try warnings(http + alpn) == [
        "4:85: challenge tls-alpn for 'app.example.org' comes to port 443, and 'listen.https' has no"
          + " address with it"
      ])
  }

  @Test func `what is configured and never used is a warning`() throws {
    #expect(
      try warnings(acme("dns: { hook: { command: /h } }, ")) == [
        "3:36: 'dns' is not used: no certificate has challenge dns"
      ])
    #expect(
      try warnings(
        acme(
          "issuers: [{ directory: letsencrypt, profile: tls-server, external_account: { id: a, key_file:"
            + " /k } }], ")) == [
          "3:54: letsencrypt takes no 'external_account'",
          "3:76: profile 'tls-server': letsencrypt has classic, tlsserver or shortlived; did you mean"
            + " 'tlsserver'?",
        ])
  }

  @Test func `a fleet needs a place in etcd for certificates and keys for what is secret`() throws {
    let fleet = """
      etcd: { endpoints: ["https://10.0.0.1:2379"], encryption_keys: /etc/keys }
      certificates: { etcd: {} }

      """
    #expect(try warnings(fleet + acme("")) == [])
  }

  @Test func `many certificates are read in a moment`() {
    let many = (0..<12_000).map { "- names: [a\($0).example.org, app.example.org]" }
    let text =
      ConfigurationFixture.valid + "acme:\n  terms_accepted: true\n  certificates:\n  "
      + many.joined(separator: "\n  ")
    let start = ContinuousClock.now
    let read = ConfigurationFixture.read(Array(text.utf8))
    #expect(read.lines.first == "edge.yaml:6:3: 'certificates' must have at most 1000, found 12000")
    #expect(ContinuousClock.now - start < .seconds(20))
  }
}
