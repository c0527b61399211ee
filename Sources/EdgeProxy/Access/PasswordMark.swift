internal import Passwords
internal import TLS

/// What stands for a user, a password and the hash that it is checked by: a code that only this
/// process can make (HMAC-SHA-256), so that no password is kept.
///
/// A hash that changes in the file changes the mark, and with it what is known of the password.
struct PasswordMark: Hashable, Sendable {
  private let bytes: [UInt8]

  init(key: [UInt8], user: [UInt8], password: [UInt8], hash: PasswordHash) {
    // None of the three has a NUL in it.
    bytes = Hash.hmacSHA256(key: key, user + [0] + password + [0] + hash.text)
  }
}

/// What a check has found.
enum PasswordOutcome: Sendable {
  case right, wrong
  /// It waited too long behind others and was not made.
  case late
}
