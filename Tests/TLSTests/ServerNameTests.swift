import TLS
import TestSupport
import Testing

@Suite("The server name chooses the certificate, RFC 6066 §3")
struct ServerNameTests {
  private let authority = TestAuthority()

  @Test(arguments: [TLSClient.Version.tls12, .tls13])
  func `each name gets its own certificate`(version: TLSClient.Version) throws {
    let first = try authority.certificate("a.test")
    let second = try authority.certificate("b.test")
    let context = try ServerContext.serving(
      [[first], [second]], Names(["a.test": 0, "b.test": 1]))
    for (name, expected) in [("a.test", first), ("b.test", second)] {
      let pair = try Loopback(context, .init(name, version))
      #expect(pair.handshake() == .agreed)
      #expect(pair.client.certificate == expected.chain[0])
      #expect(pair.server.serverName == Array(name.utf8))
    }
  }

  @Test func `the name reaches the selector as it was sent, the stream keeps it in lower case`()
    throws
  {
    let context = try ServerContext.serving(
      [[try authority.certificate("a.test")]], Names(["A.Test": 0], fallback: 0))
    let pair = try Loopback(context, .init("A.Test"))
    #expect(pair.handshake() == .agreed)
    #expect(pair.server.serverName == Array("a.test".utf8))
    #expect(pair.server.selected === context.selector?.fallback)
  }

  @Test(arguments: [TLSClient.Version.tls12, .tls13])
  func `an unknown name is refused with unrecognized_name`(version: TLSClient.Version) throws {
    let context = try ServerContext.serving(
      [[try authority.certificate("a.test")]], Names(["a.test": 0], fallback: 0))
    let pair = try Loopback(context, .init("b.test", version))
    #expect(pair.handshake() == .clientRefused("tlsv1 unrecognized name"))
    #expect(pair.server.refusal == .unknownName(Array("b.test".utf8)))
  }

  @Test(arguments: [TLSClient.Version.tls12, .tls13])
  func `a client without a name gets the default`(version: TLSClient.Version) throws {
    let second = try authority.certificate("b.test")
    let context = try ServerContext.serving(
      [[try authority.certificate("a.test")], [second]], Names([:], fallback: 1))
    let pair = try Loopback(context, .init(nil, version))
    #expect(pair.handshake() == .agreed)
    #expect(pair.client.certificate == second.chain[0])
    #expect(pair.server.serverName.isEmpty)
  }

  @Test(arguments: ["127.0.0.1", "203.0.113.7", "2001:db8::1", "10.1"])
  func `an address in place of a name is taken as none`(address: String) throws {
    let context = try ServerContext.serving(
      [[try authority.certificate("a.test")]], Names(["a.test": 0], fallback: 0))
    for version in [TLSClient.Version.tls12, .tls13] {
      let pair = try Loopback(context, .init(address, version))
      #expect(pair.handshake() == .agreed)
      #expect(pair.server.serverName.isEmpty)
    }
  }

  @Test(arguments: ["1a.test", "a.1b", "127.0.0.1.test"])
  func `a name with figures is a name`(name: String) throws {
    let context = try ServerContext.serving(
      [[try authority.certificate("a.test")]], Names(["a.test": 0], fallback: 0))
    let pair = try Loopback(context, .init(name))
    #expect(pair.handshake() == .clientRefused("tlsv1 unrecognized name"))
  }

  @Test func `without a default a client without a name is refused`() throws {
    let context = try ServerContext.serving(
      [[try authority.certificate("a.test")]], Names(["a.test": 0]))
    let pair = try Loopback(context, .init(nil))
    #expect(pair.handshake() == .clientRefused("tlsv1 unrecognized name"))
    #expect(pair.server.refusal == .noName)
  }

  @Test(arguments: [
    "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\n", "OPTIONS * HTTP/1.1\r\n", "PATCH / HTTP/1.0\r\n",
    "CONNECT a.test:443 HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n", "SSH-2.0-OpenSSH\r\n",
  ])
  func `a client that speaks no TLS is known as one, and nothing is said to it`(
    words: String
  ) throws {
    let context = try ServerContext.serving([[try authority.certificate("a.test")]], Names([:]))
    let pair = try Loopback(context, .init("a.test"))
    #expect(throws: TLSError.self) { try pair.feedServer(Array(words.utf8)) }
    #expect(pair.server.refusal == .notTLS)
    #expect(pair.emptyClientsInput().isEmpty)
  }

