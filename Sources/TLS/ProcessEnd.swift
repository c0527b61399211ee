internal import COpenSSL

/// What OpenSSL does when the process ends.
package enum ProcessEnd {
  /// Has it do nothing: a thread may still be reading certificates, and would fall if the library were taken
  /// away beneath it.
  ///
  /// It counts only before everything else that is done with OpenSSL.
  package static func leaveLibrary() {
    _ = OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT), nil)
  }
}
