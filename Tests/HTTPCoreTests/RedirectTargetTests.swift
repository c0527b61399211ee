import HTTPCore
import Testing

@Suite("Where redirects lead to")
struct RedirectTargetTests {
  @Test(arguments: [
    "https://example.org{path}{query}", "http://{host}{path}", "/new{path}", "/", "/a?b={query}#c",
    "https://{host}:8443{path}", "https://example.org/{host}{path}",
  ])
  func `a server or a path of this one is accepted`(text: String) throws {
    _ = try RedirectTarget(text)
  }

  @Test(arguments: [
    "", "{path}", "//example.org", "/{path}", "/{host}", "/\\example.org", "example.org{path}",
    "https://",
    "https://{path}", "https:///{host}", "https://example.org{host}", "javascript:{path}",
    "HTTPS://a",
  ])
  func `what a request could turn to another server is refused`(text: String) {
    #expect(throws: RedirectTarget.Mistake.beginning) { try RedirectTarget(text) }
  }

  @Test(arguments: ["/a{path", "/a}", "/a{path}}", "/{"])
  func `a bracket alone is refused`(text: String) {
    #expect(throws: RedirectTarget.Mistake.unclosed) { try RedirectTarget(text) }
  }

  @Test func `an unknown place, a space and a line end are refused`() {
    #expect(throws: RedirectTarget.Mistake.placeholder("pth")) { try RedirectTarget("/a{pth}") }
    #expect(throws: RedirectTarget.Mistake.character) { try RedirectTarget("/a b") }
    #expect(throws: RedirectTarget.Mistake.character) { try RedirectTarget("/a\r\nX:y") }
  }
}
