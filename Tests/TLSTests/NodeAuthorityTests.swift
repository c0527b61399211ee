import EventLoop
import Glibc
import TLS
import TestSupport
import Testing

@Suite("The authority of a fleet")
struct NodeAuthorityTests {
  private static let now = Int64(time(nil))
  private let authority: NodeAuthority

  init() throws { authority = try NodeAuthority.make(name: "EdgeProxy test", now: Self.now) }

  /// Two servers' files, and what the handshake between them comes to.
  private func handshake(
    server: NodeAuthority.Issued, trustedByClient: NodeAuthority,
    client: NodeAuthority.Issued?, trustedByServer: NodeAuthority
  ) throws -> (error: String?, shownToServer: [UInt8]?, shownToClient: [UInt8]?) {
    let files = try Files(server, trusting: trustedByServer)
    let clientFiles = try Files(client, trusting: trustedByClient)
    let (serverEnd, clientEnd) = try Socket.pair()
    let sockets = [FileDescriptorOwner(serverEnd), FileDescriptorOwner(clientEnd)]
    defer { withExtendedLifetime((sockets, files, clientFiles)) {} }
    let server = try TLSStream(
      context: ServerContext(mutual: files.identity), descriptor: serverEnd)
    let client = try ClientStream(
      context: ClientContext(clientFiles.identity, protocols: ["h2"]), descriptor: clientEnd)
    var isDone = (server: false, client: false)
    for _ in 0..<20 {
      do throws(TLSError) {
        if !isDone.client { isDone.client = try client.handshake() == .done }
        if !isDone.server { isDone.server = try server.handshake() == .done }
      } catch {
        return ("\(error)", nil, nil)
      }
      if isDone == (true, true) {
        return (nil, server.peerFingerprint, client.peerFingerprint)
      }
    }
    return ("no end in sight", nil, nil)
  }

  private struct Files {
    let authority: TextFile
    let certificate: TextFile?
    let key: TextFile?

    init(_ issued: NodeAuthority.Issued?, trusting: NodeAuthority) throws {
      authority = try TextFile(String(decoding: trusting.certificate, as: UTF8.self))
      certificate = try issued.map {
        try TextFile(String(decoding: $0.certificate, as: UTF8.self))
      }
      key = try issued.map { try TextFile(String(decoding: $0.key, as: UTF8.self)) }
    }

    var identity: ClientIdentity {
      ClientIdentity(
        authorityFile: authority.path, certificateFile: certificate?.path, keyFile: key?.path)
    }
  }

  @Test func `two servers of a fleet believe each other and see who it is`() throws {
    let (one, two) = try (
      authority.issue(node: "edge-1", now: Self.now), authority.issue(node: "edge-2", now: Self.now)
    )
    let result = try handshake(
      server: one, trustedByClient: authority, client: two, trustedByServer: authority)
    #expect(result.error == nil)
    #expect(result.shownToClient == NodeCertificate(pem: one.certificate)?.fingerprint)
    #expect(result.shownToServer == NodeCertificate(pem: two.certificate)?.fingerprint)
  }

  @Test func `a server of another fleet is refused`() throws {
    let other = try NodeAuthority.make(name: "EdgeProxy other", now: Self.now)
    let (one, stranger) = try (
      authority.issue(node: "edge-1", now: Self.now), other.issue(node: "edge-2", now: Self.now)
    )
    let result = try handshake(
      server: one, trustedByClient: authority, client: stranger, trustedByServer: authority)
    #expect(result.error != nil)
    let reverse = try handshake(
      server: stranger, trustedByClient: authority, client: one, trustedByServer: other)
    #expect(reverse.error?.contains("not accepted") == true)
  }

  @Test func `a client without a certificate is refused`() throws {
    let one = try authority.issue(node: "edge-1", now: Self.now)
    let result = try handshake(
      server: one, trustedByClient: authority, client: nil, trustedByServer: authority)
    #expect(result.error != nil)
  }

  @Test func `a certificate tells its server and when it ends`() throws {
    let issued = try authority.issue(node: "edge-1", now: Self.now)
    let read = try #require(NodeCertificate(pem: issued.certificate))
    #expect(read.node == "edge-1")
    #expect(read.notAfter == Self.now + 10 * 365 * 86_400)
    #expect(NodeCertificate(pem: Array("no certificate".utf8)) == nil)
    #expect(NodeCertificate(pem: issued.key) == nil)
  }

  @Test func `certificates of one server are never the same`() throws {
    let one = try authority.issue(node: "edge-1", now: Self.now)
    let two = try authority.issue(node: "edge-1", now: Self.now)
    #expect(NodeCertificate(pem: one.certificate) != NodeCertificate(pem: two.certificate))
  }

  @Test func `what is stored opens with its key alone and shows no key`() throws {
    let keys = try EncryptionKeys(text: Array(try EncryptionKeys.newLine(id: "one").utf8))
    let others = try EncryptionKeys(text: Array(try EncryptionKeys.newLine(id: "one").utf8))
    let sealed = try authority.sealed(with: keys)
    #expect(!String(decoding: sealed, as: UTF8.self).contains("PRIVATE KEY"))
    #expect(try NodeAuthority(sealed: sealed, with: keys) == authority)
    #expect(throws: EnvelopeError.damaged) { try NodeAuthority(sealed: sealed, with: others) }
    #expect(!"\(authority)".contains("PRIVATE"))
  }
}
