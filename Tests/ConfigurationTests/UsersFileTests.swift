import EventLoop
import Glibc
import TestSupport
import Testing

@testable import Configuration

@Suite("The file of users that basic_auth names")
struct UsersFileTests {
  private let directory: TemporaryDirectory
  private static let user =
    "alice:$2y$04$sePuj7jyCJEUydOjtGgYEeC4Xje1TjPK17ZagC8rKuTQLoTTbwq/G\n"

  init() throws {
    directory = try TemporaryDirectory()
    for folder in ["state", "certificates"] { directory.make(folder) }
  }

  /// What is found in a configuration whose `basic_auth` is on line 5, each with its line.
  private func found(_ users: String?, mode: UInt32 = 0o600) throws -> [String] {
    if let users {
      try directory.write("users", users)
      // SAFETY: the path is a C string for the length of the call.
      try #require(unsafe chmod(directory.path + "/users", mode) == 0)
    }
    try directory.write(
      "edge.yaml",
      """
      state: \(directory.path)/state
      certificates: { directory: \(directory.path)/certificates }
      log: { access: off }
      listen: { admin: off, https: [], http: ["127.0.0.1:8080"], tcp: [] }
      routes: [{ host: a.test, respond: {}, basic_auth: { file: \(directory.path)/users } }]
      """)
    let found = ConfigurationLoader.check(
      path: directory.path + "/edge.yaml", environment: [:], now: CertificateFixture.notBefore + 60)
    return found.filter { $0.position.line == 5 && $0.message.contains("users") }.map { each in
      let mark = each.severity == .warning ? "warning: " : ""
      return mark + each.message.replacing(directory.path, with: "DIR")
    }
  }

  @Test func `that is well has nothing said of it`() throws {
    #expect(try found(Self.user) == [])
    #expect(try found(Self.user, mode: 0o640) == [])
  }

  @Test func `that others can read is warned of`() throws {
    // SAFETY: as above.
    try #require(unsafe chmod(directory.path, 0o755) == 0)
    let lines = try found(Self.user, mode: 0o644)
    #expect(lines.count == 1)
    #expect(
      lines.first?.hasPrefix("warning: 'DIR/users' holds a secret, and its mode 0644 lets every")
        == true)
  }

  @Test func `that has nobody in it, or is not there, is told of`() throws {
    #expect(
      try found("# nobody yet\n") == [
        "warning: 'DIR/users' has no users, so nobody is let in: htpasswd -B DIR/users NAME"
      ])
    // SAFETY: the path is a C string for the length of the call.
    try #require(unsafe unlink(directory.path + "/users") == 0)
    #expect(try found(nil) == ["'DIR/users' cannot be read: No such file or directory"])
  }

  @Test func `has its first mistakes told with their lines, and no password of it`() throws {
    let lines = try found(Self.user + (1...8).map { "user\($0):secret\n" }.joined())
    #expect(lines.count == 6)
    #expect(
      lines.first
        == "'DIR/users', line 2: the password of 'user1' is no hash of a password: htpasswd -B FILE user1"
    )
    #expect(lines.last == "'DIR/users': 3 more lines like these")
    #expect(!lines.contains { $0.contains("secret") })
  }
}
