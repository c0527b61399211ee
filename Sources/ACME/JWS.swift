package import TLS

/// Signed requests, RFC 7515 in the flattened form of its §7.2.2, as RFC 8555 §6.2 wants them.
package enum JWS {
  /// Who signs.
  enum Signer {
    /// A key that the CA does not know yet.
    case key
    /// The account at this address.
    case account(String)
  }

  /// A request's body; without a payload it asks to read, RFC 8555 §6.3.
  static func request(
    _ payload: [UInt8]?, to url: String, nonce: String?, key: SigningKey, _ signer: Signer
  ) throws(ACMEError) -> [UInt8] {
    var head = Head(alg: key.kind == .ecdsa ? "ES256" : "RS256", url: url)
    head.nonce = nonce
    switch signer {
    case .key: head.jwk = members(key)
    case .account(let account): head.kid = account
    }
    let signed = try signed(head, payload ?? []) { bytes throws(ACMEError) in
      do throws(TLSError) {
        return try key.signJWS(bytes)
      } catch {
        throw .local("the account's key cannot sign: \(error)")
      }
    }
    return try Document.write(signed)
  }

  /// The account's key, signed with the secret that the CA gave, RFC 8555 §7.3.4.
  static func binding(
    _ account: ExternalAccount, of key: SigningKey, to url: String
  ) throws(ACMEError) -> Signed {
    var head = Head(alg: "HS256", url: url)
    head.kid = account.id
    let payload = try Document.write(members(key))
    return try signed(head, payload) { bytes in Hash.hmacSHA256(key: account.key, bytes) }
  }

  /// The new key's word that it takes the old one's place, RFC 8555 §7.3.5.
  static func keyChange(
    account: String, from old: SigningKey, to new: SigningKey, url: String
  ) throws(ACMEError) -> [UInt8] {
    let payload = try Document.write(KeyChange(account: account, oldKey: members(old)))
    return try request(payload, to: url, nonce: nil, key: new, .key)
  }

  /// The fingerprint of an account's key, RFC 7638 §3.
  package static func thumbprint(_ key: SigningKey) throws(ACMEError) -> String {
    Base64URL.encode(Hash.sha256(try Document.write(members(key))))
  }

  private struct Head: Encodable {
    let alg: String
    let url: String
    var jwk: [String: String]?
    var kid: String?
    var nonce: String?
  }

  struct Signed: Encodable {
    let protected: String
    let payload: String
    let signature: String
  }

  private struct KeyChange: Encodable {
    let account: String
    let oldKey: [String: String]
  }

  private static func members(_ key: SigningKey) -> [String: String] {
    var members: [String: String] = [:]
    for (name, value) in key.publicJWK { members[name] = value }
    return members
  }

  private static func signed(
    _ head: Head, _ payload: [UInt8], _ sign: ([UInt8]) throws(ACMEError) -> [UInt8]
  ) throws(ACMEError) -> Signed {
    let protected = Base64URL.encode(try Document.write(head))
    let payload = Base64URL.encode(payload)
    let signature = try sign(Array("\(protected).\(payload)".utf8))
    return Signed(
      protected: protected, payload: payload, signature: Base64URL.encode(signature))
  }
}
