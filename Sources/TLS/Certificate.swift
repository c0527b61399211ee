/// A certificate chain with its private key, checked, as bytes.
///
/// It holds no OpenSSL object, so that it can be passed between threads freely; each worker makes
/// its own objects from it and shares no reference count with another.
package struct Certificate: Sendable, Equatable {
  package enum KeyKind: Sendable { case ecdsa, rsa }

  /// The chain in DER, the server's own certificate first.
  package let chain: [[UInt8]]
  let key: [UInt8]
  package let keyKind: KeyKind
  /// The DNS names as the certificate gives them, wildcards included.
  package let names: [String]
  /// Seconds since 1970.
  package let notBefore: Int64
  package let notAfter: Int64
  /// The serial number in hexadecimal.
  package let serial: String

  /// What a bundle may measure: a chain of ten RSA certificates has a quarter of it.
  package static let bytesMax = 256 * 1024
  private static let rsaBitsMin = 2048
  private static let ecdsaBitsMin = 256

  /// Reads PEM text: the chain in order, and the key in the same text or in `keyPEM`.
  ///
  /// The chain must be unbroken up to the last certificate given; it need not reach a public root.
  /// Dates are not judged here: `check(now:)` does that, for the server's own certificate only, since
  /// clients find their way around an old cross-signature further up.
  package init(pem: [UInt8], keyPEM: [UInt8]? = nil) throws(CertificateError) {
    for text in [pem, keyPEM ?? []] where text.count > Self.bytesMax {
      throw .tooLarge(bytes: text.count, limit: Self.bytesMax)
    }
    let blocks = try PEMOutline(pem)
    let keys = keyPEM == nil ? blocks.keys : try PEMOutline(keyPEM ?? []).keys
    guard blocks.certificates > 0 else { throw .noCertificate }
    guard keys > 0 else { throw .noKey }
    guard keys == 1 else { throw .severalKeys }
    let objects = try PEMObjects(chain: pem, count: blocks.certificates, key: keyPEM ?? pem)
    try objects.checkKey()
    try objects.checkChain()
    keyKind = try objects.checkStrength(
      rsaBitsMin: Self.rsaBitsMin, ecdsaBitsMin: Self.ecdsaBitsMin)
    names = try objects.names()
    (notBefore, notAfter) = objects.dates()
    serial = objects.serial()
    chain = objects.chainDER()
    key = objects.keyDER()
    try rehearse()
  }

  /// Makes the context that workers will make, so that what OpenSSL would not serve (its security
  /// level judges every signature and key of the chain) is refused where the reason can be told.
  private func rehearse() throws(CertificateError) {
    do throws(TLSError) {
      _ = try SetContext([self], policy: TLSPolicy(minimumIsTLS13: false, tickets: true))
    } catch {
      throw .notServable(reason: error.reasons.joined(separator: ", "))
    }
  }

  /// The DNS names of the first certificate of a chain whose key is not there yet; nothing is checked.
  package static func names(ofChain pem: [UInt8]) -> [String] {
    pem.count <= bytesMax ? PEMObjects.names(ofFirstIn: pem) : []
  }

  /// Throws where the certificate is not valid at `now`, seconds since 1970.
  package func check(now: Int64) throws(CertificateError) {
    if now < notBefore { throw .notYetValid(from: notBefore) }
    if now > notAfter { throw .expired(since: notAfter) }
  }
}

extension Certificate: CustomStringConvertible, CustomReflectable {
  /// Serial and names; the key never shows.
  package var description: String { "certificate \(serial) for \(names.joined(separator: " "))" }
  package var customMirror: Mirror { Mirror(self, children: ["serial": serial, "names": names]) }
}
