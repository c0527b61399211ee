internal import COpenSSL

/// The certificate that answers the challenge tls-alpn-01, RFC 8737 §3.
///
/// It has signed itself, bears the one name that is to be proved, and the digest of the key
/// authorization in a critical extension. No client but the authority sees it.
package enum ChallengeCertificate {
  /// id-pe-acmeIdentifier; OpenSSL 3.0 has no name for it.
  private static let identifier = "1.3.6.1.5.5.7.1.31"
  /// Clocks of authorities may be behind ours, and an order is over long before.
  private static let skewSeconds: Int64 = 86_400
  private static let validSeconds: Int64 = 7 * 86_400

  /// Certificate and key in PEM.
  ///
  /// `digest` is the SHA-256 of the key authorization, `now` in seconds since 1970.
  package static func make(
    name: String, digest: [UInt8], now: Int64
  ) throws(TLSError) -> (certificate: [UInt8], key: [UInt8]) {
    guard digest.count == Hash.count else {
      throw TLSError("acmeIdentifier", reason: "\(digest.count) bytes are no SHA-256")
    }
    let names = try SubjectNames.text([name])
    let key = try SigningKey(making: .ecdsa)
    let draft = try CertificateDraft(
      name: "ACME challenge", key: key, from: now - skewSeconds, until: now + validSeconds)
    try draft.add(NID_subject_alt_name, names)
    // An OCTET STRING of 32 bytes within that of the extension.
    try draft.add(identifier, "critical,DER:0420" + hexadecimal(digest))
    try draft.sign(issuer: draft, with: key)
    return (try draft.pem(), try key.pem())
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef")
    return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }
}
