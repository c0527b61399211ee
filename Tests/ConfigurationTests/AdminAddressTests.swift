import EventLoop
import Glibc
import TestSupport
import Testing

@testable import Configuration

@Suite("Where administrators connect")
struct AdminAddressTests {
  @Test(arguments: [
    ("unix:/run/x.sock", "unix:/run/x.sock"), ("127.0.0.1:9180", "127.0.0.1:9180"),
    ("\"[::1]:9180\"", "[::1]:9180"), ("127.1.2.3:1", "127.1.2.3:1"), ("off", nil),
    ("\"off\"", nil),
  ])
  func `a unix socket, a loopback address or off`(_ text: String, _ address: String?) throws {
    let configuration = try ConfigurationFixture.configuration(
      ConfigurationFixture.valid + "listen: { admin: \(text) }")
    #expect(configuration.listen.admin.map(\.description) == [address].compactMap { $0 })
  }

  @Test(arguments: [
    ("[\"unix:/run/x.sock\", \"127.0.0.1:9180\"]", ["unix:/run/x.sock", "127.0.0.1:9180"]),
    ("[\"127.0.0.1:9180\"]", ["127.0.0.1:9180"]), ("[]", []),
    (
      "[\"unix:/a\", \"unix:/b\", \"127.0.0.1:1\", \"[::1]:1\"]",
      ["unix:/a", "unix:/b", "127.0.0.1:1", "[::1]:1"]
    ),
  ])
  func `or several of them`(_ text: String, _ addresses: [String]) throws {
    let configuration = try ConfigurationFixture.configuration(
      ConfigurationFixture.valid + "listen: { admin: \(text) }")
    #expect(configuration.listen.admin.map(\.description) == addresses)
  }

  @Test func `commands go to the unix socket`() {
    let (unix, loopback) = (SocketAddress("unix:/a"), SocketAddress("127.0.0.1:1"))
    let both = [loopback, unix].compactMap { $0 }
    #expect(ListenSettings.preferred(both) == unix)
    #expect(ListenSettings.preferred(Array(both.prefix(1))) == loopback)
    #expect(ListenSettings.preferred([]) == nil)
  }

  @Test func `there is one without being asked for`() throws {
    let configuration = try ConfigurationFixture.configuration(ConfigurationFixture.valid)
    #expect(configuration.listen.admin.map(\.description) == ["unix:/run/edgeproxy/admin.sock"])
  }

  private static let expected =
    "3:18: 'admin' must be unix: and a path, a loopback address such as 127.0.0.1:9180, or off"

  private static let mistakes = [
    Mistake(
      "listen: { admin: \"10.0.0.1:9180\" }",
      "\(expected), found '10.0.0.1:9180'; whoever could reach it could read everything here"),
    Mistake(
      "listen: { admin: \"0.0.0.0:9180\" }",
      "\(expected), found '0.0.0.0:9180'; whoever could reach it could read everything here"),
    Mistake(
      "listen: { admin: \"[::]:9180\" }",
      "\(expected), found '[::]:9180'; whoever could reach it could read everything here"),
    Mistake(
      "listen: { admin: \"unix:@name\" }",
      "\(expected), found 'unix:@name'; the path must begin with '/'"),
    Mistake(
      "listen: { admin: \"unix:x.sock\" }",
      "\(expected), found 'unix:x.sock'; the path must begin with '/'"),
    Mistake(
      "listen: { admin: /run/x.sock }",
      "\(expected), found '/run/x.sock'; did you mean 'unix:/run/x.sock'?"),
    Mistake(
      "listen: { admin: \"localhost:9180\" }",
      "\(expected), found 'localhost:9180'; did you mean '127.0.0.1:9180'?"),
    Mistake("listen: { admin: of }", "\(expected), found 'of'; did you mean 'off'?"),
    Mistake("listen: { admin: \"127.0.0.1:0\" }", "\(expected), found '127.0.0.1:0'"),
    Mistake(
      "listen: { http: [\"127.0.0.1:80\"], admin: \"127.0.0.1:80\" }",
      "3:42: '127.0.0.1:80' is listened at already"),
    Mistake(
      "listen: { admin: [\"unix:/a\", \"10.0.0.1:9180\"] }",
      "3:30: \(one), found '10.0.0.1:9180'; whoever could reach it could read everything here"),
    Mistake(
      "listen: { admin: [\"unix:/a\", off] }",
      "3:30: \(one), found 'off'; 'off' stands by itself, not in a list"),
    Mistake("listen: { admin: [[\"unix:/a\"]] }", "3:19: \(one), found a list"),
    Mistake(
      "listen: { admin: [\"unix:/a\", \"unix:/a\"] }", "3:30: 'unix:/a' is listened at already"),
    Mistake(
      "listen: { admin: [\"unix:/a\", \"unix:/b\", \"unix:/c\", \"[::1]:1\", off] }",
      "3:18: 'admin' must have at most 4 addresses, found 5"),
  ]

  private static let one =
    "'admin' must be a list of unix: with a path, and loopback addresses such as 127.0.0.1:9180"

  @Test(arguments: mistakes)
  func `what strangers could reach is refused`(_ mistake: Mistake) {
    mistake.check(ConfigurationFixture.valid + mistake.text)
  }

  @Test(arguments: [
    ("colour: red\nlisten: { admin: \"unix:/run/y\", htps: 1 }\nnode: ${UNSET}\n", "unix:/run/y"),
    ("listen: { admin: off }\nroutes: 5\n", nil),
    ("listen: { admin: [\"127.0.0.1:1\", \"unix:/run/z\"] }", "unix:/run/z"),
    ("", "unix:/run/edgeproxy/admin.sock"),
    ("{", "unix:/run/edgeproxy/admin.sock"), ("[1]", "unix:/run/edgeproxy/admin.sock"),
  ])
  func `a file with mistakes still tells where its server is`(
    _ text: String, _ address: String?
  ) throws {
    let directory = try TemporaryDirectory()
    try directory.write("edge.yaml", text)
    let found = try ConfigurationLoader.adminAddress(
      path: directory.path + "/edge.yaml", environment: [:])
    #expect(found?.description == address)
  }

  @Test func `a file that is not there tells nothing`() {
    #expect(throws: SystemError("open", code: ENOENT)) {
      try ConfigurationLoader.adminAddress(path: "/nonexistent/edge.yaml", environment: [:])
    }
  }
}
