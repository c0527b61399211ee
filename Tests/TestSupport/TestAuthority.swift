internal import COpenSSL

/// A certificate authority in memory, which issues whatever a test needs, good or bad.
///
/// A call of OpenSSL that fails here is a mistake in the test and traps.
@safe
package final class TestAuthority {
  package enum Key: Sendable {
    case ecdsa(curve: String)
    case rsa(bits: UInt32)
    case ed25519
    /// P-256 whose parameters are written out instead of its name.
    case explicitCurve

    package static let p256 = Key.ecdsa(curve: "P-256")
    package static let rsa2048 = Key.rsa(bits: 2048)
  }

  /// What a certificate says of itself besides its names.
  package enum Trait: Sendable {
    case authority
    /// What it is for, and what its key is for, in OpenSSL's words.
    case purpose(String)
    case usage(String)
    case mustStaple
    /// The identifier of its issuer's key: 20 bytes in hexadecimal.
    case issuerKey(String)

    fileprivate var value: (Int32, String) {
      switch self {
      case .authority: (NID_basic_constraints, "critical,CA:TRUE")
      case .purpose(let text): (NID_ext_key_usage, text)
      case .usage(let text): (NID_key_usage, "critical," + text)
      case .mustStaple: (NID_tlsfeature, "status_request")
      case .issuerKey(let digits): (NID_authority_key_identifier, "DER:30168014" + digits)
      }
    }
  }

  private let certificate: OpaquePointer
  private let key: OpaquePointer
  /// The authorities above this one, the nearest first, each in PEM.
  private let above: [String]

  /// A root that has signed itself.
  package init(_ name: String = "Test Root", key kind: Key = .p256, until: Int = 86_400) {
    unsafe key = PEMText.makeKey(kind)
    var draft = CertificateDraft(commonName: name, names: [], traits: [.authority])
    draft.until = until
    unsafe certificate = draft.signed(key: key, issuer: nil, issuerKey: key)
    above = []
  }

  /// An authority below `parent`.
  private init(
    _ name: String, below parent: TestAuthority, from: Int, until: Int, traits: [Trait]
  ) {
    unsafe key = PEMText.makeKey(.p256)
    var draft = CertificateDraft(commonName: name, names: [], traits: traits)
    draft.from = from
    draft.until = until
    unsafe certificate = draft.signed(
      key: key, issuer: parent.certificate, issuerKey: parent.key)
    above = [parent.pem] + parent.above
  }

  deinit {
    unsafe X509_free(certificate)
    unsafe EVP_PKEY_free(key)
  }

  /// The authority's own certificate.
  package var pem: String { unsafe PEMText.certificate(certificate) }

  package func intermediate(
    _ name: String = "Test Intermediate", from: Int = -3600, until: Int = 86_400,
    traits: [Trait] = [.authority]
  ) -> TestAuthority {
    TestAuthority(name, below: self, from: from, until: until, traits: traits)
  }

  /// A certificate that its own key has signed.
  package static func selfSigned(_ names: [String], traits: [Trait] = []) -> Issued {
    let key = unsafe PEMText.makeKey(.p256)
    defer { unsafe EVP_PKEY_free(key) }
    let draft = CertificateDraft(commonName: "self", names: names, traits: traits)
    let leaf = unsafe draft.signed(key: key, issuer: nil, issuerKey: key)
    defer { unsafe X509_free(leaf) }
    return unsafe Issued(
      certificate: PEMText.certificate(leaf), issuers: [],
      key: PEMText.key(key, passphrase: nil),
      encryptedKey: PEMText.key(key, passphrase: "secret"))
  }

  /// Issues a certificate for DNS names; the times are seconds from now.
  package func issue(
    _ names: [String], key kind: Key = .p256, from: Int = -3600, until: Int = 86_400,
    digest: String = "SHA256", traits: [Trait] = []
  ) -> Issued {
    let leafKey = unsafe PEMText.makeKey(kind)
    defer { unsafe EVP_PKEY_free(leafKey) }
    return unsafe issue(
      names, leafKey, from: from, until: until, digest: digest, traits: traits)
  }

  /// Issues a certificate for each of the names, all with one key: making keys would take most of the time.
  package func issueEach(_ names: [String]) -> [Issued] {
    let leafKey = unsafe PEMText.makeKey(.p256)
    defer { unsafe EVP_PKEY_free(leafKey) }
    return names.map { name in
      unsafe issue([name], leafKey, from: -3600, until: 86_400, digest: "SHA256", traits: [])
    }
  }

  private func issue(
    _ names: [String], _ leafKey: OpaquePointer, from: Int, until: Int, digest: String,
    traits: [Trait]
  ) -> Issued {
    var draft = CertificateDraft(commonName: "leaf", names: names, traits: traits)
    draft.from = from
    draft.until = until
    draft.digest = digest
    let leaf = unsafe draft.signed(key: leafKey, issuer: certificate, issuerKey: key)
    defer { unsafe X509_free(leaf) }
    return unsafe Issued(
      certificate: PEMText.certificate(leaf), issuers: [pem] + above,
      key: PEMText.key(leafKey, passphrase: nil),
      encryptedKey: PEMText.key(leafKey, passphrase: "secret"))
  }

  /// A certificate with its key and the authorities above it, each in PEM.
  package struct Issued: Sendable {
    package let certificate: String
    /// From the one that issued it to the root.
    package let issuers: [String]
    package let key: String
    /// The same key behind a passphrase.
    package let encryptedKey: String

    /// Certificate and issuers in order.
    package var chain: String { certificate + issuers.joined() }
    package var bundle: [UInt8] { Array((chain + key).utf8) }
  }
}

