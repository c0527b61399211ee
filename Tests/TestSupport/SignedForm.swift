internal import COpenSSL

/// What OpenSSL reads in a certificate, or in a request for one, that a test has made.
@safe
package struct SignedForm {
  package struct Extension: Equatable {
    /// The object identifier in dots.
    package let identifier: String
    package let isCritical: Bool
    /// What its OCTET STRING holds, in DER.
    package let value: [UInt8]

    package init(identifier: String, isCritical: Bool, value: [UInt8]) {
      self.identifier = identifier
      self.isCritical = isCritical
      self.value = value
    }
  }

  /// How many parts the subject has.
  package let subjectParts: Int
  package let extensions: [Extension]
  /// Whether its own key has signed it.
  package let isSignedByItself: Bool
  /// `subjectPublicKeyInfo` in DER.
  package let publicKey: [UInt8]
  package let serial: [UInt8]

  /// A request, RFC 2986; `nil` where it is none.
  package init?(requestDER der: [UInt8]) {
    // SAFETY: the array lends its bytes to the call; what is made is freed here, after it was copied.
    let request = unsafe der.withUnsafeBufferPointer { bytes in
      var place = bytes.baseAddress
      return unsafe d2i_X509_REQ(nil, &place, bytes.count)
    }
    guard let request = unsafe request else { return nil }
    defer { unsafe X509_REQ_free(request) }
    guard let key = unsafe X509_REQ_get_pubkey(request) else { return nil }
    defer { unsafe EVP_PKEY_free(key) }
    let list = unsafe X509_REQ_get_extensions(request)
    defer { unsafe shim_sk_X509_EXTENSION_pop_free(list) }
    unsafe subjectParts = Int(X509_NAME_entry_count(X509_REQ_get_subject_name(request)))
    unsafe extensions = Self.read(list)
    unsafe isSignedByItself = X509_REQ_verify(request, key) == 1
    publicKey = unsafe Self.encoded { unsafe i2d_PUBKEY(key, $0) }
    serial = []
  }

  /// A certificate; `nil` where it is none.
  package init?(certificatePEM text: [UInt8]) {
    // SAFETY: as above; the BIO reads the array's memory within the closure that lends it.
    let certificate = unsafe text.withUnsafeBytes { raw -> OpaquePointer? in
      let bio = unsafe BIO_new_mem_buf(raw.baseAddress, Int32(raw.count))
      defer { unsafe BIO_free(bio) }
      return unsafe PEM_read_bio_X509(bio, nil, nil, nil)
    }
    guard let certificate = unsafe certificate else { return nil }
    defer { unsafe X509_free(certificate) }
    let key = unsafe X509_get0_pubkey(certificate)
    unsafe subjectParts = Int(X509_NAME_entry_count(X509_get_subject_name(certificate)))
    unsafe extensions = Self.read(X509_get0_extensions(certificate))
    unsafe isSignedByItself = X509_verify(certificate, key) == 1
    publicKey = unsafe Self.encoded { unsafe i2d_PUBKEY(key, $0) }
    serial = unsafe Self.encoded {
      unsafe i2d_ASN1_INTEGER(X509_get0_serialNumber(certificate), $0)
    }
  }

  /// The public half of a private key in PEM, as `publicKey` has it.
  package static func publicKey(ofPrivate text: [UInt8]) -> [UInt8] {
    unsafe withKey(text) { key in unsafe encoded { unsafe i2d_PUBKEY(key, $0) } } ?? []
  }

  /// Whether `signature`, r and s of 32 bytes, is that of `bytes` by the owner of a P-256 key.
  package static func isES256(
    _ signature: [UInt8], of bytes: [UInt8], by privateKey: [UInt8]
  ) -> Bool {
    guard signature.count == 64 else { return false }
    let (r, s) = (Array(signature.prefix(32)), Array(signature.suffix(32)))
    // SAFETY: the signature takes the numbers and is freed here.
    let pair = unsafe ECDSA_SIG_new()
    defer { unsafe ECDSA_SIG_free(pair) }
    guard unsafe ECDSA_SIG_set0(pair, BN_bin2bn(r, 32, nil), BN_bin2bn(s, 32, nil)) == 1 else {
      return false
    }
    let der = unsafe encoded { unsafe i2d_ECDSA_SIG(pair, $0) }
    return unsafe withKey(privateKey) { key in unsafe verify(der, of: bytes, key) } ?? false
  }

  /// Whether `signature` is that of `bytes`, as RSASSA-PKCS1-v1_5 or ECDSA in DER with SHA-256.
  private static func verify(_ signature: [UInt8], of bytes: [UInt8], _ key: OpaquePointer) -> Bool
  {
    let context = unsafe EVP_MD_CTX_new()
    defer { unsafe EVP_MD_CTX_free(context) }
    return unsafe EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, key) == 1
      && EVP_DigestVerify(context, signature, signature.count, bytes, bytes.count) == 1
  }

  private static func withKey<Result>(
    _ text: [UInt8], _ body: (OpaquePointer) -> Result
  ) -> Result? {
    // SAFETY: the BIO reads the array's memory within the closure that lends it; the key is freed here.
    let key = unsafe text.withUnsafeBytes { raw -> OpaquePointer? in
      let bio = unsafe BIO_new_mem_buf(raw.baseAddress, Int32(raw.count))
      defer { unsafe BIO_free(bio) }
      return unsafe PEM_read_bio_PrivateKey(bio, nil, nil, nil)
    }
    guard let key = unsafe key else { return nil }
    defer { unsafe EVP_PKEY_free(key) }
    return unsafe body(key)
  }

  private static func read(_ list: OpaquePointer?) -> [Extension] {
    // SAFETY: the caller keeps the list alive; what is read of its members is copied at once.
    (0..<max(0, unsafe shim_sk_X509_EXTENSION_num(list))).map { index in
      let found = unsafe shim_sk_X509_EXTENSION_value(list, index)
      var name = [CChar](repeating: 0, count: 80)
      unsafe OBJ_obj2txt(&name, Int32(name.count), X509_EXTENSION_get_object(found), 1)
      let data = unsafe X509_EXTENSION_get_data(found)
      let bytes = unsafe UnsafeBufferPointer(
        start: ASN1_STRING_get0_data(data), count: Int(ASN1_STRING_length(data)))
      return unsafe Extension(
        identifier: String(
          decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self),
        isCritical: X509_EXTENSION_get_critical(found) == 1, value: Array(bytes))
    }
  }

  private static func encoded(
    _ encode: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32
  ) -> [UInt8] {
    let size = Int(encode(nil))
    guard size > 0 else { return [] }
    // SAFETY: the first call says how many bytes the second writes, of the same unchanged object.
    return unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      var place = buffer.baseAddress
      count = Int(unsafe encode(&place))
    }
  }
}
