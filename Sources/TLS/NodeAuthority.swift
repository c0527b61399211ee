internal import COpenSSL

/// A fleet's own certificate authority, which vouches for its servers to one another.
///
/// Nobody outside the fleet is asked to trust it. Keys are EC P-256; certificates follow RFC 5280.
/// A certificate that it issues serves both sides of TLS, and its common name is the name of the
/// server.
package struct NodeAuthority: Sendable, Equatable {
  /// The authority's certificate in PEM.
  package let certificate: [UInt8]
  /// Its private key in PEM.
  let key: [UInt8]

  /// Years of the authority, and of what it issues: servers take up a new certificate without help of
  /// people only where somebody runs the command again, and what is removed is worth nothing at once.
  private static let authorityYears: Int64 = 20
  private static let nodeYears: Int64 = 10
  private static let yearSeconds: Int64 = 365 * 86_400
  /// Servers' clocks may differ by so much.
  private static let skewSeconds: Int64 = 3600
  /// The longest common name, RFC 5280 appendix A.1.
  package static let nameBytesMax = 64

  /// A certificate that was issued, with its key, both in PEM.
  package struct Issued: Sendable {
    package let certificate: [UInt8]
    package let key: [UInt8]
  }

  /// A new authority; `now` in seconds since 1970.
  package static func make(name: String, now: Int64) throws(TLSError) -> NodeAuthority {
    let key = try SigningKey(making: .ecdsa)
    let draft = try CertificateDraft(
      name: name, key: key, from: now - skewSeconds, until: now + authorityYears * yearSeconds)
    try draft.add(NID_basic_constraints, "critical,CA:TRUE,pathlen:0")
    try draft.add(NID_key_usage, "critical,keyCertSign,cRLSign")
    try draft.sign(issuer: draft, with: key)
    return NodeAuthority(certificate: try draft.pem(), key: try key.pem())
  }

  /// A certificate for the server called `node`, with a key of its own.
  package func issue(node: String, now: Int64) throws(TLSError) -> Issued {
    let issuer = try CertificateDraft(pem: certificate)
    let issuerKey = try SigningKey(pem: key)
    let key = try SigningKey(making: .ecdsa)
    let draft = try CertificateDraft(
      name: node, key: key, from: now - Self.skewSeconds,
      until: now + Self.nodeYears * Self.yearSeconds)
    try draft.add(NID_basic_constraints, "critical,CA:FALSE")
    try draft.add(NID_key_usage, "critical,digitalSignature")
    try draft.add(NID_ext_key_usage, "serverAuth,clientAuth")
    try draft.sign(issuer: issuer, with: issuerKey)
    return Issued(certificate: try draft.pem(), key: try key.pem())
  }

  // MARK: In etcd

  private static let context = Array("edgeproxy peers authority".utf8)

  /// Certificate and key in one envelope.
  package func sealed(with keys: EncryptionKeys) throws(TLSError) -> [UInt8] {
    try Envelope.seal(certificate + key, with: keys, context: Self.context)
  }

  /// Opens what `sealed` made.
  package init(sealed bytes: [UInt8], with keys: EncryptionKeys) throws(EnvelopeError) {
    let text = try Envelope.open(bytes, with: keys, context: Self.context)
    let mark = Array("-----BEGIN PRIVATE KEY-----".utf8)
    guard
      let place = text.indices.first(where: { text[$0...].starts(with: mark) })
    else { throw .malformed }
    certificate = Array(text[..<place])
    key = Array(text[place...])
  }

  private init(certificate: [UInt8], key: [UInt8]) {
    self.certificate = certificate
    self.key = key
  }
}

extension NodeAuthority: CustomStringConvertible, CustomReflectable {
  /// The key never shows.
  package var description: String { "authority of a fleet" }
  package var customMirror: Mirror { Mirror(self, children: []) }
}
