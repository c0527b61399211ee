import TestSupport
import Testing

@testable import EdgeProxy

/// ACME's http-01 challenges on port 80, RFC 8555 §8.3.
@Suite("Challenges on port 80")
struct ChallengeTests {
  private static let path = "/.well-known/acme-challenge/"
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
    directory.make(".well-known")
    directory.make(".well-known/acme-challenge")
  }

  private func answer(to path: String, _ settings: String) throws -> String {
    let server = try InProcessServer("routes: [{ host: a.test, respond: {} }]\n" + settings)
    let client = try server.connect(to: .http)
    client.send("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\r\n")
    try server.settle()
    return text(client.read().span)
  }

  private func answer(to path: String) throws -> String {
    try answer(to: path, "acme_challenges: \(directory.path)")
  }

  private func isRedirected(_ path: String, _ answer: String) -> Bool {
    answer.hasPrefix("HTTP/1.1 301 ") && answer.contains("\r\nLocation: https://a.test\(path)\r\n")
  }

  @Test func `a token in the directory itself is served, as dehydrated writes it`() throws {
    try directory.write("to-ken_1", "to-ken_1.print")
    let found = try answer(to: Self.path + "to-ken_1")
    #expect(found.hasPrefix("HTTP/1.1 200 "))
    #expect(found.hasSuffix("\r\n\r\nto-ken_1.print"))
  }

  @Test func `a token where a webroot has it is served, as certbot writes it`() throws {
    try directory.write(".well-known/acme-challenge/token", "token.print")
    let found = try answer(to: Self.path + "token")
    #expect(found.hasPrefix("HTTP/1.1 200 "))
    #expect(found.hasSuffix("\r\n\r\ntoken.print"))
  }

  @Test func `a token that is not there is redirected to https like any other path`() throws {
    let found = try answer(to: Self.path + "missing?x=1")
    #expect(isRedirected(Self.path + "missing?x=1", found))
  }

  @Test(arguments: ["", "a.b", "a/b", "%2e%2e/secret"])
  func `a path that names no token is redirected and opens no file`(_ token: String) throws {
    try directory.write("a.b", "no token")
    try directory.write("secret", "no token")
    let found = try answer(to: Self.path + token)
    #expect(found.hasPrefix("HTTP/1.1 301 "))
  }

  @Test func `an empty file and a file of 17 KiB are no answers to a challenge`() throws {
    try directory.write("empty", "")
    try directory.write("large", String(repeating: "x", count: 17 * 1024))
    for token in ["empty", "large"] {
      #expect(isRedirected(Self.path + token, try answer(to: Self.path + token)))
    }
  }

  @Test func `without the directory a challenge is redirected`() throws {
    let found = try answer(to: Self.path + "token", "")
    #expect(isRedirected(Self.path + "token", found))
  }
}
