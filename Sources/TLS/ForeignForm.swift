/// What a file is that should be PEM text, with certificates or a key in it, and is something else.
package enum ForeignForm: Sendable, Equatable {
  case der, pkcs12, pkcs7, utf16, request, trusted, publicKey, openSSHKey
  /// The marks of PEM are there, but not in lines of their own.
  case withoutLines

  /// What the first bytes say; `nil` where they say nothing against PEM.
  init?(bytes: [UInt8]) {
    switch (bytes.first, bytes.dropFirst().first) {
    case (0xff, 0xfe), (0xfe, 0xff), (UInt8(ascii: "-"), 0), (0, UInt8(ascii: "-")):
      self = .utf16
    // A SEQUENCE that is long enough to have its length in bytes of its own, X.690 §8.1.3.5.
    case (0x30, .some(0x81...0x84)):
      let content = bytes.dropFirst(2 + Int(bytes[1] & 0x7f))
      // PKCS #12 begins with its version, 3 (RFC 7292 §4).
      self = content.starts(with: [0x02, 0x01, 0x03]) ? .pkcs12 : .der
    default: return nil
    }
  }

  /// What it is and what to do about it.
  func text(isKey: Bool) -> String {
    let what = isKey ? "the private key" : "it"
    switch self {
    case .der:
      let command = isKey ? "pkey" : "x509"
      return "\(what) is DER, not PEM text;"
        + " 'openssl \(command) -inform DER -in FILE -out NEW' converts it"
    case .pkcs12:
      return "\(what) is PKCS #12, not PEM text;"
        + " 'openssl pkcs12 -in FILE -nodes -out NEW' converts it"
    case .pkcs7:
      return "it is PKCS #7;"
        + " 'openssl pkcs7 -in FILE -print_certs -out NEW' takes the certificates out"
    case .utf16: return "\(what) is UTF-16 text; save it as UTF-8 or ASCII"
    case .request: return "it is a certificate request, not the certificate that the CA gave for it"
    case .trusted:
      return "it is a 'TRUSTED CERTIFICATE' of OpenSSL;"
        + " 'openssl x509 -in FILE -out NEW' converts it"
    case .publicKey: return "it is a public key, and the private one is needed"
    case .openSSHKey: return "the private key is one of OpenSSH; the certificate has another"
    case .withoutLines:
      let owner = isKey ? "the private key" : "a certificate"
      return "the marks '-----BEGIN' and '-----END' of \(owner) are not in lines of their own"
    }
  }
}
