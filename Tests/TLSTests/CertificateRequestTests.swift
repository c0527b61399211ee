import Glibc
import TLS
import TestSupport
import Testing

private let alternativeName = "2.5.29.17"

/// A subject alternative name of few short DNS names in DER, RFC 5280 §4.2.1.6.
private func names(_ names: [String]) -> [UInt8] {
  let all = names.flatMap { name -> [UInt8] in [0x82, UInt8(name.utf8.count)] + Array(name.utf8) }
  return [0x30, UInt8(all.count)] + all
}

@Suite("What a certificate is asked for with, RFC 2986")
struct CertificateRequestTests {
  @Test(arguments: [SigningKey.Kind.ecdsa, .rsa])
  func `has the names and the key, is signed with it, and has no subject`(
    kind: SigningKey.Kind
  ) throws {
    let key = try SigningKey(making: kind)
    let asked = ["*.example.org", "example.org", "_a.example.org"]
    let form = try #require(
      SignedForm(requestDER: CertificateRequest.der(names: asked, key: key)))
    #expect(form.subjectParts == 0)
    #expect(form.isSignedByItself)
    #expect(form.publicKey == SignedForm.publicKey(ofPrivate: try key.pem()))
    #expect(
      form.extensions == [
        SignedForm.Extension(identifier: alternativeName, isCritical: false, value: names(asked))
      ])
  }

  @Test func `asks for status_request where that is wanted`() throws {
    let form = try #require(
      SignedForm(
        requestDER: CertificateRequest.der(
          names: ["a.test"], key: SigningKey(making: .ecdsa), mustStaple: true)))
    #expect(form.extensions.map(\.identifier) == [alternativeName, "1.3.6.1.5.5.7.1.24"])
    #expect(form.extensions.last?.value == [0x30, 3, 2, 1, 5])
    #expect(form.isSignedByItself)
  }

  @Test func `has up to a hundred names of up to 253 bytes`() throws {
    let key = try SigningKey(making: .ecdsa)
    let long = (0..<100).map { number in
      let start = "n\(number)."
      return start + String(repeating: "a.", count: 126).prefix(252 - start.count) + "b"
    }
    #expect(long.allSatisfy { $0.utf8.count == 253 })
    let form = try #require(SignedForm(requestDER: CertificateRequest.der(names: long, key: key)))
    #expect((form.extensions.first?.value.count ?? 0) > 100 * 253)
    #expect(throws: TLSError.self) {
      try CertificateRequest.der(names: long + ["one.test"], key: key)
    }
  }

  /// OpenSSL's text for a name is a small language: `a.test,IP:1.2.3.4` would be two names.
  @Test(arguments: [
    "", "a.test,IP:1.2.3.4", "a.test,DNS:b.test", "a b", "a\n", "é.test", "@section", "a\u{0}b",
    "email:a", String(repeating: "a", count: 254),
  ])
  func `what is no DNS name is refused`(name: String) throws {
    let key = try SigningKey(making: .ecdsa)
    #expect(throws: TLSError.self) { try CertificateRequest.der(names: [name], key: key) }
    #expect(throws: TLSError.self) {
      try CertificateRequest.der(names: ["a.test", name], key: key)
    }
    #expect(throws: TLSError.self) {
      try ChallengeCertificate.make(name: name, digest: Hash.sha256([]), now: 0)
    }
    #expect(throws: TLSError.self) { try CertificateRequest.der(names: [], key: key) }
  }
}

@Suite("The certificate that answers tls-alpn-01, RFC 8737 §3")
struct ChallengeCertificateTests {
  @Test func `bears the one name and the digest, which is critical, and has signed itself`() throws
  {
    let digest = Hash.sha256(Array("key authorization".utf8))
    let made = try ChallengeCertificate.make(
      name: "a.test", digest: digest, now: Int64(time(nil)))
    let form = try #require(SignedForm(certificatePEM: made.certificate))
    #expect(form.isSignedByItself)
    #expect(form.publicKey == SignedForm.publicKey(ofPrivate: made.key))
    #expect(
      form.extensions == [
        SignedForm.Extension(
          identifier: alternativeName, isCritical: false, value: names(["a.test"])),
        SignedForm.Extension(
          identifier: "1.3.6.1.5.5.7.1.31", isCritical: true, value: [4, 32] + digest),
      ])
  }

  @Test func `certificates for one name are never the same`() throws {
    let digest = Hash.sha256([1])
    let (one, two) = try (
      ChallengeCertificate.make(name: "a.test", digest: digest, now: 0),
      ChallengeCertificate.make(name: "a.test", digest: digest, now: 0)
    )
    #expect(one.certificate != two.certificate && one.key != two.key)
  }

  @Test func `a digest of another size is refused`() {
    for count in [0, 20, 31, 33, 64] {
      #expect(throws: TLSError.self) {
        try ChallengeCertificate.make(
          name: "a.test", digest: [UInt8](repeating: 1, count: count), now: 0)
      }
    }
  }
}

@Suite("How an authority is asked about a certificate, RFC 9773 §4.1")
struct CertificateIdentifierTests {
  @Test func `the example of RFC 9773 comes out, with the zero byte of its serial number`() {
    let text = """
      -----BEGIN CERTIFICATE-----
      MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
      cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
      BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
      7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
      qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
      yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
      +FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
      -----END CERTIFICATE-----

      """
    #expect(
      CertificateIdentifier.text(of: Array(text.utf8)) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
  }

  @Test func `a certificate that is served has the same identifier as its text`() throws {
    let issued = TestAuthority().issue(
      ["a.test"], traits: [.issuerKey(String(repeating: "00ff", count: 10))])
    let text = CertificateIdentifier.text(of: Array(issued.chain.utf8))
    #expect(text?.hasPrefix("AP8A_wD_AP8A_wD_AP8A_wD_AP8.") == true)
    #expect(text == CertificateIdentifier.text(of: try Certificate(pem: issued.bundle)))
    let serial = try #require(SignedForm(certificatePEM: Array(issued.certificate.utf8))).serial
    #expect(text?.hasSuffix("." + Base64URL.encode(Array(serial.dropFirst(2)))) == true)
  }

  @Test func `there is none where the certificate does not name the key of who issued it`() throws {
    let issued = TestAuthority().issue(["a.test"])
    #expect(CertificateIdentifier.text(of: Array(issued.chain.utf8)) == nil)
    #expect(CertificateIdentifier.text(of: try Certificate(pem: issued.bundle)) == nil)
    for text in ["", "no certificate", issued.key] {
      #expect(CertificateIdentifier.text(of: Array(text.utf8)) == nil)
    }
  }
}
