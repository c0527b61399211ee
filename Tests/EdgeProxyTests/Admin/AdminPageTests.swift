import TLS
import Testing

@testable import EdgeProxy

@Suite("The page of the administration")
struct AdminPageTests {
  private let page = AdminPage.answer
  private let text = String(decoding: AdminPage.answer.body, as: UTF8.self)

  private static func parts(_ policy: String) -> [String: String] {
    var parts: [String: String] = [:]
    for part in policy.split(separator: ";") {
      let words = part.split(separator: " ", maxSplits: 1)
      parts[String(words[0])] = words.count > 1 ? String(words[1]) : ""
    }
    return parts
  }

  private static func hash(_ text: String) -> String {
    "'sha256-\(String(decoding: Base64.encode(Hash.sha256(Array(text.utf8))), as: UTF8.self))'"
  }

  @Test func `a browser runs what is in the page and nothing else`() throws {
    let head = String(decoding: page.head(date: Array("now".utf8)), as: UTF8.self)
    #expect(head.contains("\r\nContent-Type: text/html; charset=utf-8\r\n"))
    let line = try #require(
      head.split(separator: "\r\n").first { $0.hasPrefix("Content-Security-Policy: ") })
    let policy = Self.parts(String(line.dropFirst("Content-Security-Policy: ".count)))
    #expect(policy["default-src"] == "'none'" && policy["frame-ancestors"] == "'none'")
    #expect(policy["connect-src"] == "'self'" && policy["form-action"] == "'none'")
    #expect(policy["require-trusted-types-for"] == "'script'")
    for element in ["script", "style"] {
      let pieces = text.split(separator: "<\(element)>")
      #expect(pieces.count == 2, "one \(element)")
      let content = try #require(pieces.last?.split(separator: "</\(element)>").first)
      #expect(policy["\(element)-src"] == Self.hash(String(content)))
    }
  }

  @Test func `a page without script and style may have none`() {
    let policy = Self.parts(AdminPage.policy(of: Array("<p>hello</p><script>open".utf8)))
    #expect(policy["script-src"] == "'none'" && policy["style-src"] == "'none'")
  }

  /// The policy would refuse them, and the page would be broken.
  @Test(arguments: [
    "src=", "@import", "url(", "http://", "https://", "innerHTML", "outerHTML", "insertAdjacent",
    "document.write", "eval(", "style=", "onclick=", "onload=", "setAttribute(\"style",
  ])
  func `nothing in it is from elsewhere or made from text`(_ word: String) {
    let allowed = text.replacing("http://www.w3.org/2000/svg", with: "")
    #expect(!allowed.contains(word))
  }
}
