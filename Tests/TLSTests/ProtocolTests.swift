import TLS
import TestSupport
import Testing

@Suite("Versions, ciphers and protocols")
struct ProtocolTests {
  private let authority = TestAuthority()

  private func context(minimumIsTLS13: Bool = false) throws -> ServerContext {
    try .serving(
      [[try authority.certificate("a.test")]], Names(["a.test": 0]),
      minimumIsTLS13: minimumIsTLS13)
  }

  @Test func `TLS 1.1 is refused`() throws {
    let pair = try Loopback(try context(), .init("a.test", .tls11))
    #expect(pair.handshake() == .clientRefused("tlsv1 alert protocol version"))
  }

  @Test func `TLS 1.2 is refused where 1.3 is the minimum`() throws {
    let context = try context(minimumIsTLS13: true)
    let refused = try Loopback(context, .init("a.test", .tls12))
    #expect(refused.handshake() == .clientRefused("tlsv1 alert protocol version"))
    let accepted = try Loopback(context, .init("a.test", .tls13))
    #expect(accepted.handshake() == .agreed)
  }

  @Test(arguments: [(TLSClient.Version.tls12, "TLSv1.2"), (.tls13, "TLSv1.3")])
  func `the stream tells the version`(version: TLSClient.Version, name: String) throws {
    let pair = try Loopback(try context(), .init("a.test", version))
    #expect(pair.handshake() == .agreed)
    #expect("\(pair.server.version)" == name)
  }

  @Test(arguments: ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "AES128-GCM-SHA256"])
  func `a cipher without forward secrecy or authenticated encryption is refused`(cipher: String)
    throws
  {
    var offer = TLSClient.Offer("a.test", .tls12)
    offer.ciphers = cipher
    let pair = try Loopback(try context(), offer)
    #expect(pair.handshake() == .clientRefused("sslv3 alert handshake failure"))
  }

  @Test(arguments: [
    (
      "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
      "TLS_AES_128_GCM_SHA256"
    ),
    ("TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_256_GCM_SHA384"),
    ("TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"),
  ])
  func `AES-128 is preferred, but a client that puts ChaCha20 first gets it`(
    suites: String, chosen: String
  ) throws {
    var offer = TLSClient.Offer("a.test")
    offer.suites = suites
    let pair = try Loopback(try context(), offer)
    #expect(pair.handshake() == .agreed)
    #expect(pair.client.cipher == chosen)
  }

  @Test(arguments: [
    (
      "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"
    ),
    (
      "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"
    ),
  ])
  func `in TLS 1.2 as well`(ciphers: String, chosen: String) throws {
    var offer = TLSClient.Offer("a.test", .tls12)
    offer.ciphers = ciphers
    let pair = try Loopback(try context(), offer)
    #expect(pair.handshake() == .agreed)
    #expect(pair.client.cipher == chosen)
  }

  @Test(arguments: [TLSClient.Version.tls12, .tls13])
  func `a signature with SHA-1 is not made`(version: TLSClient.Version) throws {
    let certificate = try authority.certificate("a.test", key: .rsa2048)
    let context = try ServerContext.serving([[certificate]], Names(["a.test": 0]))
    var offer = TLSClient.Offer("a.test", version)
    offer.signatureAlgorithms = "RSA+SHA1"
    offer.isLax = true
    let pair = try Loopback(context, offer)
    #expect(pair.handshake() != .agreed)
  }

  @Test func `renegotiation is refused and the connection goes on`() throws {
    let pair = try Loopback(try context(), .init("a.test", .tls12))
    #expect(pair.handshake() == .agreed)
    pair.client.renegotiate()
    #expect(pair.client.handshake() == .waiting)
    #expect(try pair.serverRead() == nil)
    #expect(pair.client.handshake() == .failed("no renegotiation"))
    let bytes: [UInt8] = [1, 2, 3]
    #expect(try pair.server.write(bytes.span) == .bytes(3))
  }

  @Test(arguments: [
    ([String](), String?.none), (["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "http/1.1"),
  ])
  func `http 1.1 is chosen among what is offered`(offered: [String], chosen: String?) throws {
    var offer = TLSClient.Offer("a.test")
    offer.protocols = offered
    let pair = try Loopback(try context(), offer)
    #expect(pair.handshake() == .agreed)
    #expect(pair.client.chosenProtocol == chosen)
  }

  @Test(arguments: [
    (["http/1.1", "h2"], "h2"), (["h2"], "h2"), (["h3", "http/1.1"], "http/1.1"),
  ])
  func `HTTP 2 is chosen before HTTP 1.1 where it is spoken`(offered: [String], chosen: String)
    throws
  {
    var offer = TLSClient.Offer("a.test")
    offer.protocols = offered
    let context = try context()
    context.offersHTTP2 = true
    let pair = try Loopback(context, offer)
    #expect(pair.handshake() == .agreed)
    #expect(pair.client.chosenProtocol == chosen)
    #expect(pair.server.isHTTP2 == (chosen == "h2"))
  }

  @Test(arguments: [["h2"], ["http/1.0"], ["http/1.10"]])
  func `a client that offers only other protocols is refused, RFC 7301 §3.2`(offered: [String])
    throws
  {
    var offer = TLSClient.Offer("a.test")
    offer.protocols = offered
    let pair = try Loopback(try context(), offer)
    #expect(pair.handshake() == .clientRefused("tlsv1 alert no application protocol"))
  }

  @Test func `what is no TLS is an error that names the reason`() throws {
    let pair = try Loopback(try context(), .init("a.test"))
    let error = #expect(throws: TLSError.self) {
      try pair.feedServer(Array("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n".utf8))
    }
    #expect(error?.reasons == ["http request"])
  }
}
