import TLS
import TestSupport
import Testing

@Suite("Certificates are taken whole and sound, or refused with the reason")
struct CertificateTests {
  private let root = TestAuthority()

  private func refusal(_ text: String, key: String? = nil) -> CertificateError? {
    refusal(Array(text.utf8), key: key)
  }

  private func refusal(_ text: [UInt8], key: String? = nil) -> CertificateError? {
    do throws(CertificateError) {
      _ = try Certificate(pem: text, keyPEM: key.map { Array($0.utf8) })
      return nil
    } catch {
      return error
    }
  }

  // MARK: What is taken

  @Test func `a bundle holds chain and key in either order`() throws {
    let issued = root.intermediate().issue(["a.test", "*.b.test"])
    for text in [issued.chain + issued.key, issued.key + issued.chain] {
      let certificate = try Certificate(pem: Array(text.utf8))
      #expect(certificate.chain.count == 3)
      #expect(certificate.names == ["a.test", "*.b.test"])
      #expect(certificate.keyKind == .ecdsa)
    }
  }

  @Test func `chain and key may be two texts`() throws {
    let issued = root.issue(["a.test"])
    let certificate = try Certificate(
      pem: Array(issued.chain.utf8), keyPEM: Array(issued.key.utf8))
    #expect(certificate == (try Certificate(pem: issued.bundle)))
  }

  @Test func `a chain need not reach a root, nor have more than one certificate`() throws {
    let issued = root.intermediate().issue(["a.test"])
    for text in [issued.certificate, issued.certificate + issued.issuers[0]] {
      #expect(refusal(text + issued.key) == nil)
    }
  }

  @Test(arguments: [
    TestAuthority.Key.ecdsa(curve: "P-256"), .ecdsa(curve: "P-384"), .ecdsa(curve: "P-521"),
    .rsa(bits: 2048), .rsa(bits: 3072),
  ])
  func `keys that browsers take are taken`(key: TestAuthority.Key) throws {
    let certificate = try Certificate(pem: root.issue(["a.test"], key: key).bundle)
    if case .rsa = key {
      #expect(certificate.keyKind == .rsa)
    } else {
      #expect(certificate.keyKind == .ecdsa)
    }
  }

  @Test func `text between the blocks and line ends of Windows do not matter`() throws {
    let issued = root.issue(["a.test"])
    let text = "Bag Attributes\n  friendlyName: a\n" + issued.chain + "\nthe key:\n" + issued.key
    #expect(refusal(text) == nil)
    #expect(refusal(text.split(separator: "\n").joined(separator: "\r\n")) == nil)
    #expect(refusal(text + "\r\n\r\n") == nil)
  }

  @Test func `marks of editors and mails around the lines do not matter`() throws {
    let issued = root.issue(["a.test"])
    let text = "subject=CN = a.test\n" + issued.chain + issued.key
    let lines = text.split(separator: "\n")
    for end in ["\r", "\r\n", "\r\r\n", " \n"] {
      #expect(refusal(lines.joined(separator: end) + end) == nil)
    }
    #expect(refusal(lines.map { "\t  " + $0 }.joined(separator: "\n")) == nil)
    let mark: [UInt8] = [0xef, 0xbb, 0xbf]
    #expect(refusal(mark + Array((issued.chain + issued.key).utf8)) == nil)
  }

