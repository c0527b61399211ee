/// The hash of one password as `htpasswd -B` or `mkpasswd -m sha512crypt` writes it.
///
/// Two schemes are taken: bcrypt (`$2a$`, `$2b$`, `$2y$`) and sha512-crypt (`$6$`). Others are weak, or
/// not everywhere. What one check may cost is bounded, since anybody can ask for one.
package struct PasswordHash: Hashable, Sendable {
  /// As it is in the file.
  package let text: [UInt8]

  /// bcrypt takes 2^cost rounds: 14 is about a second.
  static let costMax = 14
  /// 5,000 is the default; a million is about a second.
  static let roundsMax = 1_000_000
  private static let roundsMin = 1000

  package init(_ text: [UInt8]) throws(Refusal) {
    if let refusal = Self.refusal(of: text) { throw refusal }
    self.text = text
  }

  /// Whether the hash is that of this password; it takes as long for a wrong one.
  package func fits(_ password: [UInt8], _ memory: inout HashingMemory) -> Bool {
    guard let found = memory.hash(password, by: text) else { return false }
    return Self.areSame(found, text)
  }

  /// Compares without telling by the time how much is the same.
  private static func areSame(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for (one, other) in zip(left, right) { difference |= one ^ other }
    return difference == 0
  }
}

extension PasswordHash {
  /// Why a text is no hash that is taken.
  package enum Refusal: Error, Equatable, CustomStringConvertible {
    /// Another scheme, by its name.
    case scheme(String)
    case damaged(String)
    case cost(Int)
    case rounds(Int)
    /// No scheme at all: perhaps the password itself.
    case unknown

    package var description: String {
      switch self {
      case .scheme(let name): "is hashed with \(name), which is not taken"
      case .damaged(let name): "is a damaged hash of \(name)"
      case .cost(let cost):
        "has cost \(cost), and each check would take seconds: at most \(costMax)"
      case .rounds(let count):
        "has \(count) rounds, and there must be from \(roundsMin) to \(roundsMax)"
      case .unknown: "is no hash of a password"
      }
    }
  }

  private static func refusal(of text: [UInt8]) -> Refusal? {
    for prefix in ["$2a$", "$2b$", "$2y$"] where text.starts(with: prefix.utf8) {
      return refusal(ofBcrypt: text.dropFirst(4))
    }
    if text.starts(with: "$6$".utf8) { return refusal(ofSHA512: text.dropFirst(3)) }
    let others = [
      ("$apr1$", "MD5"), ("$1$", "MD5"), ("{SHA}", "SHA-1"), ("{SSHA}", "SHA-1"),
      ("$2x$", "a broken bcrypt"), ("$2$", "an old bcrypt"), ("$5$", "sha256-crypt"),
      ("$y$", "yescrypt"), ("$gy$", "gost-yescrypt"), ("$7$", "scrypt"), ("$argon2", "argon2"),
      ("{PLAIN}", "nothing"),
    ]
    for (prefix, name) in others where text.starts(with: prefix.utf8) { return .scheme(name) }
    return text.count == 13 && text.allSatisfy(isDigit) ? .scheme("DES") : .unknown
  }

  /// Two digits of the cost, `$`, 22 digits of salt and 31 of the hash.
  private static func refusal(ofBcrypt rest: ArraySlice<UInt8>) -> Refusal? {
    let parts = rest.split(separator: dollar, omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].count == 2, let cost = number(parts[0]), cost >= 4,
      parts[1].count == 53, parts[1].allSatisfy(isDigit)
    else { return .damaged("bcrypt") }
    return cost <= costMax ? nil : .cost(cost)
  }

  /// `rounds=N$` where it is not the default, 1 to 16 bytes of salt, `$`, 86 digits of the hash.
  private static func refusal(ofSHA512 rest: ArraySlice<UInt8>) -> Refusal? {
    var parts = rest.split(separator: dollar, omittingEmptySubsequences: false)
    let mark = Array("rounds=".utf8)
    if let first = parts.first, first.starts(with: mark) {
      guard let rounds = number(first.dropFirst(mark.count)) else {
        return .damaged("sha512-crypt")
      }
      guard (roundsMin...roundsMax).contains(rounds) else { return .rounds(rounds) }
      parts.removeFirst()
    }
    let isWhole =
      parts.count == 2 && (1...16).contains(parts[0].count) && parts[1].count == 86
      && parts.allSatisfy { $0.allSatisfy(isDigit) }
    return isWhole ? nil : .damaged("sha512-crypt")
  }

  private static let dollar = UInt8(ascii: "$")

  /// One of the 64 digits of crypt(3).
  private static func isDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"):
      true
    default: false
    }
  }

  /// At most eight decimal digits.
  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    guard (1...8).contains(digits.count) else { return nil }
    var number = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      number = number * 10 + Int(digit - UInt8(ascii: "0"))
    }
    return number
  }
}
