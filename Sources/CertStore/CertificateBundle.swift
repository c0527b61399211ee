package import TLS

/// A chain and its key in one text, as one key of etcd holds them.
///
/// The key is a PEM block as OpenSSL writes it, or a block `EDGEPROXY ENCRYPTED KEY` with an `Envelope`
/// over that block's text. The envelope is bound to the first certificate of the chain, so that nobody
/// without the encryption keys can put one server's key beside another's certificate. The text is
/// believed no more than a stranger's.
package struct CertificateBundle: Sendable {
  package let certificate: Certificate
  /// The key that the private key is encrypted with; `nil` where it lies there plain.
  package let keyID: String?
  private let keyPEM: [UInt8]

  /// Whether every reader of the value has the private key.
  package var isPlain: Bool { keyID == nil }

  private static let context = Array("edgeproxy private key".utf8)

  /// Reads and checks a value; dates and names are judged where it is served.
  ///
  /// With `keys` a plain key is refused (`SealedSecrets`), but for `allowsPlain`: that is for commands
  /// which show or encrypt what lies there, and for a copy that this server itself has kept.
  package init(
    reading value: [UInt8], keys: EncryptionKeys?, allowsPlain: Bool = false,
    with tools: ParsingTools = ParsingTools()
  ) throws(CertificateError) {
    guard value.count <= Certificate.bytesMax else {
      throw .tooLarge(bytes: value.count, limit: Certificate.bytesMax)
    }
    let outline = try PEMOutline(value)
    let (text, blocks) = (outline.text, outline.blocks)
    guard !text.contains(0) else { throw .notText }
    let sealed = blocks.filter { $0.isLabelled("EDGEPROXY ENCRYPTED KEY") }
    let plain = blocks.filter(\.isKey)
    guard let leaf = blocks.first(where: \.isCertificate) else {
      throw outline.missingCertificate
    }
    guard sealed.count + plain.count <= 1 else { throw .severalKeys }
    if let block = sealed.first {
      let envelope = Base64.decode(text[block.content]) ?? []
      (keyID, keyPEM) = try Self.open(envelope, keys, leaf: text[leaf.content])
    } else {
      guard let block = plain.first else { throw outline.missingKey }
      guard allowsPlain || SealedSecrets.refusal(isSealed: false, with: keys) == nil else {
        throw .notSealed
      }
      (keyID, keyPEM) = (nil, Array(text[block.range]))
    }
    certificate = try Certificate(pem: text, keyPEM: keyPEM, with: tools)
  }

  private static func open(
    _ envelope: [UInt8], _ keys: EncryptionKeys?, leaf: ArraySlice<UInt8>
  ) throws(CertificateError) -> (String, [UInt8]) {
    guard let leaf = Base64.decode(leaf) else { throw .malformedCertificate(position: 1) }
    let id: String
    do throws(EnvelopeError) { id = try Envelope.keyID(envelope) } catch { throw .sealedKey(error) }
    guard let keys else { throw .noEncryptionKeys(id: id) }
    do throws(EnvelopeError) {
      return (id, try Envelope.open(envelope, with: keys, context: context(leaf)))
    } catch {
      throw .sealedKey(error)
    }
  }

  private static func context(_ leaf: [UInt8]) -> [UInt8] { context + Hash.sha256(leaf) }

  /// The value to store for a chain and its key, which may be in one text.
  ///
  /// Everything is checked before, dates and names too, and what was written is read back: a value that
  /// comes out of here is one that every server will take. Without `keys` the key is stored plain.
  package static func write(
    chainPEM: [UInt8], keyPEM: [UInt8]?, keys: EncryptionKeys?, now: Int64
  ) throws(CertificateError) -> [UInt8] {
    let certificate = try Certificate(pem: chainPEM, keyPEM: keyPEM)
    try certificate.check(now: now)
    _ = try CertificateName.normalised(certificate.names)
    let outline = try PEMOutline(keyPEM ?? chainPEM)
    guard let block = outline.blocks.first(where: \.isKey) else { throw outline.missingKey }
    return try written(certificate, keyPEM: Array(outline.text[block.range]), keys: keys)
  }

  /// The same chain with its key under the first of `keys`, or plain without; `nil` where it already is.
  package func resealed(_ keys: EncryptionKeys?) throws(CertificateError) -> [UInt8]? {
    guard keys?.sealingID != keyID else { return nil }
    return try Self.written(certificate, keyPEM: keyPEM, keys: keys)
  }

  private static func written(
    _ certificate: Certificate, keyPEM: [UInt8], keys: EncryptionKeys?
  ) throws(CertificateError) -> [UInt8] {
    var text: [UInt8] = []
    for der in certificate.chain { text += block("CERTIFICATE", der) }
    if let keys {
      do throws(TLSError) {
        let envelope = try Envelope.seal(
          keyPEM, with: keys, context: context(certificate.chain[0]))
        text += block("EDGEPROXY ENCRYPTED KEY", envelope)
      } catch {
        throw .sealingFailed(reason: "\(error)")
      }
    } else {
      text += keyPEM
      if text.last != UInt8(ascii: "\n") { text.append(UInt8(ascii: "\n")) }
    }
    let again = try CertificateBundle(reading: text, keys: keys)
    guard again.certificate == certificate else { throw .keyDoesNotFit }
    return text
  }

  /// A PEM block in lines of 64, RFC 7468 §2.
  private static func block(_ label: String, _ bytes: [UInt8]) -> [UInt8] {
    var text = Array("-----BEGIN \(label)-----\n".utf8)
    var rest = Base64.encode(bytes)[...]
    while !rest.isEmpty {
      text += rest.prefix(64)
      text.append(UInt8(ascii: "\n"))
      rest = rest.dropFirst(64)
    }
    return text + Array("-----END \(label)-----\n".utf8)
  }
}