/// A certificate about to be signed.
private struct CertificateDraft {
  let commonName: String
  let names: [String]
  let traits: [TestAuthority.Trait]
  var from = -3600
  var until = 86_400
  var digest = "SHA256"

  init(commonName: String, names: [String], traits: [TestAuthority.Trait]) {
    self.commonName = commonName
    self.names = names
    self.traits = traits
  }

  /// The certificate, which the caller owns.
  func signed(
    key: OpaquePointer, issuer: OpaquePointer?, issuerKey: OpaquePointer
  ) -> OpaquePointer {
    guard let certificate = unsafe X509_new() else { fatalError("X509_new") }
    unsafe X509_set_version(certificate, 2)
    unsafe ASN1_INTEGER_set_int64(
      X509_get_serialNumber(certificate), Int64.random(in: 1...Int64.max))
    unsafe X509_gmtime_adj(X509_getm_notBefore(certificate), from)
    unsafe X509_gmtime_adj(X509_getm_notAfter(certificate), until)
    let subject = unsafe X509_get_subject_name(certificate)
    let text = Array(commonName.utf8)
    unsafe X509_NAME_add_entry_by_txt(
      subject, "CN", MBSTRING_UTF8, text, Int32(text.count), -1, 0)
    unsafe X509_set_issuer_name(
      certificate, issuer.map { unsafe X509_get_subject_name($0) } ?? subject)
    unsafe X509_set_pubkey(certificate, key)
    for trait in traits { unsafe add(trait.value.0, trait.value.1, to: certificate) }
    if !names.isEmpty {
      let list = names.map { "DNS:" + $0 }.joined(separator: ",")
      unsafe add(NID_subject_alt_name, list, to: certificate)
    }
    guard unsafe X509_sign(certificate, issuerKey, EVP_get_digestbyname(digest)) > 0 else {
      fatalError("X509_sign")
    }
    return unsafe certificate
  }

  private func add(_ identifier: Int32, _ value: String, to certificate: OpaquePointer) {
    guard let found = unsafe X509V3_EXT_conf_nid(nil, nil, identifier, value) else {
      fatalError("X509V3_EXT_conf_nid \(value)")
    }
    unsafe X509_add_ext(certificate, found, -1)
    unsafe X509_EXTENSION_free(found)
  }
}

/// OpenSSL's objects as PEM text.
private enum PEMText {
  static func makeKey(_ kind: TestAuthority.Key) -> OpaquePointer {
    let key: OpaquePointer? =
      switch kind {
      case .ecdsa(let curve): unsafe shim_EVP_EC_gen(curve)
      case .rsa(let bits): unsafe shim_EVP_RSA_gen(bits)
      case .ed25519: unsafe makeEd25519()
      case .explicitCurve: unsafe makeExplicitCurve()
      }
    guard let key = unsafe key else { fatalError("no key of kind \(kind)") }
    return unsafe key
  }

  private static func makeExplicitCurve() -> OpaquePointer? {
    let key = unsafe shim_EVP_EC_gen("P-256")
    guard unsafe EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, "explicit") == 1
    else { return nil }
    return unsafe key
  }

  private static func makeEd25519() -> OpaquePointer? {
    let seed = [UInt8](repeating: 7, count: 32)
    return unsafe EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count)
  }

  static func certificate(_ certificate: OpaquePointer) -> String {
    unsafe written { unsafe PEM_write_bio_X509($0, certificate) }
  }

  static func key(_ key: OpaquePointer, passphrase: String?) -> String {
    guard let passphrase else {
      return unsafe written {
        unsafe PEM_write_bio_PKCS8PrivateKey($0, key, nil, nil, 0, nil, nil)
      }
    }
    let phrase = Array(passphrase.utf8CString)
    return unsafe written {
      unsafe PEM_write_bio_PKCS8PrivateKey(
        $0, key, EVP_aes_128_cbc(), phrase, Int32(phrase.count - 1), nil, nil)
    }
  }

  private static func written(_ write: (OpaquePointer) -> Int32) -> String {
    guard let bio = unsafe BIO_new(BIO_s_mem()) else { fatalError("BIO_new") }
    defer { unsafe BIO_free(bio) }
    guard unsafe write(bio) == 1 else { fatalError("PEM_write_bio") }
    var start: UnsafeMutablePointer<CChar>?
    let count = unsafe shim_BIO_get_mem_data(bio, &start)
    // SAFETY: the BIO owns the bytes and is freed after they are copied.
    let bytes = unsafe UnsafeRawBufferPointer(start: start, count: count)
    return unsafe String(decoding: bytes, as: UTF8.self)
  }
}
