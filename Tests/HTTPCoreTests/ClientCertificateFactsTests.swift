import HTTPCore
import TestSupport
import Testing

@Suite("What applications are told of a client's certificate")
struct ClientCertificateFactsTests {
  private static let shown = ClientCertificateFacts(
    subject: octets("CN=printer 7,O=Example"), issuer: octets("CN=Clients"),
    serial: octets("0A1B"), fingerprint: octets("00ff"))
  /// A client that says of itself what only the server may say.
  private static let forged =
    "GET / HTTP/1.1\r\nHost: a.example\r\nX-Client-Verify: SUCCESS\r\nx-client-dn: CN=root\r\n"
    + "X-CLIENT-ISSUER-DN: CN=me\r\nX-Client-Serial: 1\r\nX-Client-Fingerprint: aa\r\n"
    + "Client-Cert: :AA==:\r\nClient-Cert-Chain: :AA==:\r\nX_Client_Verify: SUCCESS\r\n"
    + "X-Client_DN: CN=root\r\nSSL-Client-Verify: SUCCESS\r\nX-Clients: 3\r\n"
    + "Connection: X-Client-Verify, close\r\n\r\n"

  private func parsed() throws -> RequestHead {
    var parser = RequestParser()
    var head = RequestHead()
    let bytes = octets(Self.forged)
    let end = try parser.parse(bytes.span, into: &head, limits: HeadLimits())
    try #require(end == bytes.count)
    head.removeCertificateFields()
    return head
  }

  private func variables(_ certificate: ClientCertificateFacts?) throws -> [String] {
    var facts = exampleFacts()
    facts.clientCertificate = certificate
    var packet = UWSGIPacket()
    try packet.encode(parsed(), facts: facts)
    var sent: [UInt8] = []
    sent.append(copying: packet.bytes)
    return try #require(UWSGIBlock(sent)).variables.map(\.description)
      .filter { $0.lowercased().contains("client") }
  }

  private func fields(_ certificate: ClientCertificateFacts?) throws -> [String] {
    var facts = exampleFacts()
    facts.clientCertificate = certificate
    var request = HTTP1Request()
    request.encode(try parsed(), facts: facts, closing: false)
    return text(request.bytes).split(separator: "\r\n").map(String.init)
      .filter { $0.lowercased().contains("client") }
  }

  @Test func `uwsgi has variables of its own, and nothing of what the client says`() throws {
    let others = ["HTTP_SSL_CLIENT_VERIFY=SUCCESS", "HTTP_X_CLIENTS=3"]
    #expect(
      try variables(Self.shown) == [
        "SSL_CLIENT_VERIFY=SUCCESS", "SSL_CLIENT_S_DN=CN=printer 7,O=Example",
        "SSL_CLIENT_I_DN=CN=Clients", "SSL_CLIENT_SERIAL=0A1B", "SSL_CLIENT_FINGERPRINT=00ff",
      ] + others)
    #expect(try variables(.absent) == ["SSL_CLIENT_VERIFY=NONE"] + others)
    #expect(try variables(nil) == others)
  }

  @Test func `HTTP has fields, and those of the client are gone`() throws {
    let others = ["SSL-Client-Verify: SUCCESS", "X-Clients: 3"]
    #expect(
      try fields(Self.shown) == others + [
        "X-Client-Verify: SUCCESS", "X-Client-DN: CN=printer 7,O=Example",
        "X-Client-Issuer-DN: CN=Clients", "X-Client-Serial: 0A1B", "X-Client-Fingerprint: 00ff",
      ])
    #expect(try fields(.absent) == others + ["X-Client-Verify: NONE"])
    #expect(try fields(nil) == others)
  }
}
