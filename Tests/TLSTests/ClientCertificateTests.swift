import TLS
import TestSupport
import Testing

@Suite("Certificates of clients, RFC 8446 §4.3.2 and RFC 5246 §7.4.4")
struct ClientCertificateTests {
  private let authority = TestAuthority()
  private let clients = TestAuthority("Clients")
  private static let versions = [TLSClient.Version.tls12, .tls13]
  private static let forClients = [TestAuthority.Trait.purpose("clientAuth")]

  private func rule(_ authorities: TestAuthority..., isRequired: Bool = true) throws -> ClientRule {
    let pem = authorities.map(\.pem).joined()
    return ClientRule(try ClientAuthorities(pem: Array(pem.utf8)), isRequired: isRequired)
  }

  /// Asks for certificates as `rules` say, of `a.test` and `b.test`, with one certificate for both.
  private func context(
    _ rules: [String: ClientRule], keys: TicketKeys? = nil
  ) throws -> ServerContext {
    let certificate = try authority.certificate("a.test", "b.test")
    return try .serving(
      [[certificate]], Names(["a.test": 0, "b.test": 0], fallback: 0, rules: rules), keys: keys)
  }

  private func connect(
    _ context: ServerContext, _ identity: TestAuthority.Issued?,
    _ version: TLSClient.Version = .tls13, to name: String? = "a.test"
  ) throws -> (outcome: Loopback.Outcome, server: TLSStream) {
    var offer = TLSClient.Offer(name, version)
    offer.identity = identity
    let pair = try Loopback(context, offer)
    return (pair.handshake(), pair.server)
  }

  @Test(arguments: versions)
  func `a certificate of the authority is verified and says who the client is`(
    version: TLSClient.Version
  ) throws {
    let identity = clients.issue([], traits: Self.forClients)
    let (outcome, server) = try connect(
      context(["a.test": rule(clients)]), identity, version)
    #expect(outcome == .agreed)
    let client = try #require(server.verifiedClient)
    #expect(client.subject == Array("CN=leaf".utf8))
    #expect(client.issuer == Array("CN=Clients".utf8))
    #expect(client.fingerprint.count == 64)
    #expect(!client.serial.isEmpty)
  }

  @Test func `keys of clients may be RSA, ECDSA or Ed25519`() throws {
    let context = try context(["a.test": rule(clients)])
    for key in [TestAuthority.Key.p256, .rsa2048, .ed25519] {
      let identity = clients.issue([], key: key)
      #expect(try connect(context, identity).server.verifiedClient != nil, "\(key)")
    }
  }

  /// What a client shows, and what the log says of it.
  private func strangers() -> [(TestAuthority.Issued, String)] {
    let stranger = TestAuthority("Clients")
    var below = clients
    for depth in 1...5 { below = below.intermediate("Below \(depth)") }
    return [
      (clients.issue([], from: -7200, until: -60), "it has expired"),
      (clients.issue([], from: 3600), "it is not valid yet"),
      (TestAuthority.selfSigned(["me.test"]), "it is self-signed"),
      (TestAuthority("Others").issue([]), "no authority of the file has issued it"),
      (stranger.issue([]), "it names an issuer whose key did not sign it"),
      (
        clients.issue([], traits: [.purpose("serverAuth")]),
        "it is not for clients: its key usage, or 'clientAuth' is missing"
      ),
      (
        below.issue([]),
        "its chain has more than 4 certificates between it and an authority"
      ),
      (
        clients.intermediate(until: -60).issue([]), "certificate 2 of its chain has expired"
      ),
      (clients.issue([], key: .explicitCurve), "an EC key of its chain has explicit parameters"),
      (clients.issue([], key: .rsa(bits: 1024)), "EE certificate key too weak"),
    ]
  }

