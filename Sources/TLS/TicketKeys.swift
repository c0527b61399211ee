internal import COpenSSL

/// The keys that session tickets are sealed with, RFC 5077 §4: AES-256-CBC and HMAC-SHA-256.
///
/// Tickets are sealed with the first key and opened with any, so that a rotation invalidates none
/// that a client still may use. The value is immutable and goes to every worker as a whole.
package struct TicketKeys: Sendable {
  package struct Key: Sendable, Equatable {
    package let name: [UInt8]
    let cipherKey: [UInt8]
    let macKey: [UInt8]

    /// A key of fresh random bytes.
    package init() throws(TLSError) {
      var bytes = [UInt8](repeating: 0, count: 80)
      guard unsafe RAND_bytes(&bytes, 80) == 1 else { throw TLSError(draining: "RAND_bytes") }
      name = Array(bytes[0..<16])
      cipherKey = Array(bytes[16..<48])
      macKey = Array(bytes[48..<80])
    }
  }

  package let keys: [Key]

  package init() throws(TLSError) { keys = [try Key()] }

  private init(keys: [Key]) { self.keys = keys }

  /// A new key in front; the one that was in front opens tickets for one more period.
  package func rotated() throws(TLSError) -> TicketKeys {
    TicketKeys(keys: [try Key()] + keys.prefix(1))
  }
}
