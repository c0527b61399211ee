internal import COpenSSL

/// What OpenSSL needs to read a pair, kept for the next one.
///
/// OpenSSL 3.0 collects its decoders anew for each private key, and a context for each rehearsal is dearer than
/// the certificate in it: together that was nine tenths of the time that a pair took. The certificates above
/// a server's own are the same for thousands of pairs, so that they are decoded once as well, and lie in
/// memory once. One thread at a time uses it.
// SAFETY: this object owns what it has made and frees it in `deinit`. The decoder writes what it has found
// to `found`, which lives as long, and whoever asked takes it from there.
@safe
package final class ParsingTools {
  /// Certificates above a server's own, decoded.
  // SAFETY: each user of the certificates has a reference of its own to them.
  @safe
  struct Issuers {
    let certificates: [OpaquePointer]
    let ders: [[UInt8]]
  }

  private var decoder: OpaquePointer?
  private let found: UnsafeMutablePointer<OpaquePointer?>
  private var issuers: [[UInt8]: Issuers] = [:]
  private var rehearsal: SetContext?

  /// How many texts of certificates above servers' own are kept; few authorities are in use.
  private static let issuersMax = 64

  package init() {
    unsafe found = .allocate(capacity: 1)
    unsafe found.initialize(to: nil)
  }

  deinit {
    unsafe OSSL_DECODER_CTX_free(decoder)
    unsafe found.deallocate()
    forgetIssuers()
  }

  private func forgetIssuers() {
    for kept in issuers.values { unsafe kept.certificates.forEach { unsafe X509_free($0) } }
    issuers = [:]
  }

  /// The private key of a PEM block, which the caller owns; `nil` where it is read the long way.
  func privateKey(_ block: ArraySlice<UInt8>) -> OpaquePointer? {
    // SAFETY: the decoder and `found` live as long as this object, and the block lends its bytes for the
    // length of the call that reads them.
    if unsafe decoder == nil {
      unsafe decoder = unsafe OSSL_DECODER_CTX_new_for_pkey(
        found, "PEM", nil, nil, shim_EVP_PKEY_KEYPAIR(), nil, nil)
      // Without a callback a key with a passphrase might ask on the terminal.
      unsafe OSSL_DECODER_CTX_set_pem_password_cb(decoder, refusePassphrase, nil)
    }
    guard unsafe decoder != nil else { return nil }
    unsafe found.pointee = nil
    let isRead = unsafe block.withUnsafeBufferPointer { bytes in
      var place = bytes.baseAddress
      var count = bytes.count
      return unsafe OSSL_DECODER_from_data(decoder, &place, &count) == 1
    }
    let key = unsafe found.pointee
    unsafe found.pointee = nil
    if isRead { return unsafe key }
    unsafe EVP_PKEY_free(key)
    return nil
  }

  /// The certificates of a text, with a reference of the caller's to each of them.
  func issuers(_ text: [UInt8]) -> Issuers {
    let kept: Issuers
    if let known = issuers[text] {
      kept = known
    } else {
      if issuers.count >= Self.issuersMax { forgetIssuers() }
      let certificates = unsafe PEMText.certificates(text)
      kept = unsafe Issuers(
        certificates: certificates, ders: certificates.map { unsafe PEMObjects.der($0) })
      issuers[text] = kept
    }
    unsafe kept.certificates.forEach { _ = unsafe X509_up_ref($0) }
    return kept
  }

  /// A context like those that workers make, in which the next pair takes the place of the one before.
  func rehearsalContext() throws(TLSError) -> SetContext {
    if let rehearsal { return rehearsal }
    let made = try SetContext(
      [], policy: TLSPolicy(minimumIsTLS13: false, tickets: true))
    rehearsal = made
    return made
  }
}

@available(*, unavailable) extension ParsingTools: Sendable {}
