internal import COpenSSL

/// SHA-256 of bytes at rest.
package enum Fingerprint {
  /// What `sha256` returns, in bytes.
  package static let count = 32

  package static func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: count)
    _ = unsafe SHA256(bytes, bytes.count, &digest)
    return digest
  }
}
