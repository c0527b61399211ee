import TLS
import Testing

@testable import EdgeProxy

@Suite("The credentials of a client")
struct BasicCredentialsTests {
  private func read(_ value: String) -> BasicCredentials? {
    BasicCredentials(Array(value.utf8).span)
  }

  private func basic(_ pair: String) -> String {
    "Basic " + String(decoding: Base64.encode(Array(pair.utf8)), as: UTF8.self)
  }

  @Test(arguments: [
    ("alice:secret", "alice", "secret"), ("alice:pa:ss", "alice", "pa:ss"), ("alice:", "alice", ""),
    (":secret", "", "secret"), ("bärbel:grün", "bärbel", "grün"),
  ]) func `end at the first colon`(pair: String, user: String, password: String) {
    let found = read(basic(pair))
    #expect(found?.user == Array(user.utf8) && found?.password == Array(password.utf8))
  }

  @Test func `the name of the scheme is of any case, and more blanks may follow`() {
    #expect(read("bAsIc   YTpi")?.user == [97])
  }

  @Test(arguments: [
    "", "Basic", "Basic ", "Basic\tYTpi", "Basic YTp i", "Basic YTpi ", "Basic YTpi, Basic YTpi",
    "Basic ****", "Basic YTpi=", "Basic YTp", "Basic YWxpY2U=", "Bearer YTpi", "Basicx YTpi",
    "Negotiate YTpi", "Basic YTpi\u{0}", "Digest username=\"a\"",
  ]) func `of other forms are none`(value: String) { #expect(read(value) == nil) }

  @Test(arguments: ["a\u{0}:b", "a:b\u{0}", "a\n:b", "a:\u{7f}", "\u{1f}a:b"])
  func `with control characters are none`(pair: String) { #expect(read(basic(pair)) == nil) }

  @Test func `a huge value is none`() {
    #expect(read(basic("a:" + String(repeating: "b", count: 100_000))) == nil)
    #expect(read(basic("a:" + String(repeating: "b", count: 500))) != nil)
  }
}
