internal import COpenSSL

/// Digests of bytes at rest.
// SAFETY: the arrays outlive the calls, and each digest has the size that its function writes.
package enum Fingerprint {
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
}
