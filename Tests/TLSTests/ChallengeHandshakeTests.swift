import TLS
import TestSupport
import Testing

@Suite("A CA that looks for a tls-alpn-01 challenge, RFC 8737 §3")
struct ChallengeHandshakeTests {
  private let authority = TestAuthority()
  private let names = Names(["a.test": 0], fallback: 0)

  private func context(_ challenges: String...) throws -> ServerContext {
    let context = try ServerContext.serving([[try authority.certificate("a.test")]], names)
    context.offersHTTP2 = true
    context.install(try pairs(challenges))
    return context
  }

  private func pairs(_ names: [String]) throws -> [[UInt8]: ChallengePair] {
    let digest = [UInt8](repeating: 7, count: 32)
    let made = try names.map { name in
      let made = try ChallengeCertificate.make(name: name, digest: digest, now: 1_800_000_000)
      return (Array(name.utf8), ChallengePair(certificate: made.certificate, key: made.key))
    }
    return Dictionary(uniqueKeysWithValues: made)
  }

  private func offer(
    _ name: String?, _ version: TLSClient.Version = .tls13, _ protocols: [String] = ["acme-tls/1"]
  ) -> TLSClient.Offer {
    var offer = TLSClient.Offer(name, version)
    offer.protocols = protocols
    return offer
  }

  /// id-pe-acmeIdentifier, critical, with a digest of 32 bytes.
  private static let mark: [UInt8] = [
    0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x1f, 0x01, 0x01, 0xff, 0x04, 0x22, 0x04,
    0x20,
  ]

  @Test(arguments: [TLSClient.Version.tls12, .tls13])
  func `is shown the certificate of the challenge, and nothing can follow`(
    version: TLSClient.Version
  ) throws {
    let pair = try Loopback(try context("a.test"), offer("A.test", version))
    #expect(pair.handshake() == .agreed)
    let certificate = try #require(pair.client.certificate)
    #expect(certificate.contains(Self.mark))
    #expect(pair.client.chosenProtocol == "acme-tls/1")
    #expect(pair.server.isChallenge && !pair.server.isHTTP2)
    #expect(pair.server.serverName == Array("a.test".utf8))
    #expect(pair.server.selected == nil)
  }

  @Test(arguments: [TLSClient.Version.tls12, .tls13])
  func `is refused for a name without one, though a certificate serves it`(
    version: TLSClient.Version
  ) throws {
    let pair = try Loopback(try context("b.test"), offer("a.test", version))
    #expect(pair.handshake() == .clientRefused("tlsv1 alert no application protocol"))
    #expect(pair.server.refusal == .noChallenge(Array("a.test".utf8)))
    #expect(!pair.server.isChallenge)
  }

  @Test func `is refused when it names no server`() throws {
    let pair = try Loopback(try context("a.test"), offer(nil))
    #expect(pair.handshake() == .clientRefused("tlsv1 alert no application protocol"))
    #expect(pair.server.refusal == .noChallenge([]))
  }

  static let others: [([String], String)] = [
    (["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "h2"), (["acme-tls/1", "h2"], "h2"),
    (["http/1.1", "acme-tls/1"], "http/1.1"),
  ]

  @Test(arguments: others)
  func `a client that offers anything else is served as ever`(
    protocols: [String], chosen: String
  ) throws {
    let pair = try Loopback(try context("a.test"), offer("a.test", .tls13, protocols))
    #expect(pair.handshake() == .agreed)
    #expect(pair.client.chosenProtocol == chosen)
    #expect(!pair.server.isChallenge && pair.server.selected != nil)
    #expect(pair.client.certificate?.contains(Self.mark) == false)
  }

  static let nearly = [
    ["acme-tls/2"], ["acme-tls/1 "], ["acme-tls/"], ["acme-tls/1", "acme-tls/1"],
  ]

  @Test(arguments: nearly)
  func `what only resembles its offer is no challenge`(protocols: [String]) throws {
    let pair = try Loopback(try context("a.test"), offer("a.test", .tls13, protocols))
    #expect(pair.handshake() == .clientRefused("tlsv1 alert no application protocol"))
    #expect(pair.server.refusal == nil)
  }

  @Test(arguments: [TLSClient.Version.tls12, .tls13])
  func `a ticket of an ordinary visit does not hide the certificate, and none is given`(
    version: TLSClient.Version
  ) throws {
    let context = try context("a.test")
    let ticket = try #require(try context.visit("a.test", version).ticket)
    var offer = offer("a.test", version)
    offer.ticket = ticket
    let pair = try Loopback(context, offer)
    #expect(pair.handshake() == .agreed)
    #expect(!pair.server.isResumed && pair.server.isChallenge)
    #expect(try context.visit("a.test", version, ticket: ticket).isResumed)
  }

  @Test func `with other challenges those before are not shown any more`() throws {
    let context = try context("a.test", "b.test")
    #expect(try Loopback(context, offer("b.test")).handshake() == .agreed)
    let kept = try #require(context.challengePairs[Array("a.test".utf8)])
    context.install([Array("a.test".utf8): kept])
    #expect(
      try Loopback(context, offer("b.test")).handshake()
        == .clientRefused("tlsv1 alert no application protocol"))
    #expect(try Loopback(context, offer("a.test")).handshake() == .agreed)
  }

  @Test func `a renewed challenge of the same name is shown at once`() throws {
    let context = try context("a.test")
    let before = try Loopback(context, offer("a.test"))
    #expect(before.handshake() == .agreed)
    context.install(try pairs(["a.test"]))
    let after = try Loopback(context, offer("a.test"))
    #expect(after.handshake() == .agreed)
    #expect(before.client.certificate != after.client.certificate)
  }

  @Test func `a pair that cannot be read is refused like a name without one`() throws {
    let context = try context()
    context.install([Array("a.test".utf8): ChallengePair(certificate: [1], key: [])])
    let pair = try Loopback(context, offer("a.test"))
    #expect(pair.handshake() == .clientRefused("tlsv1 alert no application protocol"))
  }
}
