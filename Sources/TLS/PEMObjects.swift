internal import COpenSSL

/// The OpenSSL objects of one bundle while it is being checked.
// SAFETY: this object owns the key and the certificates, of which there is at least one, and frees
// them once, in `deinit`; OpenSSL gets them for calls only.
@safe
final class PEMObjects {
  private let chain: [OpaquePointer]
  private let key: OpaquePointer
  /// The certificates above the first, in DER; they share their memory with those of other pairs.
  private let issuerDERs: [[UInt8]]

  /// Reads all certificates of a text and the one key of another.
  init(
    chain text: PEMOutline, key keyText: PEMOutline, _ tools: ParsingTools
  ) throws(CertificateError) {
    ERR_clear_error()
    defer { ERR_clear_error() }
    unsafe key = try Self.privateKey(keyText, tools)
    let blocks = text.blocks.filter(\.isCertificate).map { text.text[$0.range] }
    let leaf = unsafe blocks.first.flatMap { unsafe PEMText.certificate(Array($0)) }
    let issuers = tools.issuers(Array(blocks.dropFirst().joined()))
    issuerDERs = issuers.ders
    guard let leaf = unsafe leaf else {
      unsafe chain = unsafe issuers.certificates
      throw .malformedCertificate(position: 1)
    }
    unsafe chain = unsafe [leaf] + issuers.certificates
    let read = unsafe chain.count
    guard read == blocks.count else { throw .malformedCertificate(position: read + 1) }
  }

  private static func privateKey(
    _ outline: PEMOutline, _ tools: ParsingTools
  ) throws(CertificateError) -> OpaquePointer {
    if let block = outline.blocks.first(where: \.isKey),
      let found = unsafe tools.privateKey(outline.text[block.range])
    {
      return unsafe found
    }
    // The long way says what is wrong.
    let (found, isEncrypted) = unsafe PEMText.privateKey(outline.text)
    if let found = unsafe found { return unsafe found }
    let isOpenSSH = outline.blocks.contains { $0.isLabelled("OPENSSH PRIVATE KEY") }
    guard !isOpenSSH else { throw .foreign(.openSSHKey, isKey: true) }
    throw isEncrypted ? .encryptedKey : .malformedKey
  }

  deinit {
    unsafe chain.forEach { unsafe X509_free($0) }
    unsafe EVP_PKEY_free(key)
  }

  func checkKey() throws(CertificateError) {
    defer { ERR_clear_error() }
    guard unsafe X509_check_private_key(chain[0], key) == 1 else { throw .keyDoesNotFit }
  }

  func checkChain() throws(CertificateError) {
    defer { ERR_clear_error() }
    for position in 0..<(unsafe chain.count - 1) {
      let issuer = unsafe chain[position + 1]
      let certificate = unsafe chain[position]
      switch unsafe X509_check_issued(issuer, certificate) {
      case X509_V_OK: continue
      case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
        throw .notAccepted(
          position: position + 2, reason: "its key usage does not allow it to issue certificates")
      default: throw .chainBroken(position: position + 1)
      }
    }
  }

  /// Judges signatures and what the certificates say of themselves; what may be meant is returned.
  func verify() throws(CertificateError) -> [CertificateWarning] {
    defer { ERR_clear_error() }
    unsafe try ChainVerification.check(chain)
    return unsafe ChainVerification.warnings(chain)
  }

  func checkStrength(
    rsaBitsMin: Int, ecdsaBitsMin: Int
  ) throws(CertificateError) -> Certificate.KeyKind {
    let bits = Int(unsafe EVP_PKEY_get_bits(key))
    switch unsafe EVP_PKEY_get_base_id(key) {
    case EVP_PKEY_RSA:
      guard bits >= rsaBitsMin else { throw .keyTooWeak(bits: bits) }
      return .rsa
    case EVP_PKEY_EC:
      guard bits >= ecdsaBitsMin else { throw .keyTooWeak(bits: bits) }
      guard curves.contains(curve()) else { throw .keyKindUnsupported }
      return .ecdsa
    default: throw .keyKindUnsupported
    }
  }

  /// What browsers know, in OpenSSL's words.
  private var curves: [String] { ["prime256v1", "secp384r1", "secp521r1"] }

  private func curve() -> String {
    var name = [CChar](repeating: 0, count: 64)
    guard unsafe EVP_PKEY_get_group_name(key, &name, name.count, nil) == 1 else { return "" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  func names() throws(CertificateError) -> [String] { unsafe try Self.names(chain[0]) }

  /// The names of the first certificate in a text that need not hold a key; none where it has none.
  // SAFETY: the certificates are freed here, after their names were copied.
  static func names(ofFirstIn text: [UInt8]) -> [String] {
    defer { ERR_clear_error() }
    let chain = unsafe PEMText.certificates(text)
    defer { unsafe chain.forEach { unsafe X509_free($0) } }
    guard let first = unsafe chain.first else { return [] }
    return (unsafe try? names(first)) ?? []
  }

  // SAFETY: the list is ours until it is freed; indices are below its count, and each name is
  // copied before that. The type of a name says which part of its union is there.
  private static func names(_ certificate: OpaquePointer) throws(CertificateError) -> [String] {
    var names: [String] = []
    let found = unsafe X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil)
    guard let found = unsafe found else { throw .noNames }
    let list = OpaquePointer(found)
    defer { unsafe GENERAL_NAMES_free(list) }
    for index in 0..<(unsafe shim_GENERAL_NAMES_num(list)) {
      guard let name = unsafe shim_GENERAL_NAMES_value(list, index) else { continue }
      guard unsafe name.pointee.type == GEN_DNS, let text = unsafe name.pointee.d.dNSName else {
        continue
      }
      let count = Int(unsafe ASN1_STRING_length(text))
      let bytes = unsafe UnsafeBufferPointer(start: ASN1_STRING_get0_data(text), count: count)
      unsafe names.append(String(decoding: bytes, as: UTF8.self))
    }
    guard !names.isEmpty else { throw .noNames }
    return names
  }

  /// When each certificate is valid; without a root at the end, of which clients have their own.
  func validities() -> [Validity] {
    var counted = unsafe chain
    if unsafe counted.count > 1, let last = unsafe counted.last,
      unsafe X509_self_signed(last, 0) == 1
    {
      unsafe counted.removeLast()
    }
    return unsafe counted.map { certificate in
      unsafe Validity(
        from: CertificateFacts.seconds(X509_get0_notBefore(certificate)) ?? 0,
        until: CertificateFacts.seconds(X509_get0_notAfter(certificate)) ?? 0)
    }
  }

  func serial() -> String { unsafe CertificateFacts.serial(chain[0]) }

  func chainDER() -> [[UInt8]] { unsafe [Self.der(chain[0])] + issuerDERs }

  static func der(_ certificate: OpaquePointer) -> [UInt8] {
    unsafe encoded { unsafe i2d_X509(certificate, $0) }
  }

  /// Has a context take the pair, as those of workers will.
  func rehearse(in context: SetContext) throws(TLSError) {
    unsafe try context.use(chain, key)
  }

  func keyDER() -> [UInt8] {
    unsafe Self.encoded { unsafe i2d_PrivateKey(key, $0) }
  }

  /// What one of OpenSSL's functions `i2d_…` writes; nothing where it fails.
  // SAFETY: the first call says how many bytes the second writes, of the same unchanged object.
  static func encoded(
    _ encode: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32
  ) -> [UInt8] {
    let size = Int(encode(nil))
    guard size > 0 else { return [] }
    return unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      var place = buffer.baseAddress
      count = Int(unsafe encode(&place))
    }
  }
}
