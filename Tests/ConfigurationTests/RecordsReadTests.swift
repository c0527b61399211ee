import DNSCore
import EventLoop
import Testing

@testable import Configuration

@Suite("Records at a provider, in the configuration")
struct RecordsReadTests {
  private static let before = """
    etcd: { endpoints: ["https://10.0.0.1:2379"] }
    public: [203.0.113.1]

    """

  private func records(_ text: String) throws -> RecordsSettings {
    let configuration = try ConfigurationFixture.configuration(
      ConfigurationFixture.valid + Self.before + text)
    return try #require(configuration.records)
  }

  private func name(_ text: String) throws -> DNSName { try #require(DNSName(text)) }

  @Test func `a name server that takes updates is read with its defaults`() throws {
    let settings = try records(
      """
      records:
        provider: rfc2136
        zone: Example.org.
        names: ["*", "@"]
        server: 192.0.2.1:53
        key_name: edge
        key_file: /etc/edgeproxy/tsig.key
      """)
    #expect(
      settings
        == RecordsSettings(
          provider: .update(
            RecordsSettings.Update(
              server: try #require(SocketAddress("192.0.2.1:53")), keyName: try name("edge"),
              keyFile: "/etc/edgeproxy/tsig.key", algorithm: .sha256)),
          zone: try name("example.org"),
          names: [try name("*.example.org"), try name("example.org")], seconds: 60,
          isDryRun: false))
  }

