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

    /// What `bytes` measures: name, cipher key and MAC key.
    static let count = 80

    /// A key of fresh random bytes.
    package init() throws(TLSError) {
      var bytes = [UInt8](repeating: 0, count: Self.count)
      ERR_clear_error()
      // SAFETY: the array has as many bytes as are asked for.
      guard unsafe RAND_bytes(&bytes, Int32(Self.count)) == 1 else {
        throw TLSError(draining: "RAND_bytes")
      }
      self.init(bytes: bytes[...])
    }

    /// A key that was written down; `bytes` are as many as `count`.
    init(bytes: ArraySlice<UInt8>) {
      name = Array(bytes.prefix(16))
      cipherKey = Array(bytes.dropFirst(16).prefix(32))
      macKey = Array(bytes.dropFirst(48).prefix(32))
    }

    var bytes: [UInt8] { name + cipherKey + macKey }
  }

  package let keys: [Key]

  package init() throws(TLSError) { keys = [try Key()] }

  /// The keys that a fleet shares: sealed with the current one, opened with its neighbours too.
  package init(_ keyring: TicketKeyring) {
    keys = [keyring.current, keyring.previous, keyring.next]
  }

  private init(keys: [Key]) { self.keys = keys }

  /// A new key in front; the one that was in front opens tickets for one more period.
  package func rotated() throws(TLSError) -> TicketKeys {
    TicketKeys(keys: [try Key()] + keys.prefix(1))
  }
}

extension TicketKeys.Key: CustomStringConvertible, CustomReflectable {
  /// The name alone, which every ticket shows; the rest is secret.
  package var description: String {
    "ticket key \(name.map { String($0, radix: 16) }.joined(separator: "."))"
  }
  package var customMirror: Mirror { Mirror(self, children: ["name": name]) }
}
