/// What is taken, because it may be meant, although some clients refuse it.
package enum CertificateWarning: Sendable, Equatable, CustomStringConvertible {
  case selfSigned
  case leafOnly
  /// The certificate demands a stapled OCSP response, RFC 7633, and none is ever stapled here.
  case mustStaple
  case noSignatureUse

  package var description: String {
    switch self {
    case .selfSigned:
      "the certificate is signed by itself; only clients that were given it accept it"
    case .leafOnly:
      "the chain is the server's certificate alone, and clients refuse it that do not have its"
        + " issuer's; put the issuer's behind it (certbot: fullchain.pem, not cert.pem)"
    case .mustStaple:
      "the certificate demands a stapled OCSP response (must-staple), which this server never has,"
        + " so Firefox refuses it; order one without must-staple"
    case .noSignatureUse:
      "the key usage of the certificate lacks digitalSignature, so browsers refuse it"
    }
  }
}
