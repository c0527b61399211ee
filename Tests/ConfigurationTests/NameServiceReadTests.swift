import DNSCore
import EventLoop
import HTTPCore
import Testing

@testable import Configuration

@Suite("The zone of the fleet, in the configuration")
struct NameServiceReadTests {
  private func configuration(_ text: String) throws -> Configuration {
    try ConfigurationFixture.configuration(ConfigurationFixture.valid + text)
  }

  /// Lines about a file whose text begins on line 3, all of which are warnings.
  private func warnings(_ text: String) -> [String] {
    let read = ConfigurationFixture.read(Array((ConfigurationFixture.valid + text).utf8))
    #expect(read.configuration != nil)
    #expect(read.lines.allSatisfy { $0.contains(": warning: ") })
    return read.lines.map { $0.replacing("edge.yaml:", with: "").replacing("warning: ", with: "") }
  }

  private func addresses(_ texts: String...) -> [IPAddress] {
    texts.compactMap { IPAddress(Array($0.utf8).span) }
  }

  @Test func `without the keys nothing is answered and nothing is kept`() throws {
    let configuration = try configuration("")
    #expect(configuration.publicAddresses == [])
    #expect(configuration.nameService == nil && configuration.records == nil)
  }

  @Test func `the shortest form listens on port 53 of each public address`() throws {
    let configuration = try configuration(
      """
      public: [203.0.113.1, "2001:db8::1"]
      dns: { zone: Fleet.Example.org. }
      etcd: { endpoints: ["https://10.0.0.1:2379"] }
      """)
    #expect(configuration.publicAddresses == addresses("203.0.113.1", "2001:db8::1"))
    #expect(
      configuration.nameService
        == NameServiceSettings(
          zone: try #require(DNSName("fleet.example.org")),
          listen: ["203.0.113.1:53", "[2001:db8::1]:53"].compactMap { SocketAddress($0) },
          seconds: 10, returnAfter: .seconds(30), servers: [], answersPerSecond: 200, names: []))
  }

  @Test func `a time to live without a unit is seconds, as in zone files`() throws {
    let configuration = try configuration(
      """
      public: [203.0.113.1]
      dns: { zone: fleet.example.org, ttl: 20, servers: [203.0.113.1] }
      """)
    #expect(configuration.nameService?.seconds == 20)
  }

  @Test func `every key is read`() throws {
    let configuration = try configuration(
      """
      public: [203.0.113.2, "2001:db8::2"]
      dns:
        zone: fleet.example.org
        listen: ["10.0.0.2:53"]
        ttl: 2s
        return_after: 0s
        servers: [203.0.113.1, [203.0.113.2, "2001:db8::2"]]
        rate_limit: off
        names: ["*.Example.org", www.example.net]
      """)
    #expect(
      configuration.nameService
        == NameServiceSettings(
          zone: try #require(DNSName("fleet.example.org")),
          listen: ["10.0.0.2:53"].compactMap { SocketAddress($0) }, seconds: 2,
          returnAfter: .zero,
          servers: [addresses("203.0.113.1"), addresses("203.0.113.2", "2001:db8::2")],
          answersPerSecond: nil, names: ["*.example.org", "www.example.net"]))
  }

  @Test func `what names and listeners are found at is kept for the checks of the surroundings`() {
    let named = NamedThings()
    let findings = Findings(path: "edge.yaml")
    let source = ConfigurationSource(environment: [:]) { (_, _) throws(SystemError) in [] }
    let text =
      ConfigurationFixture.valid
        + """
        public: [203.0.113.1]
        dns: { zone: fleet.example.org, servers: [203.0.113.1], listen: ["10.0.0.1:53"] }
        """
    _ = ConfigurationLoader.read(
      Array(text.utf8), source: source, findings: findings, named: named)
    #expect(findings.diagnostics == [])
    #expect(named.dns.addresses.map(\.address) == addresses("203.0.113.1"))
    #expect(named.dns.addresses.map(\.position.line) == [3])
    #expect(named.dns.listeners.map(\.address) == [SocketAddress("10.0.0.1:53")])
    #expect(named.dns.zone?.line == 4)
  }

  // MARK: Warnings

  @Test(arguments: [
    ("10.0.0.1", "is private (RFC 1918): clients in the same network alone reach it"),
    ("172.31.255.255", "is private (RFC 1918): clients in the same network alone reach it"),
    ("192.168.1.1", "is private (RFC 1918): clients in the same network alone reach it"),
    ("100.64.0.1", "is shared (RFC 6598): clients in the provider's network alone reach it"),
    ("127.0.0.2", "is loopback: clients on this machine alone reach it"),
    ("::1", "is loopback: clients on this machine alone reach it"),
    ("fd00::1", "is private (RFC 4193): clients in the same network alone reach it"),
  ])
  func `a public address that the world cannot reach is a warning`(_ text: String, _ said: String) {
    #expect(warnings("public: [\"\(text)\"]\n") == ["3:10: '\(text)' \(said)"])
  }

  @Test(arguments: [
    "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "192.167.0.1", "2a01::1",
  ])
  func `an address just beside such a network is none`(_ text: String) {
    #expect(warnings("public: [\"\(text)\"]\n") == [])
  }

  @Test func `one server without etcd is told that it is alone until it says so itself`() {
    let zone = "public: [203.0.113.1]\ndns: { zone: fleet.example.org"
    #expect(
      warnings(zone + " }\n") == [
        "4:8: without 'etcd' this server knows no other and is all of 'all.ZONE';"
          + " 'dns: { servers: … }' lists the servers of the fleet, or this one alone"
      ])
    #expect(warnings(zone + ", servers: [203.0.113.1] }\n") == [])
  }

  @Test func `an own address that the other servers do not know is a warning`() {
    #expect(
      warnings(
        """
        public: [203.0.113.1, "2001:db8::1"]
        dns: { zone: fleet.example.org, servers: [203.0.113.1, 203.0.113.2] }
        """) == [
          "4:42: '2001:db8::1' of 'public' is not in 'servers': the other servers do not answer it"
        ])
  }

  @Test func `a listener that resolvers do not find, or that others have, is a warning`() {
    #expect(
      warnings(
        """
        public: [203.0.113.1]
        dns: { zone: fleet.example.org, servers: [203.0.113.1], listen: ["0.0.0.0:53", "10.0.0.1:5353"] }
        """) == [
          "4:66: '0.0.0.0:53' is every address of this machine, and systemd-resolved has port 53 of"
            + " 127.0.0.53: write the addresses that clients ask",
          "4:80: resolvers ask port 53 alone: something has to lead from it to port 5353",
        ])
  }
}

