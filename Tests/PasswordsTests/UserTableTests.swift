import Testing

@testable import Passwords

@Suite("The users of an htpasswd file")
struct UserTableTests {
  private static let hash = "$2y$04$sePuj7jyCJEUydOjtGgYEeC4Xje1TjPK17ZagC8rKuTQLoTTbwq/G"
  private static let other = "$2y$04$nGuJmYaLF5BA4cbPqMWmUOpCqCJoiBTx/IcVlaW/MoCs.MoAVCZjC"

  private func mistakes(_ text: String) -> [String] {
    UserTable.read(Array(text.utf8)).mistakes.map(\.description)
  }

  @Test func `are found by their names, whatever stands between the lines`() {
    let text = "# people\r\n\nalice:\(Self.hash)\r\n  \nbärbel:\(Self.other):a comment\n"
    let (table, mistakes) = UserTable.read(Array(text.utf8))
    #expect(mistakes == [] && !table.isEmpty)
    #expect(table.find(Array("alice".utf8))?.isKnown == true)
    #expect(table.find(Array("bärbel".utf8))?.hash.text == Array(Self.other.utf8))
    #expect(table.find(Array("Alice".utf8))?.isKnown == false)
  }

  @Test func `an unknown one gets a hash of somebody, the same each time`() throws {
    let text = "alice:\(Self.hash)\nbob:\(Self.other)\n"
    let table = UserTable.read(Array(text.utf8)).table
    var found: Set<[UInt8]> = []
    for number in 0..<200 {
      let name = Array("nobody\(number)".utf8)
      let first = try #require(table.find(name))
      #expect(!first.isKnown && table.find(name)?.hash == first.hash)
      found.insert(first.hash.text)
    }
    #expect(found.count == 2)
    #expect(UserTable().find([65]) == nil)
  }

  @Test func `each mistake is told with its line and what to do, and no password with it`() {
    #expect(mistakes("alice:\(Self.hash)\nsecret") == ["line 2: no ':' behind a user"])
    #expect(
      mistakes("bob:$apr1$Gq9LDPYp$QWvkgdzTyZ.MfOgeH9mIh/") == [
        "line 1: the password of 'bob' is hashed with MD5, which is not taken: htpasswd -B FILE bob"
      ])
    #expect(
      mistakes("bob:secret") == [
        "line 1: the password of 'bob' is no hash of a password: htpasswd -B FILE bob"
      ])
    #expect(
      mistakes("bob:\(Self.hash)\nbob:\(Self.other)")
        == ["line 2: 'bob' is there already, on line 1"])
    for name in ["", "a\u{1}b", String(repeating: "a", count: 256)] {
      #expect(
        mistakes("\(name):\(Self.hash)")
          == ["line 1: the name of the user is empty, too long or no text"])
    }
  }
}
