import Testing

@testable import Passwords

@Suite("Hashes of passwords")
struct PasswordHashTests {
  /// What htpasswd, Python's crypt and OpenSSL have made.
  static let known: [(hash: String, password: String)] = [
    ("$2y$04$sePuj7jyCJEUydOjtGgYEeC4Xje1TjPK17ZagC8rKuTQLoTTbwq/G", "pa:ss word"),
    ("$2a$04$sePuj7jyCJEUydOjtGgYEeC4Xje1TjPK17ZagC8rKuTQLoTTbwq/G", "pa:ss word"),
    ("$2b$04$sePuj7jyCJEUydOjtGgYEeC4Xje1TjPK17ZagC8rKuTQLoTTbwq/G", "pa:ss word"),
    ("$2y$04$nGuJmYaLF5BA4cbPqMWmUOpCqCJoiBTx/IcVlaW/MoCs.MoAVCZjC", "grün"),
    (
      "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip"
        + "/cZ/1GM/O6IND4WQhG.", "secret"
    ),
    (
      "$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/otop/Zok96Hr8Q13LEv0DRY"
        + "/x8v0/crpIjl8NJSAqXV/", "secret"
    ),
  ]

  /// Checks several passwords in the same memory, as a thread does.
  private func fits(_ hash: PasswordHash, _ passwords: [[UInt8]]) -> [Bool] {
    var memory = HashingMemory()
    var found: [Bool] = []
    for password in passwords { found.append(hash.fits(password, &memory)) }
    return found
  }

  @Test(arguments: known) func `fit their password and no other`(
    hash: String, password: String
  ) throws {
    let right = Array(password.utf8)
    let wrong = [
      [], right + right, Array(right.dropLast()), right + [0],
      [UInt8](repeating: 65, count: 100_000),
    ]
    let found = fits(try PasswordHash(Array(hash.utf8)), [right] + wrong + [right])
    #expect(found == [true, false, false, false, false, false, true])
  }

  @Test func `a new one has a salt of its own`() throws {
    var memory = HashingMemory()
    let (one, other) = (memory.makeHash(of: [65], cost: 4), memory.makeHash(of: [65], cost: 4))
    #expect(one != other)
    for made in [one, other] {
      let hash = try PasswordHash(try #require(made))
      #expect(fits(hash, [[65], [66]]) == [true, false])
    }
  }

  private static let digits = String(repeating: "a", count: 53)

  @Test(
    arguments: [
      ("$apr1$Gq9LDPYp$QWvkgdzTyZ.MfOgeH9mIh/", .scheme("MD5")),
      ("{SHA}EfatjsUqKYSrqv18O1FlA3hcIHI=", .scheme("SHA-1")),
      ("8pUJsMYt42wFw", .scheme("DES")), ("$5$salt$aaaa", .scheme("sha256-crypt")),
      ("$y$j9T$salt$aaaa", .scheme("yescrypt")), ("secret", .unknown), ("", .unknown),
      ("$2y$15$\(digits)", .cost(15)), ("$2y$31$\(digits)", .cost(31)),
      ("$2y$99$\(digits)", .cost(99)), ("$2y$03$\(digits)", .damaged("bcrypt")),
      ("$2y$10$\(digits)a", .damaged("bcrypt")), ("$2y$1$\(digits)", .damaged("bcrypt")),
      ("$2y$10$", .damaged("bcrypt")), ("$2x$10$\(digits)", .scheme("a broken bcrypt")),
      ("$6$salt$short", .damaged("sha512-crypt")),
      ("$6$rounds=9999999$salt$\(String(repeating: "a", count: 86))", .rounds(9_999_999)),
      ("$6$rounds=1$salt$\(String(repeating: "a", count: 86))", .rounds(1)),
      ("$6$rounds=99999999999999999999$salt$a", .damaged("sha512-crypt")),
    ] as [(String, PasswordHash.Refusal)])
  func `of other schemes, damaged or too dear are refused`(
    text: String, refusal: PasswordHash.Refusal
  ) {
    #expect(throws: refusal) { try PasswordHash(Array(text.utf8)) }
  }
}