@Suite("Mistakes in the zone of the fleet")
struct NameServiceMistakeTests {
  @Test(arguments: [
    Mistake(
      "public: 203.0.113.1",
      "3:9: 'public' must be a list of addresses such as [203.0.113.1, \"2001:db8::1\"], found"
        + " '203.0.113.1'; did you mean [\"203.0.113.1\"]?"),
    Mistake(
      "public: auto",
      "3:9: 'public' must be a list of addresses such as [203.0.113.1, \"2001:db8::1\"], found"
        + " 'auto'; it is not found out: behind NAT no interface of this machine has it"),
    Mistake("public: []", "3:9: 'public' must have at least one address"),
    Mistake(
      "public: [203.0.113.1, \"203.0.113.1:443\", edge.example.org, 203.0.113.0/24]",
      "3:23: 'public' must be an IP address such as 203.0.113.1, found '203.0.113.1:443'; no port"
        + " belongs here: did you mean '203.0.113.1'?",
      "3:42: 'public' must be an IP address such as 203.0.113.1, found 'edge.example.org'; host"
        + " names are not looked up, write the IP address",
      "3:60: 'public' must be an IP address such as 203.0.113.1, found '203.0.113.0/24'; addresses"
        + " are taken here, and no networks"),
    Mistake(
      "public: [\"[2001:db8::1]\", 203.0.113.256, \"fe80::1%eth0\"]",
      "3:10: 'public' must be an IP address such as 203.0.113.1, found '[2001:db8::1]'; did you mean"
        + " '2001:db8::1'?",
      "3:27: 'public' must be an IP address such as 203.0.113.1, found '203.0.113.256'; an IPv4"
        + " address has four numbers of at most 255, without zeros before them",
      "3:42: 'public' must be an IP address such as 203.0.113.1, found 'fe80::1%eth0'; an address"
        + " with a zone is of one link alone"),
    Mistake(
      "public: [0.0.0.0, \"::\", 224.0.0.1, 255.255.255.255, 169.254.1.1, \"fe80::1\", \"ff02::1\"]",
      "3:10: '0.0.0.0' is no address that clients connect to; write the addresses that DNS leads them to",
      "3:19: '::' is no address that clients connect to; write the addresses that DNS leads them to",
      "3:25: '224.0.0.1' is a multicast address, and no server's",
      "3:36: '255.255.255.255' is reserved, and no server's",
      "3:53: '169.254.1.1' is of one link alone: clients elsewhere cannot connect to it",
      "3:66: 'fe80::1' is of one link alone: clients elsewhere cannot connect to it",
      "3:77: 'ff02::1' is a multicast address, and no server's"),
    Mistake(
      "public:\n  - 203.0.113.1\n  - \"::ffff:203.0.113.1\"",
      "5:5: '203.0.113.1' is there twice, first on line 4"),
    Mistake(
      "public: [203.0.113.1, 203.0.113.2, 203.0.113.3, 203.0.113.4, 203.0.113.5, 203.0.113.6,"
        + " 203.0.113.7, 203.0.113.8, 203.0.113.9]",
      "3:9: 'public' must have at most 8 addresses of a server, found 9"),
    Mistake(
      "public_ip: 203.0.113.1",
      "3:1: unknown key 'public_ip'; 'public: [203.0.113.1]' lists the addresses at which clients"
        + " reach this server"),
  ])
  func `a public address that is none is told where it stands`(mistake: Mistake) {
    mistake.check(ConfigurationFixture.valid + mistake.text)
  }

