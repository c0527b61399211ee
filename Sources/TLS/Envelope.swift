internal import COpenSSL

/// Bytes encrypted with AES-256-GCM, in a form that tells which key opens them.
///
///     version (1)  length of the key's identifier  identifier  nonce (12)  ciphertext  tag (16)
///
/// What stands before the nonce is authenticated, and so is a context that both sides know and nobody
/// stores: an envelope made for one purpose does not open for another. The nonce is random, which is
/// good for 2^32 envelopes under one key, NIST SP 800-38D §8.3.
package enum Envelope {
  private static let version: UInt8 = 1
  private static let nonceBytes = 12
  private static let tagBytes = 16
  /// What an envelope may hold, in bytes.
  package static let plainBytesMax = 1 << 20

  package static func seal(
    _ plain: [UInt8], with keys: EncryptionKeys, context: [UInt8]
  ) throws(TLSError) -> [UInt8] {
    guard plain.count <= plainBytesMax else { throw TLSError("seal", reason: "too much to seal") }
    let key = keys.sealing
    let head = [version, UInt8(key.id.utf8.count)] + Array(key.id.utf8)
    var nonce = [UInt8](repeating: 0, count: nonceBytes)
    ERR_clear_error()
    // SAFETY: the array has as many bytes as are asked for.
    guard unsafe RAND_bytes(&nonce, Int32(nonceBytes)) == 1 else {
      throw TLSError(draining: "RAND_bytes")
    }
    guard let sealed = encrypt(plain, key: key.bytes, nonce: nonce, bound: head + context) else {
      throw TLSError(draining: "EVP_EncryptUpdate")
    }
    return head + nonce + sealed
  }

  /// The bytes that were sealed; none of them are given out before all are known to be genuine.
  package static func open(
    _ envelope: [UInt8], with keys: EncryptionKeys, context: [UInt8]
  ) throws(EnvelopeError) -> [UInt8] {
    let id = try keyID(envelope)
    guard let key = keys.key(id) else { throw .unknownKey(id) }
    let head = 2 + id.utf8.count
    let body = head + nonceBytes
    let tag = envelope.count - tagBytes
    ERR_clear_error()
    defer { ERR_clear_error() }
    guard
      let plain = decrypt(
        Array(envelope[body..<tag]), key: key.bytes, nonce: Array(envelope[head..<body]),
        bound: Array(envelope[..<head]) + context, tag: Array(envelope[tag...]))
    else { throw .damaged }
    return plain
  }

  /// The identifier of the key that an envelope was sealed with, as it claims.
  package static func keyID(_ envelope: [UInt8]) throws(EnvelopeError) -> String {
    guard envelope.count > 2, envelope[0] == version else { throw .malformed }
    let head = 2 + Int(envelope[1])
    guard envelope.count >= head + nonceBytes + tagBytes,
      envelope.count <= head + nonceBytes + plainBytesMax + tagBytes,
      let id = EncryptionKeys.identifier(envelope[2..<head])
    else { throw .malformed }
    return id
  }

  /// The ciphertext followed by its tag.
  private static func encrypt(
    _ plain: [UInt8], key: [UInt8], nonce: [UInt8], bound: [UInt8]
  ) -> [UInt8]? {
    guard let cipher = unsafe EVP_CIPHER_CTX_new() else { return nil }
    defer { unsafe EVP_CIPHER_CTX_free(cipher) }
    // One byte more, because nothing to encrypt would leave no memory to point at.
    var text = [UInt8](repeating: 0, count: plain.count + 1)
    var tag = [UInt8](repeating: 0, count: tagBytes)
    var count: Int32 = 0
    // SAFETY: each array outlives the call that it is lent to, and GCM writes as much as it reads.
    let done =
      unsafe EVP_EncryptInit_ex2(cipher, EVP_aes_256_gcm(), key, nonce, nil) == 1
      && EVP_EncryptUpdate(cipher, nil, &count, bound, Int32(bound.count)) == 1
      && EVP_EncryptUpdate(cipher, &text, &count, plain, Int32(plain.count)) == 1
      && EVP_EncryptFinal_ex(cipher, nil, &count) == 1
      && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, Int32(tagBytes), &tag) == 1
    guard done else { return nil }
    return text.dropLast() + tag
  }

  private static func decrypt(
    _ text: [UInt8], key: [UInt8], nonce: [UInt8], bound: [UInt8], tag: [UInt8]
  ) -> [UInt8]? {
    guard let cipher = unsafe EVP_CIPHER_CTX_new() else { return nil }
    defer { unsafe EVP_CIPHER_CTX_free(cipher) }
    var plain = [UInt8](repeating: 0, count: text.count + 1)
    var tag = tag
    var count: Int32 = 0
    // SAFETY: as in `encrypt`.
    let done =
      unsafe EVP_DecryptInit_ex2(cipher, EVP_aes_256_gcm(), key, nonce, nil) == 1
      && EVP_DecryptUpdate(cipher, nil, &count, bound, Int32(bound.count)) == 1
      && EVP_DecryptUpdate(cipher, &plain, &count, text, Int32(text.count)) == 1
      && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, Int32(tagBytes), &tag) == 1
      && EVP_DecryptFinal_ex(cipher, nil, &count) == 1
    guard done else { return nil }
    plain.removeLast()
    return plain
  }
}

/// Why an envelope does not open.
package enum EnvelopeError: Error, Equatable, Sendable, CustomStringConvertible {
  /// No key of this identifier is in the key file.
  case unknownKey(String)
  /// Changed since it was sealed, or sealed with another key or for another context.
  case damaged
  case malformed

  package var description: String {
    switch self {
    case .unknownKey(let id): "no key '\(id)' is in the key file"
    case .damaged: "it was changed, or sealed for something else"
    case .malformed: "it is not an envelope"
    }
  }
}
