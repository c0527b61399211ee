import TestSupport
import Testing

@testable import TLS

@Suite("The tools that read one pair read the next")
struct ParsingToolsTests {
  private let authority = TestAuthority().intermediate()

  @Test(arguments: [
    [TestAuthority.Key.p256, .rsa2048, .p256], [.ecdsa(curve: "P-384"), .p256, .rsa2048],
  ])
  func `kinds of keys follow each other and come out as they do alone`(
    kinds: [TestAuthority.Key]
  ) throws {
    let tools = ParsingTools()
    for kind in kinds {
      let issued = authority.issue(["a.test"], key: kind)
      let alone = try Certificate(pem: issued.bundle)
      #expect(try Certificate(pem: issued.bundle, with: tools) == alone)
      let (chain, key) = (Array(issued.chain.utf8), Array(issued.key.utf8))
      #expect(try Certificate(pem: chain, keyPEM: key, with: tools) == alone)
    }
  }

  @Test func `after each kind of refusal the next pair is read as if nothing had been`() throws {
    let tools = ParsingTools()
    let (good, other) = (authority.issue(["a.test"]), authority.issue(["a.test"]))
    let stranger = TestAuthority("Stranger").issue(["a.test"])
    let bad: [(String, CertificateError)] = [
      (good.chain + other.key, .keyDoesNotFit), (good.chain + good.encryptedKey, .encryptedKey),
      (good.chain + Self.block("PRIVATE KEY"), .malformedKey),
      (Self.block("CERTIFICATE") + good.issuers[0] + good.key, .malformedCertificate(position: 1)),
      (good.certificate + Self.block("CERTIFICATE") + good.key, .malformedCertificate(position: 2)),
      (stranger.certificate + good.issuers[0] + stranger.key, .chainBroken(position: 1)),
      (authority.issue(["a.test"], key: .ed25519).chain + good.key, .keyDoesNotFit),
    ]
    for (text, reason) in bad {
      #expect(throws: reason) { try Certificate(pem: Array(text.utf8), with: tools) }
      let certificate = try Certificate(pem: good.bundle, with: tools)
      #expect(try certificate == Certificate(pem: good.bundle))
    }
  }

  @Test func `the chain of a certificate that was refused is judged anew with the next`() throws {
    let tools = ParsingTools()
    let (good, weak) = (authority.issue(["a.test"]), authority.issue(["b.test"], digest: "SHA1"))
    for _ in 0..<2 {
      #expect(throws: CertificateError.self) { try Certificate(pem: weak.bundle, with: tools) }
      #expect(try Certificate(pem: good.bundle, with: tools).names == ["a.test"])
    }
  }

  private static func block(_ label: String) -> String {
    "-----BEGIN \(label)-----\nAAAA\n-----END \(label)-----\n"
  }
}
