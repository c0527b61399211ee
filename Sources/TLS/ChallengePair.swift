internal import COpenSSL

/// What a CA is shown that looks for a tls-alpn-01 challenge of one name, RFC 8737 §3.
///
/// It holds no OpenSSL object, so that it can be passed between threads. Nobody verifies the certificate but
/// the CA: it has signed itself, and no other client would take its critical extension.
package final class ChallengePair: Sendable {
  private let certificate: [UInt8]
  private let key: [UInt8]

  /// Both in PEM.
  package init(certificate: [UInt8], key: [UInt8]) {
    self.certificate = certificate
    self.key = key
  }

  fileprivate func context(_ policy: TLSPolicy) throws(TLSError) -> SetContext {
    let made = try SetContext([], policy: policy)
    // SAFETY: both are freed here, and the context counts references of its own.
    let leaf = unsafe PEMText.certificate(certificate)
    defer { unsafe X509_free(leaf) }
    let (key, _) = unsafe PEMText.privateKey(key)
    defer { unsafe EVP_PKEY_free(key) }
    guard let leaf = unsafe leaf, let key = unsafe key else {
      throw TLSError(draining: "PEM_read_bio")
    }
    try unsafe made.use([leaf], key)
    return made
  }
}

/// The pairs of one worker, by name in lower case, with a context for each that was asked for.
struct ChallengeContexts {
  private(set) var pairs: [[UInt8]: ChallengePair] = [:]
  private var made: [[UInt8]: SetContext] = [:]

  /// ALPN of a CA, RFC 8737 §6.2, as a list that has nothing else: a length and the name.
  private static let offer: StaticString = "\u{0A}acme-tls/1"
  /// Where the name lies in that list.
  static let name = 1..<offer.utf8CodeUnitCount

  /// Pairs that stay keep their context.
  mutating func install(_ next: [[UInt8]: ChallengePair]) {
    made = made.filter { name, _ in next[name] === pairs[name] }
    pairs = next
  }

  /// The context for a name, made now if there is none; `nil` for a name without a challenge.
  mutating func context(of name: [UInt8], _ policy: TLSPolicy) -> SetContext? {
    if let known = made[name] { return known }
    guard let context = try? pairs[name]?.context(policy) else { return nil }
    made[name] = context
    return context
  }

  /// Whether a client's list of protocols is the one of a CA that looks for a challenge.
  static func isOffer(_ list: borrowing Span<UInt8>) -> Bool {
    guard list.count == offer.utf8CodeUnitCount else { return false }
    // SAFETY: the index is below utf8CodeUnitCount, and a StaticString lives for ever.
    for index in 0..<list.count where unsafe list[index] != offer.utf8Start[index] { return false }
    return true
  }
}
