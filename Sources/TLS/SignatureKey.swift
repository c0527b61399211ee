internal import COpenSSL

/// The public half of an RSA key, which signatures are verified with: RSASSA-PKCS1-v1_5, RFC 8017 §8.2.
// SAFETY: this object owns the key and frees it once, in `deinit`.
@safe
package final class SignatureKey {
  package enum Digest: Sendable { case sha1, sha256 }

  private let key: OpaquePointer

  /// Shorter keys can be broken.
  package static let bitsMin = 2048
  /// What a file of one may measure, in bytes.
  package static let fileBytesMax = 64 * 1024

  /// Reads PEM text of the kind `PUBLIC KEY`.
  package init(pem: [UInt8]) throws(TLSError) {
    ERR_clear_error()
    defer { ERR_clear_error() }
    guard pem.count <= Self.fileBytesMax else {
      throw TLSError("PEM_read_bio_PUBKEY", reason: "too much for a key")
    }
    guard let found = unsafe PEMText.publicKey(pem) else {
      throw TLSError(draining: "PEM_read_bio_PUBKEY")
    }
    unsafe key = found
    guard unsafe EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA else {
      throw TLSError("PEM_read_bio_PUBKEY", reason: "no RSA key")
    }
    guard unsafe EVP_PKEY_get_bits(key) >= Self.bitsMin else {
      throw TLSError("PEM_read_bio_PUBKEY", reason: "less than \(Self.bitsMin) bits")
    }
  }

  deinit { unsafe EVP_PKEY_free(key) }

  /// Whether `signature` is that of these bytes by the owner of the key.
  package func verify(_ signature: [UInt8], of bytes: [UInt8], digest: Digest) -> Bool {
    guard let context = unsafe EVP_MD_CTX_new() else { return false }
    defer {
      unsafe EVP_MD_CTX_free(context)
      ERR_clear_error()
    }
    let method = unsafe digest == .sha1 ? EVP_sha1() : EVP_sha256()
    // SAFETY: the arrays outlive the calls that read them; PKCS #1 v1.5 is the padding by default.
    return unsafe EVP_DigestVerifyInit(context, nil, method, nil, key) == 1
      && EVP_DigestVerify(context, signature, signature.count, bytes, bytes.count) == 1
  }
}

@available(*, unavailable) extension SignatureKey: Sendable {}
