internal import COpenSSL
internal import Glibc

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
  /// Dates are not judged here: `check(now:)` does that.
  package init(pem: [UInt8], keyPEM: [UInt8]? = nil) throws(CertificateError) {
    for text in [pem, keyPEM ?? []] where text.count > Self.bytesMax {
      throw .tooLarge(bytes: text.count, limit: Self.bytesMax)
    }
    let objects = try PEMObjects(chain: pem, key: keyPEM ?? pem)
    try objects.checkKey()
    try objects.checkChain()
    (keyKind, _) = try objects.checkStrength(
      rsaBitsMin: Self.rsaBitsMin, ecdsaBitsMin: Self.ecdsaBitsMin)
    names = try objects.names()
    (notBefore, notAfter) = objects.dates()
    serial = objects.serial()
    chain = objects.chainDER()
    key = objects.keyDER()
  }

  /// Throws where the certificate is not valid at `now`, seconds since 1970.
  package func check(now: Int64) throws(CertificateError) {
    if now < notBefore { throw .notYetValid(from: notBefore) }
    if now > notAfter { throw .expired(since: notAfter) }
  }
}

/// The OpenSSL objects of one bundle while it is being checked.
@safe
final class PEMObjects {
  private let chain: [OpaquePointer]
  private let key: OpaquePointer

  init(chain pem: [UInt8], key keyPEM: [UInt8]) throws(CertificateError) {
    ERR_clear_error()
    unsafe key = try Self.readKey(keyPEM)
    unsafe chain = Self.readChain(pem)
    let count = unsafe chain.count
    guard Self.queueSaysNoStartLine() else { throw .malformedCertificate(position: count + 1) }
    guard count > 0 else { throw .noCertificate }
  }

  deinit {
    for unsafe certificate in unsafe chain { unsafe X509_free(certificate) }
    unsafe EVP_PKEY_free(key)
  }

  private static func readKey(_ text: [UInt8]) throws(CertificateError) -> OpaquePointer {
    // SAFETY: the BIO reads the array's memory within the closure that lends it.
    let (key, encrypted) = unsafe text.withUnsafeBytes { raw -> (OpaquePointer?, Bool) in
      guard let bio = unsafe BIO_new_mem_buf(raw.baseAddress, Int32(raw.count)) else {
        return (nil, false)
      }
      defer { unsafe BIO_free(bio) }
      var asked = false
      // Without a callback OpenSSL would ask on the terminal.
      let found = unsafe withUnsafeMutablePointer(to: &asked) { asked in
        unsafe PEM_read_bio_PrivateKey(bio, nil, refusePassphrase, asked)
      }
      return unsafe (found, asked)
    }
    guard let key = unsafe key else {
      let missing = Self.queueSaysNoStartLine()
      if encrypted { throw .encryptedKey }
      throw missing ? .noKey : .malformedKey
    }
    return unsafe key
  }

  /// All certificates up to the first block that is none; the error queue tells why it ended.
  private static func readChain(_ text: [UInt8]) -> [OpaquePointer] {
    // SAFETY: as in `readKey`.
    unsafe text.withUnsafeBytes { raw in
      var chain: [OpaquePointer] = unsafe []
      guard let bio = unsafe BIO_new_mem_buf(raw.baseAddress, Int32(raw.count)) else {
        return unsafe chain
      }
      defer { unsafe BIO_free(bio) }
      while let certificate = unsafe PEM_read_bio_X509(bio, nil, refusePassphrase, nil) {
        unsafe chain.append(certificate)
      }
      return unsafe chain
    }
  }

  /// Whether the last failure only means that no further PEM block follows; clears the queue.
  private static func queueSaysNoStartLine() -> Bool {
    let code = ERR_peek_last_error()
    ERR_clear_error()
    // ERR_GET_LIB and ERR_GET_REASON are inline functions of many lines; the layout is fixed API.
    return (code >> 23) & 0xff == UInt(ERR_LIB_PEM) && code & 0x7f_ffff == UInt(PEM_R_NO_START_LINE)
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
      guard unsafe X509_check_issued(issuer, certificate) == X509_V_OK,
        unsafe X509_verify(certificate, X509_get0_pubkey(issuer)) == 1
      else { throw .chainBroken(position: position + 1) }
    }
  }

  func checkStrength(
    rsaBitsMin: Int, ecdsaBitsMin: Int
  ) throws(CertificateError) -> (Certificate.KeyKind, Int) {
    let bits = Int(unsafe EVP_PKEY_get_bits(key))
    switch unsafe EVP_PKEY_get_base_id(key) {
    case EVP_PKEY_RSA:
      guard bits >= rsaBitsMin else { throw .keyTooWeak(bits: bits) }
      return (.rsa, bits)
    case EVP_PKEY_EC:
      guard bits >= ecdsaBitsMin else { throw .keyTooWeak(bits: bits) }
      return (.ecdsa, bits)
    default: throw .keyKindUnsupported
    }
  }

  func names() throws(CertificateError) -> [String] {
    var names: [String] = []
    let found = unsafe X509_get_ext_d2i(chain[0], NID_subject_alt_name, nil, nil)
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

  func dates() -> (Int64, Int64) {
    unsafe (
      Self.seconds(X509_get0_notBefore(chain[0])), Self.seconds(X509_get0_notAfter(chain[0]))
    )
  }

  private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64 {
    var parts = unsafe tm()
    guard unsafe ASN1_TIME_to_tm(time, &parts) == 1 else { return 0 }
    return Int64(unsafe timegm(&parts))
  }

  func serial() -> String {
    guard let number = unsafe ASN1_INTEGER_to_BN(X509_get0_serialNumber(chain[0]), nil) else {
      return ""
    }
    defer { unsafe BN_free(number) }
    guard let text = unsafe BN_bn2hex(number) else { return "" }
    defer { unsafe CRYPTO_free(text, nil, 0) }
    return unsafe String(cString: text)
  }

  func chainDER() -> [[UInt8]] {
    unsafe chain.map { certificate in
      unsafe Self.encoded { unsafe i2d_X509(certificate, $0) }
    }
  }

  func keyDER() -> [UInt8] {
    unsafe Self.encoded { unsafe i2d_PrivateKey(key, $0) }
  }

  private static func encoded(
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