  @Test func `dates are told in seconds since 1970 and judged on both borders`() throws {
    let certificate = try Certificate(
      pem: root.issue(["a.test"], from: -1000, until: 1000).bundle)
    #expect(certificate.notAfter - certificate.notBefore == 2000)
    let (from, until) = (certificate.notBefore, certificate.notAfter)
    for now in [from, until] { try certificate.check(now: now) }
    #expect(throws: CertificateError.notYetValid(from: from)) {
      try certificate.check(now: from - 1)
    }
    #expect(throws: CertificateError.expired(since: until)) {
      try certificate.check(now: until + 1)
    }
  }

  // MARK: What is refused

  @Test func `a key of another certificate is refused`() {
    let issued = root.issue(["a.test"])
    let other = root.issue(["a.test"])
    #expect(refusal(issued.chain + other.key) == .keyDoesNotFit)
    #expect(refusal(issued.chain, key: other.key) == .keyDoesNotFit)
    let rsa = root.issue(["a.test"], key: .rsa2048)
    #expect(refusal(issued.chain + rsa.key) == .keyDoesNotFit)
  }

  @Test func `a chain out of order or with a link missing is refused where it breaks`() {
    let issued = root.intermediate().intermediate("Lower").issue(["a.test"])
    let (lower, upper, top) = (issued.issuers[0], issued.issuers[1], issued.issuers[2])
    let breaks: [([String], Int)] = [
      ([issued.certificate, upper, lower, top], 1),
      ([issued.certificate, lower, top, upper], 2),
      ([issued.certificate, top], 1),
      ([issued.certificate, lower, lower], 2),
      ([issued.certificate, TestAuthority().pem], 1),
    ]
    for (chain, position) in breaks {
      #expect(refusal(chain.joined() + issued.key) == .chainBroken(position: position))
    }
    // With the issuer in front it is the issuer's key that is missing.
    #expect(refusal(lower + issued.certificate + issued.key) == .keyDoesNotFit)
  }

  @Test func `an issuer of the same name with another key is no issuer`() {
    let issued = TestAuthority("Twin").issue(["a.test"])
    let twin = TestAuthority("Twin")
    #expect(refusal(issued.certificate + twin.pem + issued.key) == .chainBroken(position: 1))
  }

  @Test func `a certificate without DNS names is refused`() {
    #expect(refusal(root.issue([]).bundle) == .noNames)
  }

  @Test func `weak and unusual keys are refused`() {
    #expect(
      refusal(root.issue(["a.test"], key: .rsa(bits: 1024)).bundle) == .keyTooWeak(bits: 1024))
    #expect(
      refusal(root.issue(["a.test"], key: .ecdsa(curve: "P-224")).bundle)
        == .keyTooWeak(bits: 224))
    // Sound curves that no browser knows.
    for curve in ["secp256k1", "brainpoolP256r1"] {
      #expect(
        refusal(root.issue(["a.test"], key: .ecdsa(curve: curve)).bundle) == .keyKindUnsupported)
    }
    #expect(refusal(root.issue(["a.test"], key: .ed25519).bundle) == .keyKindUnsupported)
  }

  @Test func `what OpenSSL would not serve is refused here and not by every worker`() {
    let weakRoot = TestAuthority("Weak Root", key: .rsa(bits: 768))
    let issued = weakRoot.issue(["a.test"])
    guard case .notServable = refusal(issued.bundle) else {
      Issue.record("a chain with a 768-bit key was taken")
      return
    }
    guard case .notServable = refusal(root.issue(["a.test"], digest: "SHA1").bundle) else {
      Issue.record("a SHA-1 signature was taken")
      return
    }
  }

  @Test func `a key behind a passphrase is refused without asking for it`() {
    let issued = root.issue(["a.test"])
    #expect(refusal(issued.chain + issued.encryptedKey) == .encryptedKey)
    #expect(refusal(issued.chain, key: issued.encryptedKey) == .encryptedKey)
  }

  @Test func `what is no PEM text is refused as what it is`() throws {
    let issued = root.issue(["a.test"])
    let der = try Certificate(pem: issued.bundle).chain[0]
    let wide = Array((issued.chain + issued.key).utf8).flatMap { byte -> [UInt8] in [byte, 0] }
    let inOneLine = issued.chain.replacing("\n", with: "\\n")
    let cases: [([UInt8], ForeignForm)] = [
      (der, .der), ([0x30, 0x82, 0x09, 0x11, 0x02, 0x01, 0x03, 0x30], .pkcs12),
      ([0xff, 0xfe] + wide, .utf16), (wide, .utf16), (Array(inOneLine.utf8), .withoutLines),
    ]
    for (bytes, form) in cases {
      #expect(refusal(bytes) == .foreign(form, isKey: false))
    }
    for (label, form) in [
      ("PKCS7", ForeignForm.pkcs7), ("NEW CERTIFICATE REQUEST", .request),
      ("CERTIFICATE REQUEST", .request), ("TRUSTED CERTIFICATE", .trusted),
    ] {
      let block = "-----BEGIN \(label)-----\nAAAA\n-----END \(label)-----\n"
      #expect(refusal(block + issued.key) == .foreign(form, isKey: false))
    }
    for (label, form) in [
      ("PUBLIC KEY", ForeignForm.publicKey), ("OPENSSH PRIVATE KEY", .openSSHKey),
    ] {
      let block = "-----BEGIN \(label)-----\nAAAA\n-----END \(label)-----\n"
      #expect(refusal(issued.chain, key: block) == .foreign(form, isKey: true))
    }
  }

  @Test func `a missing part is named`() {
    let issued = root.issue(["a.test"])
    #expect(refusal("") == .noCertificate)
    #expect(refusal("hello\n") == .noCertificate)
    #expect(refusal(issued.key) == .noCertificate)
    #expect(refusal(issued.chain) == .noKey)
    #expect(refusal(issued.chain, key: "") == .noKey)
    #expect(refusal(issued.chain, key: issued.chain) == .noKey)
    #expect(refusal([UInt8](repeating: 0, count: 4096)) == .noCertificate)
    #expect(refusal((0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 167) }) == .noCertificate)
  }

  @Test func `a bundle cut at any byte is refused, but where only the last line end is lost`() {
    // The key in front, so that a cut never takes the key alone away.
    let issued = root.intermediate().issue(["a.test"])
    let text = Array((issued.key + issued.certificate + issued.issuers[0]).utf8)
    let whole = issued.key.utf8.count + issued.certificate.utf8.count
    for count in 0..<text.count - 1 where count != whole && count != whole - 1 {
      #expect(refusal(Array(text.prefix(count))) != nil, "cut after \(count) bytes")
    }
    #expect(refusal(Array(text.prefix(text.count - 1))) == nil)
  }

  @Test func `a damaged block is refused and never skipped`() {
    let issued = root.intermediate().issue(["a.test"])
    for block in [issued.certificate, issued.issuers[0], issued.key] {
      let at = block.utf8.count / 2
      for byte in [UInt8(ascii: "!"), UInt8(ascii: "-"), 0, 0xff] {
        var damaged = Array(block.utf8)
        damaged[at] = byte
        var text: [UInt8] = []
        for part in [issued.certificate, issued.issuers[0], issued.key] {
          text += part == block ? damaged : Array(part.utf8)
        }
        #expect(refusal(text) != nil)
      }
    }
  }

  @Test(arguments: [
    [TestAuthority.Trait.purpose("clientAuth")], [.purpose("codeSigning,emailProtection")],
    [.usage("keyCertSign,cRLSign")], [.authority], [.authority, .purpose("serverAuth")],
  ])
  func `a certificate that is for something else is refused`(traits: [TestAuthority.Trait]) {
    guard case .notAccepted(position: 1, _) = refusal(root.issue(["a.test"], traits: traits).bundle)
    else {
      Issue.record("\(traits) was taken")
      return
    }
  }

  @Test func `an issuer that may not issue for servers is refused with its position`() {
    for traits in [[], [.authority, .purpose("clientAuth")], [.authority, .usage("cRLSign")]]
      as [[TestAuthority.Trait]]
    {
      let issued = root.intermediate(traits: traits).issue(["a.test"])
      guard case .notAccepted(position: 2, _) = refusal(issued.bundle) else {
        Issue.record("\(traits) was taken: \(String(describing: refusal(issued.bundle)))")
        continue
      }
    }
  }

  @Test func `a key with explicit curve parameters is refused`() {
    guard
      case .notAccepted(position: 1, let reason) = refusal(
        root.issue(["a.test"], key: .explicitCurve).bundle)
    else {
      Issue.record("explicit parameters were taken")
      return
    }
    #expect(reason.contains("explicit parameters"))
  }

  @Test func `dates count for the whole chain but for a root at its end`() throws {
    let old = TestAuthority(until: -1000)
    let issued = old.intermediate(until: 500).issue(["a.test"], until: 9000)
    let certificate = try Certificate(pem: issued.bundle)
    let now = certificate.notBefore + 3600
    #expect(certificate.firstToEnd == 2)
    try certificate.check(now: now)
    #expect(throws: CertificateError.issuerExpired(position: 2, since: certificate.notAfter)) {
      try certificate.check(now: now + 600)
    }
    let young = try Certificate(pem: root.intermediate(from: 1000).issue(["a.test"]).bundle)
    #expect(throws: CertificateError.issuerNotYetValid(position: 2, from: young.notBefore)) {
      try young.check(now: now)
    }
    #expect(young.issuedAt < young.notBefore)
  }

  @Test func `what may be meant is taken with a warning`() throws {
    let alone = root.issue(["a.test"])
    let usage: [TestAuthority.Trait] = [.usage("keyEncipherment"), .purpose("serverAuth")]
    let cases: [(String, [CertificateWarning])] = [
      (alone.chain + alone.key, []), (alone.certificate + alone.key, [.leafOnly]),
    ]
    for (text, warnings) in cases {
      #expect(try Certificate(pem: Array(text.utf8)).warnings == warnings)
    }
    let bundles: [([UInt8], [CertificateWarning])] = [
      (TestAuthority.selfSigned(["a.test"]).bundle, [.selfSigned]),
      (TestAuthority.selfSigned(["a.test"], traits: [.authority]).bundle, [.selfSigned]),
      (root.issue(["a.test"], traits: [.mustStaple]).bundle, [.mustStaple]),
      (root.issue(["a.test"], key: .rsa2048, traits: usage).bundle, [.noSignatureUse]),
    ]
    for (bundle, warnings) in bundles {
      #expect(try Certificate(pem: bundle).warnings == warnings)
    }
  }

  @Test func `a file beyond the limit is refused unread`() {
    let bytes = [UInt8](repeating: UInt8(ascii: "\n"), count: Certificate.bytesMax + 1)
    #expect(
      refusal(bytes) == .tooLarge(bytes: bytes.count, limit: Certificate.bytesMax))
    #expect(refusal(Array(bytes.dropLast())) == .noCertificate)
  }

  @Test func `each reason is a sentence with its figures`() {
    #expect("\(CertificateError.expired(since: 1_700_000_000))".contains("2023-11-14T22:13:20Z"))
    #expect("\(CertificateError.keyTooWeak(bits: 1024))".contains("1024"))
    #expect("\(CertificateError.chainBroken(position: 2))".contains("2"))
  }
}
