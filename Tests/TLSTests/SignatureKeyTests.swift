import TLS
import TestSupport
import Testing

@Suite("Keys that signatures are verified with")
struct SignatureKeyTests {
  private func key() throws -> SignatureKey {
    try SignatureKey(
      pem: try #require(RepositoryFiles.read("Tests/Vectors/test-only-sub-public.pem")))
  }

  /// What is signed and the signature of a captured datagram.
  private func parts(_ name: String) throws -> (signed: [UInt8], signature: [UInt8]) {
    let bytes = try #require(RepositoryFiles.read("Tests/Vectors/sub-signed-\(name).bin"))
    return (Array(bytes[4..<(bytes.count - 264)]), Array(bytes.suffix(256)))
  }

  @Test func `what uWSGI signed is verified by its digest alone`() throws {
    for (name, digest, other) in [
      ("sha256-subscribe", SignatureKey.Digest.sha256, SignatureKey.Digest.sha1),
      ("sha1-subscribe", .sha1, .sha256),
    ] {
      let (signed, signature) = try parts(name)
      #expect(try key().verify(signature, of: signed, digest: digest))
      #expect(try !key().verify(signature, of: signed, digest: other))
    }
  }

  @Test func `one changed bit or byte too few makes it another's`() throws {
    let (signed, signature) = try parts("sha256-subscribe")
    var changed = signed
    changed[5] ^= 1
    #expect(try !key().verify(signature, of: changed, digest: .sha256))
    var forged = signature
    forged[255] ^= 1
    #expect(try !key().verify(forged, of: signed, digest: .sha256))
    #expect(try !key().verify(Array(signature.dropLast()), of: signed, digest: .sha256))
    #expect(try !key().verify([], of: signed, digest: .sha256))
  }

  @Test func `what is no public key is refused`() {
    #expect(throws: TLSError.self) { try SignatureKey(pem: Array("no key".utf8)) }
    #expect(throws: TLSError.self) { try SignatureKey(pem: []) }
  }
}
