internal import COpenSSL

/// Digests of bytes at rest, and codes that only the owner of a key can make (HMAC, RFC 2104).
// SAFETY: the arrays outlive the calls, and each digest has the size that its function writes.
package enum Hash {
  /// What `sha256` returns, in bytes.
  package static let count = 32

  package static func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: count)
    _ = unsafe SHA256(bytes, bytes.count, &digest)
    return digest
  }

  /// For protocols that are bound to it; it protects nothing any more.
  package static func sha1(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 20)
    _ = unsafe SHA1(bytes, bytes.count, &digest)
    return digest
  }

  package static func sha512(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 64)
    _ = unsafe SHA512(bytes, bytes.count, &digest)
    return digest
  }

  /// 32 bytes.
  package static func hmacSHA256(key: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
    hmac(sha256, blockBytes: 64, key, bytes)
  }

  /// 64 bytes.
  package static func hmacSHA512(key: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
    hmac(sha512, blockBytes: 128, key, bytes)
  }

  /// RFC 2104 §2.
  private static func hmac(
    _ hash: ([UInt8]) -> [UInt8], blockBytes: Int, _ key: [UInt8], _ bytes: [UInt8]
  ) -> [UInt8] {
    var block = key.count > blockBytes ? hash(key) : key
    while block.count < blockBytes { block.append(0) }
    return hash(block.map { $0 ^ 0x5c } + hash(block.map { $0 ^ 0x36 } + bytes))
  }
}