  @Test(arguments: [
    Mistake(
      "dns: true",
      "5:6: 'dns' must be a mapping of keys, found 'true'; it has keys, such as { zone:"
        + " fleet.example.org }; what is asked by this server is looked up as the system does"),
    Mistake(
      "dns: [9.9.9.9]",
      "5:6: 'dns' must be a mapping of keys, found a list; it has keys, such as { zone:"
        + " fleet.example.org }; what is asked by this server is looked up as the system does"),
    Mistake(
      "dns: fleet.example.org",
      "5:6: 'dns' must be a mapping of keys, found 'fleet.example.org'; did you mean { zone:"
        + " fleet.example.org }?"),
    Mistake("dns: {}", "5:6: missing required key 'zone' in dns"),
    Mistake(
      "dns: { zone: fleet }",
      "5:14: 'zone' must be below a zone of yours, such as fleet.example.org, found 'fleet'"),
    Mistake(
      "dns: { zone: \"*.example.org\" }",
      "5:14: 'zone' must be a DNS name such as example.org, found '*.example.org'"),
    Mistake(
      "dns: { zone: 203.0.113.1 }", "5:14: 'zone' must be a name, found the address '203.0.113.1'"),
    Mistake(
      "dns: { zone: fleet.example.org, ttl: 1500ms }",
      "5:38: 'ttl' must be whole seconds, found '1500ms'; DNS counts no parts of them"),
    Mistake(
      "dns: { zone: fleet.example.org, ttl: 99999999999999999999 }",
      "5:38: 'ttl' must be a duration such as 10s, found '99999999999999999999'; did you mean"
        + " '99999999999999999999s'?"),
    Mistake(
      "dns: { zone: fleet.example.org, ttl: 1h }", "5:38: 'ttl' must be from 1s to 5m, found '1h'"),
    Mistake(
      "dns: { zone: fleet.example.org, return_after: 1h }",
      "5:47: 'return_after' must be from 0s to 10m, found '1h'"),
    Mistake(
      "dns: { zone: fleet.example.org, listen: \"203.0.113.1\" }",
      "5:41: 'listen' must be default or a list of addresses such as [\"203.0.113.1:53\"], found"
        + " '203.0.113.1'; did you mean [\"203.0.113.1:53\"]?"),
    Mistake(
      "dns: { zone: fleet.example.org, listen: public }",
      "5:41: 'listen' must be default or a list of addresses such as [\"203.0.113.1:53\"], found"
        + " 'public'; did you mean 'default'?"),
    Mistake(
      "dns: { zone: fleet.example.org, listen: [203.0.113.1, \"0.0.0.0:443\"] }",
      "5:42: 'listen' must be an IP address with a port such as 192.0.2.1:53, found '203.0.113.1';"
        + " did you mean '203.0.113.1:53'?",
      "5:55: '0.0.0.0:443' is listened at already",
      "5:55: warning: '0.0.0.0:443' is every address of this machine, and systemd-resolved has port 53"
        + " of 127.0.0.53: write the addresses that clients ask",
      "5:55: warning: resolvers ask port 53 alone: something has to lead from it to port 443"),
    Mistake(
      "dns: { zone: fleet.example.org, listen: [] }",
      "5:41: 'listen' must have at least one address; 'default' is those of 'public'"),
    Mistake(
      "dns: { zone: fleet.example.org, listen: [\"203.0.113.1:53\", \"203.0.113.1:53\"] }",
      "5:60: '203.0.113.1:53' is listened at twice, first on line 5"),
    Mistake(
      "dns: { zone: fleet.example.org, rate_limit: 0 }",
      "5:45: 'rate_limit' must be a number of answers a second such as 200, or off, found '0'; did you"
        + " mean 'off'?"),
    Mistake(
      "dns: { zone: fleet.example.org, rate_limit: 200/s }",
      "5:45: 'rate_limit' must be a number of answers a second such as 200, or off, found '200/s'; did"
        + " you mean '200'?"),
    Mistake(
      "dns: { zone: fleet.example.org, rate_limit: 1 }",
      "5:45: 'rate_limit' must be a number of answers a second such as 200, or off, found '1'; it is"
        + " from 5 to 100000"),
    Mistake(
      "dns: { zone: fleet.example.org, names: [\"*\", all.fleet.example.org, 192.0.2.1] }",
      "5:41: '*' is no name: '*.example.org' stands for all names below one of yours",
      "5:46: 'all.fleet.example.org' is in 'fleet.example.org' itself; 'names' are those outside of it"
        + " that lead to 'all.fleet.example.org'",
      "5:69: '192.0.2.1' is an IP address, and 'names' are names of yours"),
    Mistake(
      "dns: { zone: fleet.example.org, names: [a.example.org, A.example.org] }",
      "5:56: 'a.example.org' is there twice, first on line 5"),
    Mistake(
      "dns: { zone: fleet.example.org, servers: [203.0.113.1] }",
      "5:42: 'servers' is for a fleet without etcd: through etcd the servers know one another"),
    Mistake(
      "dns: { domain: fleet.example.org, soa: x, dnssec: on }",
      "5:8: unknown key 'domain' in dns; 'zone' is what is delegated to the servers",
      "5:35: unknown key 'soa' in dns; the servers make the SOA record themselves",
      "5:43: unknown key 'dnssec' in dns; the zone is not signed: leave its DS record out at the"
        + " provider"),
  ])
  func `a mistake in dns is told where it stands`(mistake: Mistake) {
    let before = "etcd: { endpoints: [\"https://10.0.0.1:2379\"] }\npublic: [203.0.113.1]\n"
    mistake.check(ConfigurationFixture.valid + before + mistake.text)
  }

