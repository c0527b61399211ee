import Testing

@testable import Configuration

@Suite("How values for a CA come into DNS, in the configuration")
struct AcmeWayTests {
  private static let zone =
    "public: [203.0.113.1]\ndns: { zone: fleet.example.org, servers: [203.0.113.1] }\n"
  private static let records =
    "etcd: { endpoints: [\"https://10.0.0.1:2379\"], encryption_keys: /k }\n"
    + "certificates: { etcd: {} }\npublic: [203.0.113.1]\n"
    + "records: { provider: exec, zone: example.org, names: [www], command: /h }\n"

  private func acme(_ more: String, names: String = "[\"*.example.org\"]") -> String {
    "acme: { terms_accepted: true, \(more)certificates: [{ names: \(names) }] }\n"
  }

  private func way(_ text: String) throws -> AcmeSettings.DNSWay? {
    let configuration = try ConfigurationFixture.configuration(ConfigurationFixture.valid + text)
    return try #require(configuration.acme).dns
  }

  @Test func `the words are the zone of the fleet and the provider of the records`() throws {
    #expect(try way(Self.zone + acme("dns: fleet, ")) == .fleet)
    #expect(try way(Self.records + acme("dns: records, ")) == .records)
  }

  @Test func `what is not said is the zone of the fleet, else the provider`() throws {
    #expect(try way(Self.zone + acme("")) == .fleet)
    #expect(try way(Self.records + acme("")) == .records)
    let both = Self.records + "dns: { zone: fleet.example.org }\n"
    #expect(try way(both + acme("")) == .fleet)
    #expect(try way(both + acme("dns: records, ")) == .records)
    let hook = AcmeSettings.Hook(command: "/h", timeout: .seconds(120), wait: .zero)
    #expect(try way(Self.zone + acme("dns: { hook: { command: /h } }, ")) == .hook(hook))
  }

  @Test func `no way is taken where no certificate needs one`() throws {
    #expect(try way(Self.zone + acme("", names: "[app.example.org]")) == nil)
  }

  @Test(arguments: [
    Mistake(
      "acme: { terms_accepted: true, dns: fleet, certificates: [{ names: [\"*.example.org\"] }] }",
      "3:36: 'dns: fleet' needs 'dns' at the top, which names the zone that the servers answer"),
    Mistake(
      "acme: { terms_accepted: true, dns: records, certificates: [{ names: [\"*.example.org\"] }] }",
      "3:36: 'dns: records' needs 'records' at the top, which names the provider"),
    Mistake(
      "acme: { terms_accepted: true, dns: rfc2136, certificates: [{ names: [\"*.example.org\"] }] }",
      "3:36: 'dns' must be fleet, records, or a mapping with 'update' or 'hook', found 'rfc2136'; did"
        + " you mean { update: … }?"),
    Mistake(
      "acme: { terms_accepted: true, dns: /usr/bin/hook, certificates: [{ names: [\"*.example.org\"] }] }",
      "3:36: 'dns' must be fleet, records, or a mapping with 'update' or 'hook', found '/usr/bin/hook';"
        + " did you mean { hook: { command: /usr/bin/hook } }?"),
    Mistake(
      "acme: { terms_accepted: true, dns: flet, certificates: [{ names: [\"*.example.org\"] }] }",
      "3:36: 'dns' must be fleet, records, or a mapping with 'update' or 'hook', found 'flet'; did you"
        + " mean 'fleet'?"),
    Mistake(
      "acme: { terms_accepted: true, dns: true, certificates: [{ names: [\"*.example.org\"] }] }",
      "3:36: 'dns' must be fleet, records, or a mapping with 'update' or 'hook', found 'true'; did you"
        + " mean 'fleet'?"),
    Mistake(
      "acme: { terms_accepted: true, certificates: [{ names: [\"*.example.org\"] }] }",
      "3:56: '*.example.org' needs challenge dns, and that 'dns' at the top, or 'acme.dns' with"
        + " 'update' or 'hook'"),
  ])
  func `a way that is none is told where it stands`(mistake: Mistake) {
    mistake.check(ConfigurationFixture.valid + mistake.text)
  }

  @Test func `a name for which the zone cannot answer is refused`() {
    let long = Array(repeating: "abcdefghi", count: 23).joined(separator: ".") + ".example.org"
    Mistake(
      "",
      "5:56: '*.all.fleet.example.org' is in 'fleet.example.org', and the zone of 'dns' answers for names"
        + " outside of it",
      "5:96: '\(Found.shortened(long))' is too long: '_acme-challenge.' before it and 'fleet.example.org'"
        + " behind it are a name of more than 255 bytes"
    ).check(
      "upstreams: { app: { nodes: [\"10.0.0.1:3031\"] } }\n"
        + "routes: [{ host: \"a.all.fleet.example.org\", upstream: app }, { host: \(long), upstream: app }]\n"
        + Self.zone
        + "acme: { terms_accepted: true, certificates: [{ names: [\"*.all.fleet.example.org\"] },"
        + " { names: [\(long)], challenge: dns }] }")
  }

  @Test func `several servers without etcd cannot answer a CA together`() {
    Mistake(
      "",
      "5:56: '*.example.org' needs 'etcd' for the zone of 'dns': a CA may ask any of 'servers', and without"
        + " etcd one alone has the value"
    ).check(
      ConfigurationFixture.valid
        + Self.zone.replacing("[203.0.113.1] }", with: "[203.0.113.1, 203.0.113.2] }")
        + acme(""))
  }

  @Test func `a name outside of the zone at the provider is refused`() {
    Mistake(
      "", "7:56: '*.example.net' is not in 'example.org', the zone of 'records'"
    ).check(
      "upstreams: { app: { nodes: [\"10.0.0.1:3031\"] } }\n"
        + "routes: [{ host: \"a.example.net\", upstream: app }]\n" + Self.records
        + "acme: { terms_accepted: true, certificates: [{ names: [\"*.example.net\"] }] }")
  }
}
