internal import Calendar

/// Why a certificate and its key are refused.
package enum CertificateError: Error, Equatable, Sendable, CustomStringConvertible {
  case noCertificate
  case noKey
  case severalKeys
  case unclosedBlock(line: Int)
  case malformedCertificate(position: Int)
  case malformedKey
  case encryptedKey
  case keyDoesNotFit
  case chainBroken(position: Int)
  case noNames
  case malformedName(String)
  case notYetValid(from: Int64)
  case expired(since: Int64)
  /// The same of a certificate further up the chain; positions count from 1, the server's own.
  case issuerNotYetValid(position: Int, from: Int64)
  case issuerExpired(position: Int, since: Int64)
  /// Every client refuses what a certificate of the chain says of itself.
  case notAccepted(position: Int, reason: String)
  /// It is no PEM text, or the PEM text of something else.
  case foreign(ForeignForm, isKey: Bool)
  case keyTooWeak(bits: Int)
  case keyKindUnsupported
  case notServable(reason: String)
  case tooLarge(bytes: Int, limit: Int)
  case notText
  /// Encrypted with this key, and no key file is configured.
  case noEncryptionKeys(id: String)
  /// The private key lies in etcd as it is, although there are encryption keys.
  case notSealed
  case sealedKey(EnvelopeError)
  case sealingFailed(reason: String)

  package var description: String {
    switch self {
    case .noCertificate: "no certificate in it"
    case .noKey: "no private key in it"
    case .severalKeys: "more than one private key in it"
    case .unclosedBlock(let line): "the PEM block in line \(line) is not whole"
    case .malformedCertificate(let position): "certificate \(position) of the chain is malformed"
    case .malformedKey: "the private key is malformed"
    case .encryptedKey:
      "the private key is encrypted with a passphrase; 'openssl pkey -in FILE -out NEW' takes it off"
    case .keyDoesNotFit: "the private key does not fit the certificate"
    case .chainBroken(let position):
      "certificate \(position) of the chain was not issued by the one after it"
    case .noNames: "the certificate names no DNS name"
    case .malformedName(let name): "the certificate names '\(name)', which is no DNS name"
    case .notYetValid(let from): "the certificate is not valid before \(UTC.text(from))"
    case .expired(let since): "the certificate expired at \(UTC.text(since))"
    case .issuerNotYetValid(let position, let from):
      "certificate \(position) of the chain is not valid before \(UTC.text(from))"
    case .issuerExpired(let position, let since):
      "certificate \(position) of the chain expired at \(UTC.text(since))"
    case .notAccepted(let position, let reason):
      "no client accepts certificate \(position) of the chain: \(reason)"
    case .foreign(let form, let isKey): form.text(isKey: isKey)
    case .keyTooWeak(let bits): "a key of \(bits) bits is too weak"
    case .keyKindUnsupported: "the key is neither ECDSA (P-256, P-384, P-521) nor RSA"
    case .notServable(let reason): "OpenSSL does not serve it: \(reason)"
    case .tooLarge(let bytes, let limit): "\(bytes) bytes are more than the limit of \(limit)"
    case .notText: "it has a byte of zero and is no PEM text"
    case .noEncryptionKeys(let id):
      "the private key is encrypted with the key '\(id)', and no encryption keys are configured"
    case .notSealed:
      "the private key is not encrypted, although there are encryption keys;"
        + " 'edgeproxy cert rekey' encrypts it"
    case .sealedKey(let error): "the encrypted private key cannot be opened: \(error)"
    case .sealingFailed(let reason): "the private key could not be encrypted: \(reason)"
    }
  }
}
