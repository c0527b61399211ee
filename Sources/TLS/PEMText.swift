internal import COpenSSL
internal import Glibc

/// OpenSSL's objects as PEM text: read from memory, written to memory, never from a file or a terminal.
///
/// What is read belongs to the caller, who frees it.
enum PEMText {
  /// What `parse` makes of a text; `nil` where there is no memory, or the text is beyond OpenSSL's 2 GiB.
  static func read<Result>(_ text: [UInt8], _ parse: (OpaquePointer) -> Result) -> Result? {
    guard let count = Int32(exactly: text.count) else { return nil }
    // SAFETY: the BIO reads the array's memory and is freed within the closure that lends it.
    return unsafe text.withUnsafeBytes { raw in
      guard let bio = unsafe BIO_new_mem_buf(raw.baseAddress, count) else { return nil }
      defer { unsafe BIO_free(bio) }
      return unsafe parse(bio)
    }
  }

  /// The first certificate of a text; `nil` where there is none.
  static func certificate(_ text: [UInt8]) -> OpaquePointer? {
    // SAFETY: the caller owns the certificate; the BIO is used within the call that lends it.
    unsafe read(text) { unsafe PEM_read_bio_X509($0, nil, refusePassphrase, nil) } ?? nil
  }

  /// All certificates of a text up to the first that cannot be read.
  static func certificates(_ text: [UInt8]) -> [OpaquePointer] {
    // SAFETY: as in `certificate`.
    unsafe read(text) { bio in
      var chain: [OpaquePointer] = unsafe []
      while let certificate = unsafe PEM_read_bio_X509(bio, nil, refusePassphrase, nil) {
        unsafe chain.append(certificate)
      }
      return unsafe chain
    } ?? []
  }

  /// The first private key of a text, and whether a passphrase would be needed for it.
  static func privateKey(_ text: [UInt8]) -> (key: OpaquePointer?, isEncrypted: Bool) {
    // SAFETY: as in `certificate`; `asked` outlives the call that writes to it.
    unsafe read(text) { bio in
      var asked = false
      // Without a callback OpenSSL would ask on the terminal.
      let found = unsafe withUnsafeMutablePointer(to: &asked) { asked in
        unsafe PEM_read_bio_PrivateKey(bio, nil, refusePassphrase, asked)
      }
      return unsafe (found, asked)
    } ?? (nil, false)
  }

  /// The first public key of a text; `nil` where there is none.
  static func publicKey(_ text: [UInt8]) -> OpaquePointer? {
    // SAFETY: as in `certificate`.
    unsafe read(text) { unsafe PEM_read_bio_PUBKEY($0, nil, refusePassphrase, nil) } ?? nil
  }

  /// What `body` writes; it returns 1, or nothing was written.
  static func write(_ body: (OpaquePointer) -> Int32) throws(TLSError) -> [UInt8] {
    guard let bio = unsafe BIO_new(BIO_s_mem()) else { throw TLSError(draining: "BIO_new") }
    defer { unsafe BIO_free(bio) }
    guard unsafe body(bio) == 1 else { throw TLSError(draining: "PEM_write_bio") }
    var start: UnsafeMutablePointer<CChar>?
    let count = unsafe shim_BIO_get_mem_data(bio, &start)
    // SAFETY: the BIO owns the bytes and is freed after they are copied.
    return unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
  }
}

/// What a certificate says, of one that the caller keeps alive.
enum CertificateFacts {
  /// Seconds since 1970; `nil` where it is no time.
  static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64? {
    // SAFETY: OpenSSL reads the time of a certificate that lives, and fills the parts of this frame.
    var parts = unsafe tm()
    guard unsafe ASN1_TIME_to_tm(time, &parts) == 1 else { return nil }
    return Int64(unsafe timegm(&parts))
  }

  /// The serial number in hexadecimal; empty where OpenSSL has no memory.
  // SAFETY: number and text are ours until they are freed, after the text was copied.
  static func serial(_ certificate: OpaquePointer) -> String {
    guard let number = unsafe ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nil) else {
      return ""
    }
    defer { unsafe BN_free(number) }
    guard let text = unsafe BN_bn2hex(number) else { return "" }
    defer { unsafe CRYPTO_free(text, nil, 0) }
    return unsafe String(cString: text)
  }

  /// SHA-256 of the certificate, in DER; `nil` where OpenSSL has no memory.
  static func fingerprint(_ certificate: OpaquePointer) -> [UInt8]? {
    var digest = [UInt8](repeating: 0, count: Hash.count)
    // SAFETY: the digest has the size that SHA-256 writes.
    guard unsafe X509_digest(certificate, EVP_sha256(), &digest, nil) == 1 else { return nil }
    return digest
  }
}