  @Test(arguments: versions, [true, false])
  func `a certificate that cannot be verified ends the handshake, and the reason is told`(
    version: TLSClient.Version, isRequired: Bool
  ) throws {
    let context = try context(["a.test": rule(clients, isRequired: isRequired)])
    for (identity, reason) in strangers() {
      let (outcome, server) = try connect(context, identity, version)
      #expect(outcome != .agreed, "\(reason)")
      #expect(server.verifiedClient == nil)
      guard case .clientCertificate(let refused) = server.refusal else {
        Issue.record("no reason where it should be '\(reason)': \(server.refusal as Any)")
        continue
      }
      #expect(refused.reason == reason)
    }
  }

  @Test(arguments: versions)
  func `without a certificate a client is refused where one is required`(
    version: TLSClient.Version
  ) throws {
    let (outcome, server) = try connect(context(["a.test": rule(clients)]), nil, version)
    #expect(outcome != .agreed)
    #expect(server.refusal == .noClientCertificate)
  }

  @Test(arguments: versions)
  func `without a certificate a client is let in where one is optional`(
    version: TLSClient.Version
  ) throws {
    let rule = try rule(clients, isRequired: false)
    let (outcome, server) = try connect(context(["a.test": rule]), nil, version)
    #expect(outcome == .agreed)
    #expect(server.verifiedClient == nil)
    #expect(server.clientRule == rule)
  }

  @Test func `a host without a rule asks for nothing, and so does one that is not named`() throws {
    let context = try context(["a.test": rule(clients)])
    for name in ["b.test", nil] {
      let (outcome, server) = try connect(context, clients.issue([]), to: name)
      #expect(outcome == .agreed)
      #expect(server.verifiedClient == nil && server.clientRule == nil)
    }
  }

  @Test func `each certificate of the file is trusted by itself, also one below another`() throws {
    let below = clients.intermediate()
    let context = try context(["a.test": rule(authority, below)])
    #expect(try connect(context, below.issue([])).server.verifiedClient != nil)
    #expect(try connect(context, clients.issue([])).outcome != .agreed)
  }

  @Test func `no name of a certificate can end a field, or pass for another`() throws {
    let evil = TestAuthority("Evil\r\nX-Admin: 1,CN=root \u{FC}\u{0}")
    let server = try connect(context(["a.test": rule(evil)]), evil.issue([])).server
    let client = try #require(server.verifiedClient)
    #expect(client.issuer == Array("CN=Evil\\0D\\0AX-Admin: 1\\,CN=root \\C3\\BC\\00".utf8))
  }

  // MARK: Sessions

  @Test(arguments: versions)
  func `a client that has shown a certificate gets no ticket and shows it on each connection`(
    version: TLSClient.Version
  ) throws {
    let context = try context(["a.test": rule(clients, isRequired: false)])
    let identity = clients.issue([])
    #expect(try context.visit("a.test", version, identity: identity).ticket == nil)
    // Without it the same client has one, which says nothing of who it is.
    let ticket = try #require(try context.visit("a.test", version).ticket)
    #expect(try context.visit("a.test", version, ticket: ticket).isResumed)
  }

  @Test(arguments: versions)
  func `a ticket of a host that asks for nothing does not get past one that does`(
    version: TLSClient.Version
  ) throws {
    let keys = try TicketKeys()
    let before = try context([:], keys: keys)
    let ticket = try #require(try before.visit("a.test", version).ticket)
    #expect(try before.visit("a.test", version, ticket: ticket).isResumed)
    let after = try context(["a.test": rule(clients)], keys: keys)
    var offer = TLSClient.Offer("a.test", version)
    offer.ticket = ticket
    let pair = try Loopback(after, offer)
    #expect(pair.handshake() != .agreed)
    #expect(pair.server.refusal == .noClientCertificate)
  }