  @Test(arguments: [
    Mistake(
      "dns: { zone: fleet.example.org, servers: [203.0.113.2] }",
      "3:8: 'dns' needs 'public', the addresses at which clients reach this server: public:"
        + " [203.0.113.1]"),
    Mistake(
      "public: [203.0.113.1]\ndns: { zone: fleet.example.org, servers: [203.0.113.2] }",
      "4:42: 'servers' has no address of 'public': it lists this server too, and is the same on all"
        + " servers"),
    Mistake(
      "public: [203.0.113.1, 203.0.113.2]\n"
        + "dns: { zone: fleet.example.org, servers: [203.0.113.1, 203.0.113.2] }",
      "4:42: 'servers' has addresses of 'public' as two servers; those of one are a list in it"),
    Mistake(
      "public: [203.0.113.1]\n"
        + "dns: { zone: fleet.example.org, servers: [203.0.113.1, { name: a }, [203.0.113.1], []] }",
      "4:42: 'servers' has addresses of 'public' as two servers; those of one are a list in it",
      "4:56: 'servers' must be the address of a server, or a list of the addresses of one, found a"
        + " mapping",
      "4:70: '203.0.113.1' is there twice, first on line 4",
      "4:84: 'servers' must have at least one address"),
    Mistake(
      "public: [203.0.113.1]\ndns: { zone: fleet.example.org, servers: 203.0.113.1 }",
      "4:42: 'servers' must be a list of addresses such as [203.0.113.1, [203.0.113.2,"
        + " \"2001:db8::2\"]], found '203.0.113.1'; did you mean [\"203.0.113.1\"]?"),
    Mistake(
      "public: [203.0.113.1]\ndns: { zone: fleet.example.org, servers: [] }",
      "4:42: 'servers' must have at least this server"),
  ])
  func `a list of servers that does not fit this one is told where it stands`(mistake: Mistake) {
    mistake.check(ConfigurationFixture.valid + mistake.text)
  }

  @Test func `a zone so long that no name fits before it is refused`() {
    let zone = Array(repeating: "abcdefghi", count: 19).joined(separator: ".")
    Mistake(
      "",
      "4:14: 'zone' must have at most 180 characters, found 189: names of yours stand before it"
    ).check(
      ConfigurationFixture.valid
        + "public: [203.0.113.1]\ndns: { zone: \(zone), servers: [203.0.113.1] }")
  }

  @Test func `many servers are read in a moment and refused beyond three hundred`() {
    let many = (0..<60_000).map { "10.\($0 >> 16).\($0 >> 8 & 255).\($0 & 255)" }
    let text =
      ConfigurationFixture.valid
      + "public: [10.0.0.0]\ndns: { zone: fleet.example.org, servers: [\(many.joined(separator: ", "))] }"
    let start = ContinuousClock.now
    let read = ConfigurationFixture.read(Array(text.utf8))
    #expect(read.configuration == nil)
    #expect(read.lines.last == "edge.yaml:4:42: 'servers' must have at most 300, found 60000")
    #expect(ContinuousClock.now - start < .seconds(20))
  }
}