  @Test func `ClouDNS is read with each kind of user`() throws {
    let start =
      "records: { provider: cloudns, zone: example.org, names: [www], ttl: 5m, dry_run: true,"
      + " password_file: /p, "
    let settings = try records(start + "sub_auth_id: 17 }")
    #expect(
      settings
        == RecordsSettings(
          provider: .cloudns(
            RecordsSettings.ClouDNS(
              user: .sub(17), passwordFile: "/p", url: "https://api.cloudns.net",
              authorityFile: nil)),
          zone: try name("example.org"), names: [try name("www.example.org")], seconds: 300,
          isDryRun: true))
    for (user, expected) in [
      ("auth_id: 4", RecordsSettings.ClouDNS.User.main(4)),
      ("sub_auth_user: edge", .subName("edge")),
    ] {
      let provider = try records(
        start + "url: \"https://127.0.0.1:8443/api\", ca: /ca, " + user + " }"
      ).provider
      #expect(
        provider
          == .cloudns(
            RecordsSettings.ClouDNS(
              user: expected, passwordFile: "/p", url: "https://127.0.0.1:8443/api",
              authorityFile: "/ca")))
    }
  }

  @Test func `a program is read with its defaults and without`() throws {
    let start =
      "records: { provider: exec, zone: example.org, names: [\"*\"], command: /usr/bin/hook"
    #expect(
      try records(start + " }").provider
        == .hook(
          RecordsSettings.Hook(
            command: "/usr/bin/hook", mode: .own, environmentFile: nil, timeout: .seconds(60))))
    #expect(
      try records(start + ", mode: lego, environment_file: /e, timeout: 5s }").provider
        == .hook(
          RecordsSettings.Hook(
            command: "/usr/bin/hook", mode: .lego, environmentFile: "/e", timeout: .seconds(5))))
  }

  @Test(arguments: [
    ("@", "example.org"), ("*", "*.example.org"), ("www", "www.example.org"),
    ("*.app", "*.app.example.org"), ("WWW.example.org.", "www.example.org"),
    ("*.example.org", "*.example.org"), ("example.org", "example.org"),
    ("a.b.example.org", "a.b.example.org"), ("org", "org.example.org"),
  ])
  func `a name is one label of the zone, or whole`(_ text: String, _ whole: String) throws {
    let settings = try records(
      "records: { provider: exec, zone: example.org, names: [\"\(text)\"], command: /h }")
    #expect(settings.names.map(\.description) == [whole])
  }

  @Test func `a server that knows no other is told what it keeps`() {
    let read = ConfigurationFixture.read(
      Array(
        (ConfigurationFixture.valid
          + "public: [203.0.113.1]\nrecords: { provider: exec, zone: a.org, names: [www], command: /h }")
          .utf8))
    #expect(read.configuration != nil)
    #expect(
      read.lines == [
        "edge.yaml:4:12: warning: without 'etcd' this server knows no other, and keeps its own"
          + " addresses alone in 'records'"
      ])
  }

  @Test(arguments: [
    Mistake(
      "records: cloudns",
      "5:10: 'records' must be a mapping of keys, found 'cloudns'; it has keys, such as { provider:"
        + " cloudns, zone: example.org, names: [\"*\"] }"),
    Mistake(
      "records: {}",
      "5:10: missing required key 'zone' in records",
      "5:10: missing required key 'provider' in records",
      "5:10: missing required key 'names' in records"),
    Mistake(
      "records: { provider: rfc2136, zone: example.org, names: [\"*\"] }",
      "5:22: 'provider: rfc2136' needs 'server', IP:PORT of the primary of the zone",
      "5:22: 'provider: rfc2136' needs 'key_name', the name of the TSIG key",
      "5:22: 'provider: rfc2136' needs 'key_file', the file of its secret"),
    Mistake(
      "records: { provider: cloudns, zone: example.org, names: [\"*\"] }",
      "5:22: 'provider: cloudns' needs 'password_file', the file of the password of the API user",
      "5:22: 'provider: cloudns' needs 'sub_auth_id', 'sub_auth_user' or 'auth_id', the user of its API"
    ),
    Mistake(
      "records: { provider: exec, zone: example.org, names: [\"*\"] }",
      "5:22: 'provider: exec' needs 'command', the program"),
    Mistake(
      "records: { provider: exec, zone: example.org, names: [\"*\"], command: /h, auth_id: x, key_file: /k }",
      "5:83: 'auth_id' is of 'provider: cloudns', and this is exec",
      "5:96: 'key_file' is of 'provider: rfc2136', and this is exec"),
    Mistake(
      "records: { provider: exec, zone: example.org, names: [\"*\"], command: lexicon cloudflare }",
      "5:70: 'command' must be the whole path of a program, found 'lexicon cloudflare'; it is called"
        + " without a shell"),
    Mistake(
      "records: { provider: exec, zone: example.org, names: [\"*\"], command: /h, timeout: 2m }",
      "5:83: 'timeout' must be from 1s to 1m, found '2m'"),
    Mistake(
      "records: { provider: cloudflare, zone: example.org, names: [\"*\"] }",
      "5:22: 'provider' must be rfc2136, cloudns or exec, found 'cloudflare'; it is reached through"
        + " 'provider: exec' with a program such as /usr/share/edgeproxy/hooks/lexicon"),
    Mistake(
      "records: { provider: nsupdate, zone: example.org, names: [\"*\"] }",
      "5:22: 'provider' must be rfc2136, cloudns or exec, found 'nsupdate'; did you mean 'rfc2136'?"
    ),
    Mistake(
      "records: { provider: cloudns, zone: example.org, names: [\"*\"], password_file: /p, auth_id: 1,"
        + " sub_auth_id: 2 }",
      "5:108: 'sub_auth_id' beside 'auth_id': there is one user"),
    Mistake(
      "records: { provider: cloudns, zone: example.org, names: [\"*\"], password_file: /p, auth_id: 1, ttl: 4m }",
      "5:100: 'ttl' must be 1m, 5m, 15m, 30m, 1h, 6h, 12h or 24h at ClouDNS, found '4m'; did you mean"
        + " '5m'?"),
    Mistake(
      "records: { provider: cloudns, zone: example.org, names: [\"*\"], password_file: /p, auth_id: 1,"
        + " url: \"http://api.cloudns.net\" }",
      "5:100: 'url' must be the https URL that the paths of the API are behind, found"
        + " 'http://api.cloudns.net'; the password goes to it, so it is asked by https only"),
    Mistake(
      "records: { provider: exec, zone: example.org, names: [], command: /h }",
      "5:54: 'names' must have at least one name"),
    Mistake(
      "records: { provider: exec, zone: example.org, names: [www.example.net, a.b., 192.0.2.1], command: /h }",
      "5:55: 'names' must be *, @, one label such as www, or a whole name in the zone 'example.org', found"
        + " 'www.example.net'; a name of several labels is written whole, in the zone",
      "5:72: 'names' must be *, @, one label such as www, or a whole name in the zone 'example.org', found"
        + " 'a.b.'; a name of several labels is written whole, in the zone",
      "5:78: 'names' must be *, @, one label such as www, or a whole name in the zone 'example.org', found"
        + " '192.0.2.1'; no addresses belong here"),
    Mistake(
      "records: { provider: exec, zone: example.org, names: [www, www.example.org], command: /h }",
      "5:60: 'www.example.org' is there twice, first on line 5"),
    Mistake(
      "records: { provider: exec, zone: org, names: [www], command: /h }",
      "5:34: 'zone' must be the zone at the provider, such as example.org, found 'org'"),
    Mistake(
      "records: { provider: cloudns, zone: example.org, names: [www], password: secret, auth-id: 5 }",
      "5:64: unknown key 'password' in records; 'password_file' is a file with the password",
      "5:82: unknown key 'auth-id' in records; did you mean 'auth_id'?"),
  ])
  func `a mistake in records is told where it stands`(mistake: Mistake) {
    mistake.check(ConfigurationFixture.valid + Self.before + mistake.text)
  }

  @Test func `records without public addresses have nothing to keep`() {
    Mistake(
      "",
      "4:12: 'records' needs 'public', the addresses at which clients reach this server: public:"
        + " [203.0.113.1]"
    ).check(
      ConfigurationFixture.valid + "etcd: { endpoints: [\"https://10.0.0.1:2379\"] }\n"
        + "records: { provider: exec, zone: example.org, names: [www], command: /h }")
  }
}
