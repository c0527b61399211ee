internal import COpenSSL

/// A private key that signs certificates, requests for them, and the messages of an ACME account.
///
/// It is an EC key on P-256 or an RSA key of 2048 bits or more: what every authority takes.
// SAFETY: this object owns the key and frees it once, in `deinit`; OpenSSL gets it for calls only.
@safe
package final class SigningKey {
  package enum Kind: String, Sendable, Hashable { case ecdsa, rsa }

  let raw: OpaquePointer
  package let kind: Kind
  /// The public key as the members of a JWK that its thumbprint is made of, RFC 7638 §3.2.
  ///
  /// They are in the order of the thumbprint: crv, kty, x, y, or e, kty, n. The values are plain ASCII.
  package let publicJWK: [(name: String, value: String)]

  /// What the PEM text of a key may measure, in bytes.
  package static let pemBytesMax = 64 * 1024
  private static let rsaBits = 2048
  /// Bytes of each coordinate and of each half of a signature on P-256.
  private static let ecBytes = 32

  /// A new key; RSA takes some hundred milliseconds.
  package convenience init(making kind: Kind) throws(TLSError) {
    ERR_clear_error()
    let made: OpaquePointer? =
      switch kind {
      case .ecdsa: unsafe shim_EVP_EC_gen("P-256")
      case .rsa: unsafe shim_EVP_RSA_gen(UInt32(Self.rsaBits))
      }
    guard let made = unsafe made else { throw TLSError(draining: "EVP_PKEY_Q_keygen") }
    unsafe try self.init(owning: made)
  }

  /// Reads the first private key of a text.
  package convenience init(pem: [UInt8]) throws(TLSError) {
    ERR_clear_error()
    defer { ERR_clear_error() }
    guard pem.count <= Self.pemBytesMax else {
      throw TLSError("PEM_read_bio_PrivateKey", reason: "too much for a key")
    }
    guard let found = unsafe PEMText.privateKey(pem).key else {
      throw TLSError(draining: "PEM_read_bio_PrivateKey")
    }
    unsafe try self.init(owning: found)
  }

  /// Everything is stored before anything is refused, so that `deinit` frees what is refused.
  private init(owning key: OpaquePointer) throws(TLSError) {
    unsafe raw = key
    let isRSA = unsafe EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA
    kind = isRSA ? .rsa : .ecdsa
    publicJWK = unsafe isRSA ? Self.rsaMembers(key) : Self.ecMembers(key)
    guard unsafe isRSA || Self.isOnP256(key) else {
      throw TLSError("EVP_PKEY", reason: "the key is neither RSA nor EC on P-256")
    }
    guard unsafe !isRSA || EVP_PKEY_get_bits(key) >= Self.rsaBits else {
      throw TLSError("EVP_PKEY", reason: "the RSA key has less than \(Self.rsaBits) bits")
    }
    guard !publicJWK.isEmpty else { throw TLSError(draining: "EVP_PKEY_get_bn_param") }
  }

  deinit { unsafe EVP_PKEY_free(raw) }

  /// The private key as PKCS #8, not encrypted.
  package func pem() throws(TLSError) -> [UInt8] {
    unsafe try PEMText.write { bio in
      unsafe PEM_write_bio_PKCS8PrivateKey(bio, raw, nil, nil, 0, nil, nil)
    }
  }

  // MARK: Signatures

  /// The signature as a JWS has it: ES256, 64 bytes (RFC 7518 §3.4), or RS256 (§3.3).
  package func signJWS(_ bytes: [UInt8]) throws(TLSError) -> [UInt8] {
    let signature = try sign(bytes)
    guard kind == .ecdsa else { return signature }
    guard let halves = Self.halves(signature) else { throw TLSError(draining: "d2i_ECDSA_SIG") }
    return halves
  }

  private func sign(_ bytes: [UInt8]) throws(TLSError) -> [UInt8] {
    ERR_clear_error()
    guard let context = unsafe EVP_MD_CTX_new() else { throw TLSError(draining: "EVP_MD_CTX_new") }
    defer { unsafe EVP_MD_CTX_free(context) }
    var count = Int(unsafe EVP_PKEY_get_size(raw))
    var signature = [UInt8](repeating: 0, count: max(count, 0))
    // SAFETY: the arrays outlive the calls; OpenSSL writes at most `count` bytes, which the array has.
    guard unsafe EVP_DigestSignInit(context, nil, EVP_sha256(), nil, raw) == 1,
      unsafe EVP_DigestSign(context, &signature, &count, bytes, bytes.count) == 1
    else { throw TLSError(draining: "EVP_DigestSign") }
    return Array(signature.prefix(max(count, 0)))
  }

  /// r and s of equal length, one after the other, out of OpenSSL's DER.
  private static func halves(_ der: [UInt8]) -> [UInt8]? {
    // SAFETY: the array lends its bytes for the length of the call that reads them; the signature is
    // freed here, after both numbers were copied out of it.
    let signature = unsafe der.withUnsafeBufferPointer { bytes in
      var place = bytes.baseAddress
      return unsafe d2i_ECDSA_SIG(nil, &place, bytes.count)
    }
    guard let signature = unsafe signature else { return nil }
    defer { unsafe ECDSA_SIG_free(signature) }
    guard let r = unsafe padded(ECDSA_SIG_get0_r(signature), count: ecBytes),
      let s = unsafe padded(ECDSA_SIG_get0_s(signature), count: ecBytes)
    else { return nil }
    return r + s
  }

  // MARK: The public key

  private static func isOnP256(_ key: OpaquePointer) -> Bool {
    guard unsafe EVP_PKEY_get_base_id(key) == EVP_PKEY_EC else { return false }
    var name = [CChar](repeating: 0, count: 64)
    // SAFETY: OpenSSL writes at most as many bytes as the array has, the last of them a NUL.
    guard unsafe EVP_PKEY_get_group_name(key, &name, name.count, nil) == 1 else { return false }
    return name.starts(with: "prime256v1".utf8CString)
  }

  private static func ecMembers(_ key: OpaquePointer) -> [(name: String, value: String)] {
    guard let x = unsafe member(key, OSSL_PKEY_PARAM_EC_PUB_X, count: ecBytes),
      let y = unsafe member(key, OSSL_PKEY_PARAM_EC_PUB_Y, count: ecBytes)
    else { return [] }
    return [("crv", "P-256"), ("kty", "EC"), ("x", x), ("y", y)]
  }

  private static func rsaMembers(_ key: OpaquePointer) -> [(name: String, value: String)] {
    guard let e = unsafe member(key, OSSL_PKEY_PARAM_RSA_E),
      let n = unsafe member(key, OSSL_PKEY_PARAM_RSA_N)
    else { return [] }
    return [("e", e), ("kty", "RSA"), ("n", n)]
  }

  /// A number of the key in Base64: of `count` bytes, or of as many as it needs.
  private static func member(_ key: OpaquePointer, _ name: String, count: Int? = nil) -> String? {
    var number: OpaquePointer?
    // SAFETY: the number is ours, and freed when it has been copied.
    guard unsafe EVP_PKEY_get_bn_param(key, name, &number) == 1 else { return nil }
    defer { unsafe BN_free(number) }
    let count = unsafe count ?? (Int(BN_num_bits(number)) + 7) / 8
    return unsafe padded(number, count: count).map(Base64URL.encode)
  }

  /// A number, the highest byte first, with zeros before it; `nil` where it is longer.
  private static func padded(_ number: OpaquePointer?, count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    // SAFETY: OpenSSL writes `count` bytes, which the array has; the caller keeps the number alive.
    return unsafe BN_bn2binpad(number, &bytes, Int32(clamping: count)) == count ? bytes : nil
  }
}

extension SigningKey: CustomStringConvertible, CustomReflectable {
  /// The key never shows.
  package var description: String { "signing key, \(kind)" }
  package var customMirror: Mirror { Mirror(self, children: []) }
}

@available(*, unavailable) extension SigningKey: Sendable {}
