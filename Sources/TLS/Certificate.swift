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
  /// When the whole chain is valid, in seconds since 1970: it ends with the first certificate of it
  /// that ends.
  package let notBefore: Int64
  package let notAfter: Int64
  /// Since when the server's own certificate is valid, which tells the newer of two.
  package let issuedAt: Int64
  /// Which certificate of the chain ends first; 1 is the server's own.
  package let firstToEnd: Int
  /// Since when that one is valid, in seconds since 1970: its lifetime is the one that ends.
  package let endingSince: Int64
  /// What is taken although some clients will refuse it.
  package let warnings: [CertificateWarning]
  private let validities: [Validity]
  /// The serial number in hexadecimal.
  package let serial: String

  /// What a bundle may measure: a chain of ten RSA certificates has a quarter of it.
  package static let bytesMax = 256 * 1024
  private static let rsaBitsMin = 2048
  private static let ecdsaBitsMin = 256

  /// Reads PEM text: the chain in order, and the key in the same text or in `keyPEM`.
  ///
  /// The chain must be unbroken up to the last certificate given; it need not reach a public root.
  /// It is verified as a client does that trusts the last certificate (`ChainVerification`), but for its
  /// dates, which `check(now:)` judges. Code that reads many hands the same `tools` to all.
  package init(
    pem: [UInt8], keyPEM: [UInt8]? = nil, with tools: ParsingTools = ParsingTools()
  ) throws(CertificateError) {
    for text in [pem, keyPEM ?? []] where text.count > Self.bytesMax {
      throw .tooLarge(bytes: text.count, limit: Self.bytesMax)
    }
    let text = try PEMOutline(pem)
    let keyText = if let keyPEM { try PEMOutline(keyPEM, isKey: true) } else { text }
    guard text.certificates > 0 else { throw text.missingCertificate }
    guard keyText.keys > 0 else { throw keyText.missingKey }
    guard keyText.keys == 1 else { throw .severalKeys }
    let objects = try PEMObjects(chain: text, key: keyText, tools)
    try objects.checkKey()
    try objects.checkChain()
    keyKind = try objects.checkStrength(
      rsaBitsMin: Self.rsaBitsMin, ecdsaBitsMin: Self.ecdsaBitsMin)
    names = try objects.names()
    warnings = try objects.verify()
    validities = objects.validities()
    (issuedAt, notBefore) = Self.beginnings(validities)
    (notAfter, firstToEnd, endingSince) = Self.end(validities)
    serial = objects.serial()
    chain = objects.chainDER()
    key = objects.keyDER()
    try Self.rehearse(objects, tools)
  }

  /// Does what workers will do, so that what OpenSSL would not serve (its security level judges every
  /// signature and key of the chain) is refused where the reason can be told.
  private static func rehearse(
    _ objects: PEMObjects, _ tools: ParsingTools
  ) throws(CertificateError) {
    do throws(TLSError) {
      try objects.rehearse(in: tools.rehearsalContext())
    } catch {
      throw .notServable(reason: error.reasons.joined(separator: ", "))
    }
  }

  /// The DNS names of the first certificate of a chain whose key is not there yet; nothing is checked.
  package static func names(ofChain pem: [UInt8]) -> [String] {
    pem.count <= bytesMax ? PEMObjects.names(ofFirstIn: pem) : []
  }

  /// When the first certificate becomes valid, and when all of them are.
  private static func beginnings(_ validities: [Validity]) -> (Int64, Int64) {
    let first = validities.first?.from ?? .max
    return (first, validities.reduce(first) { max($0, $1.from) })
  }

  /// The first end in a chain, the position of the certificate that has it, and its beginning.
  private static func end(_ validities: [Validity]) -> (Int64, Int, Int64) {
    var (until, position, since) = (Int64.max, 1, Int64.min)
    for (index, validity) in validities.enumerated() where validity.until < until {
      (until, position, since) = (validity.until, index + 1, validity.from)
    }
    return (until, position, since)
  }

  /// What to say behind its end, where that is not the end of the server's own certificate.
  package var endRemark: String {
    firstToEnd == 1 ? "" : ": certificate \(firstToEnd) of its chain ends first"
  }

  /// Throws where a certificate of the chain is not valid at `now`, seconds since 1970.
  package func check(now: Int64) throws(CertificateError) {
    for (index, validity) in validities.enumerated() {
      if now > validity.until {
        throw index == 0
          ? .expired(since: validity.until)
          : .issuerExpired(position: index + 1, since: validity.until)
      }
      if now < validity.from {
        throw index == 0
          ? .notYetValid(from: validity.from)
          : .issuerNotYetValid(position: index + 1, from: validity.from)
      }
    }
  }
}

/// When one certificate is valid, in seconds since 1970, both ends included.
struct Validity: Sendable, Equatable {
  let from: Int64
  let until: Int64
}

extension Certificate: CustomStringConvertible, CustomReflectable {
  /// Serial and names; the key never shows.
  package var description: String { "certificate \(serial) for \(names.joined(separator: " "))" }
  package var customMirror: Mirror { Mirror(self, children: ["serial": serial, "names": names]) }
}