  @Test func `a client whose TLS is too old, or breaks off, still speaks TLS`() throws {
    let certificate = try authority.certificate("a.test")
    let context = try ServerContext.serving([[certificate]], Names(["a.test": 0]))
    let old = try Loopback(context, .init("a.test"))
    // A hello of TLS 1.0 that has nothing in it.
    #expect(throws: TLSError.self) {
      try old.feedServer([22, 3, 1, 0, 4, 1, 0, 0, 0])
    }
    #expect(old.server.refusal == nil)
    let cut = try Loopback(context, .init("a.test"))
    cut.cutClient()
    #expect(throws: TLSError.self) { try cut.server.handshake() }
    #expect(cut.server.refusal == nil)
  }

  @Test func `before certificates are installed every name is refused`() throws {
    let context = try ServerContext(
      policy: TLSPolicy(minimumIsTLS13: false, tickets: true), ticketKeys: TicketKeys())
    let pair = try Loopback(context, .init("a.test"))
    #expect(pair.handshake() == .clientRefused("tlsv1 unrecognized name"))
  }

  @Test func `a client asked for another key share keeps the name it began with`() throws {
    let certificate = try authority.certificate("a.test")
    let context = try ServerContext.serving([[certificate]], Names(["a.test": 0]))
    var offer = TLSClient.Offer("a.test")
    // The first group's share is sent, the server knows only the second: HelloRetryRequest.
    offer.groups = "P-521:P-384"
    let pair = try Loopback(context, offer)
    #expect(pair.handshake() == .agreed)
    #expect(pair.server.serverName == Array("a.test".utf8))
    #expect(pair.client.certificate == certificate.chain[0])
  }

  @Test func `certificates can be replaced in the middle of a handshake`() throws {
    let old = try authority.certificate("a.test")
    let new = try authority.certificate("a.test")
    let context = try ServerContext.serving([[old]], Names(["a.test": 0]))
    let begun = try Loopback(context, .init("a.test"))
    #expect(begun.client.handshake() == .waiting)
    #expect(try begun.server.handshake() == .wantsRead)
    context.install([[new]], Names(["a.test": 0]))
    #expect(begun.handshake() == .agreed)
    #expect(begun.client.certificate == old.chain[0])
    let next = try Loopback(context, .init("a.test"))
    #expect(next.handshake() == .agreed)
    #expect(next.client.certificate == new.chain[0])
  }
}

@Suite("ECDSA and RSA certificates side by side")
struct KeyKindTests {
  private let authority = TestAuthority()

  @Test(arguments: [
    (TLSClient.Version.tls12, "RSA-PSS+SHA256:RSA+SHA256", Certificate.KeyKind.rsa),
    (.tls12, "ECDSA+SHA256", .ecdsa),
    (.tls12, "RSA+SHA256:ECDSA+SHA256", .ecdsa),
    (.tls13, "RSA-PSS+SHA256", .rsa),
    (.tls13, "ECDSA+SHA256", .ecdsa),
    (.tls13, "RSA-PSS+SHA256:ECDSA+SHA256", .ecdsa),
  ])
  func `a client gets the kind that it can verify, ECDSA where it can both`(
    version: TLSClient.Version, algorithms: String, expected: Certificate.KeyKind
  ) throws {
    let rsa = try authority.certificate("a.test", key: .rsa2048)
    let ecdsa = try authority.certificate("a.test")
    let context = try ServerContext.serving([[rsa, ecdsa]], Names(["a.test": 0]))
    var offer = TLSClient.Offer("a.test", version)
    offer.signatureAlgorithms = algorithms
    let pair = try Loopback(context, offer)
    #expect(pair.handshake() == .agreed)
    #expect(pair.client.certificate == (expected == .rsa ? rsa : ecdsa).chain[0])
  }

  @Test(arguments: [TLSClient.Version.tls12, .tls13], ["P-384", "P-521"])
  func `keys on the larger curves are served`(version: TLSClient.Version, curve: String) throws {
    let certificate = try authority.certificate("a.test", key: .ecdsa(curve: curve))
    let context = try ServerContext.serving([[certificate]], Names(["a.test": 0]))
    let pair = try Loopback(context, .init("a.test", version))
    #expect(pair.handshake() == .agreed)
  }

  @Test func `a client that can verify neither is refused`() throws {
    let context = try ServerContext.serving(
      [[try authority.certificate("a.test")]], Names(["a.test": 0]))
    var offer = TLSClient.Offer("a.test")
    offer.signatureAlgorithms = "RSA-PSS+SHA256"
    let pair = try Loopback(context, offer)
    #expect(pair.handshake() != .agreed)
  }
}
