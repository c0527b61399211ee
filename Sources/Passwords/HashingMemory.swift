internal import CCrypt
internal import Glibc

/// What libcrypt works in: about 32 KiB that it makes at its first use.
///
/// One thread uses it, for one hash after the other.
// SAFETY: this value owns the memory, which libcrypt makes and alone uses; it is given back in
// `deinit`. Texts that are lent end with a NUL, and the result lies in the memory until the next call.
@safe
package struct HashingMemory: ~Copyable {
  private var room: UnsafeMutableRawPointer?
  private var count: Int32 = 0

  /// libcrypt takes no longer password.
  package static let passwordBytesMax = 511

  package init() { unsafe room = nil }

  deinit {
    guard let room = unsafe room else { return }
    // What is left of a password in it ends here.
    unsafe explicit_bzero(room, Int(count))
    unsafe free(room)
  }

  /// The hash of a password by the scheme, cost and salt with which `setting` begins; `nil` where
  /// libcrypt refuses them.
  ///
  /// A password that has a NUL or is too long has none.
  mutating func hash(_ password: [UInt8], by setting: [UInt8]) -> [UInt8]? {
    guard password.count <= Self.passwordBytesMax, !password.contains(0), !setting.contains(0)
    else { return nil }
    let phrase = Self.text(password)
    let settings = Self.text(setting)
    // SAFETY: both arrays end with a NUL and outlive the call; the result ends with one too, and is
    // copied before the memory is used again.
    guard let found = unsafe crypt_ra(phrase, settings, &room, &count) else { return nil }
    return unsafe Array(UnsafeRawBufferPointer(start: found, count: strlen(found)))
  }

  /// A new bcrypt hash of a password with a salt of the kernel's; `nil` where there is none.
  package mutating func makeHash(of password: [UInt8], cost: Int) -> [UInt8]? {
    // SAFETY: the prefix is a C string for the length of the call, which returns memory of its own
    // that ends with a NUL and is freed after it was copied.
    guard let raw = unsafe crypt_gensalt_ra("$2y$", UInt(cost), nil, 0) else { return nil }
    let setting = unsafe Array(UnsafeRawBufferPointer(start: raw, count: strlen(raw)))
    unsafe free(raw)
    return hash(password, by: setting)
  }

  private static func text(_ bytes: [UInt8]) -> [CChar] {
    bytes.map { CChar(bitPattern: $0) } + [0]
  }
}