  @Test(arguments: versions)
  func `a ticket is worth nothing once the authorities or the mode are others`(
    version: TLSClient.Version
  ) throws {
    let keys = try TicketKeys()
    let optional = try rule(clients, isRequired: false)
    let ticket = try #require(
      try context(["a.test": optional], keys: keys).visit("a.test", version).ticket)
    let same = try context(["a.test": rule(clients, isRequired: false)], keys: keys)
    #expect(try same.visit("a.test", version, ticket: ticket).isResumed)
    let other = try context(["a.test": rule(authority, isRequired: false)], keys: keys)
    #expect(try !other.visit("a.test", version, ticket: ticket).isResumed)
    let without = try context([:], keys: keys)
    #expect(try !without.visit("a.test", version, ticket: ticket).isResumed)
    let required = try context(["a.test": rule(clients)], keys: keys)
    let identity = clients.issue([])
    #expect(
      try !required.visit("a.test", version, ticket: ticket, identity: identity).isResumed)
  }

  @Test func `other rules count from the next handshake on, and a connection keeps its own`() throws
  {
    let first = try rule(clients)
    let context = try context(["a.test": first])
    let server = try connect(context, clients.issue([])).server
    let names = Names(["a.test": 0], rules: ["a.test": try rule(authority)])
    context.install([[try authority.certificate("a.test")]], names)
    #expect(server.clientRule == first)
    #expect(try connect(context, clients.issue([])).outcome != .agreed)
    #expect(try connect(context, authority.issue([])).outcome == .agreed)
  }
}

@Suite("Files of authorities for clients' certificates")
struct ClientAuthoritiesTests {
  private let clients = TestAuthority("Clients")

  private func error(_ text: String) -> ClientAuthoritiesError? {
    do throws(ClientAuthoritiesError) {
      _ = try ClientAuthorities(pem: Array(text.utf8))
      return nil
    } catch {
      return error
    }
  }

  @Test func `a file with several authorities is taken`() {
    #expect(error(clients.pem + TestAuthority("Others").pem) == nil)
  }

  @Test func `what is no authority is refused, with its place`() {
    let leaf = clients.issue(["a.test"])
    #expect(error(clients.pem + leaf.certificate) == .noAuthority(position: 2))
    #expect(error(leaf.key + clients.pem) == .holdsKey)
    #expect(error("") == .unreadable(.noCertificate))
    let lines = clients.pem.split(separator: "\n", omittingEmptySubsequences: false)
    let damaged = lines.enumerated().map { index, line in
      index == 2 ? String(repeating: "A", count: 64) : String(line)
    }
    #expect(error(clients.pem + damaged.joined(separator: "\n")) == .malformed(position: 2))
    #expect(error(String(clients.pem.dropLast(30))) == .unreadable(.unclosedBlock(line: 1)))
  }

  @Test func `as many certificates are taken as chains may be looked for among`() {
    let most = ClientAuthorities.countMax
    #expect(error(String(repeating: clients.pem, count: most)) == nil)
    #expect(
      error(String(repeating: clients.pem, count: most + 1))
        == .tooMany(count: most + 1, limit: most))
  }

  @Test func `two rules are the same where they ask for the same`() throws {
    let authorities = try ClientAuthorities(pem: Array(clients.pem.utf8))
    let again = try ClientAuthorities(pem: Array(("\n" + clients.pem).utf8))
    let rule = ClientRule(authorities, isRequired: true)
    #expect(rule == ClientRule(again, isRequired: true))
    #expect(rule != ClientRule(authorities, isRequired: false))
    let others = try ClientAuthorities(pem: Array(TestAuthority("Others").pem.utf8))
    #expect(rule != ClientRule(others, isRequired: true))
  }

  @Test func `an authority that has ended is a warning`() throws {
    let authorities = try ClientAuthorities(
      pem: Array((clients.pem + TestAuthority("Old", until: -60).pem).utf8))
    let end = try Certificate(pem: clients.issue(["a.test"]).bundle).notAfter - 43_200
    let warnings = authorities.warnings(now: end)
    #expect(warnings.count == 1)
    #expect(warnings.allSatisfy { $0.hasPrefix("certificate 2 of it expired") })
  }
}
