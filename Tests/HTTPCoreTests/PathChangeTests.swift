import TestSupport
import Testing

@testable import HTTPCore

@Suite("Paths that change on their way")
struct PathChangeTests {
  private func head(_ target: String, method: String = "GET") throws -> RequestHead {
    var head = RequestHead()
    var parser = RequestParser()
    let request = octets("\(method) \(target) HTTP/1.1\r\nHost: a.test\r\n\r\n")
    _ = try parser.parse(request.span, into: &head, limits: HeadLimits())
    return head
  }

  private static func change(_ strip: String, _ add: String = "") -> PathChange {
    PathChange(strip: Array(strip.utf8), add: Array(add.utf8))
  }

  @Test(
    arguments: [
      ("/app/x%2Fy//z", "/app", "/x%2Fy//z"), ("/%61p%70/x", "/app", "/x"),
      ("//app/x", "/app", "/x"),
      ("/app", "/app", ""), ("/app/", "/app", "/"), ("/app//", "/app", "//"),
      ("/a//b/x", "/a/b", "/x"),
      ("/%C3%BC/x", "/ü", "/x"), ("/x", "", "/x"), ("/app/../y", "/app", "/../y"),
      ("/apps", "/app", nil), ("/ap", "/app", nil), ("/x/../app/y", "/app", nil),
      ("/./app", "/app", nil), ("/app%2Fx", "/app", nil), ("/a%2Fb/x", "/a/b", nil),
      ("/a/./b/x", "/a/b", nil),
    ] as [(String, String, String?)])
  func `the rest begins where the prefix plainly ends`(
    target: String, prefix: String, rest: String?
  ) throws {
    let head = try head(target)
    var found: String?
    if let range = head.restOfPath(behind: Array(prefix.utf8)) { found = text(head.span(range)) }
    #expect(found == rest)
  }

  @Test(arguments: [
    "/app", "/app/", "/app/x", "/app/x/../y", "/app/x//y", "/app/x%2Fy", "/app/%2Fetc", "//app/x",
    "/app/x%2F..%2Fy", "/app/x;v/y", "/app/a\\b", "/app/x/y/../../z",
  ])
  func `a rest that stays below is let through`(target: String) throws {
    let head = try head(target)
    let isAllowed = head.allows(Self.change("/app"))
    #expect(isAllowed)
  }

  @Test(arguments: [
    "/app/../app/x", "/app/%2e%2e/app/x", "/x/../app/y", "/app/x/../../app/y", "/app/..%2fapp/x",
    "/app/x%2F..%2F..%2Fapp/y", "/app/..;/x", "/app/..\\x", "/app/..%5Cx", "/app/x/..;/..;/y",
    "/./app/x", "/app%2Fx",
  ])
  func `a rest that some server reads as another place is not`(target: String) throws {
    let head = try head(target)
    let isAllowed = head.allows(Self.change("/app"))
    #expect(!isAllowed)
  }

  @Test func `the star of OPTIONS stays as it is`() throws {
    let head = try head("*", method: "OPTIONS")
    let isAllowed = head.allows(Self.change("", "/v1"))
    #expect(isAllowed)
    var target: [UInt8] = []
    target.append(targetOf: head, Self.change("", "/v1"))
    #expect(text(target.span) == "*")
  }

  @Test(
    arguments: [
      ("/app/x%2Fy//z?q=/%2f", "/app", "", "/x%2Fy//z?q=/%2f"), ("/app", "/app", "", "/"),
      ("/app?q", "/app", "", "/?q"), ("/app/", "/app", "", "/"), ("/app/x", "/app", "/v1", "/v1/x"),
      ("/app", "/app", "/v1", "/v1"), ("/", "", "/v1", "/v1/"), ("/x", "", "/ü 1", "/%C3%BC%201/x"),
      ("http://a.test", "", "/v1", "/v1/"), ("http://a.test/app/x", "/app", "", "/x"),
    ])
  func `an HTTP application gets the rest as received`(
    target: String, strip: String, add: String, expected: String
  ) throws {
    var message = HTTP1Request()
    var facts = ForwardedFacts()
    facts.describe(Self.change(strip, add), behind: [])
    message.encode(try head(target), facts: facts, closing: false)
    let lines = text(message.bytes).split(separator: "\r\n")
    #expect(lines.first.map(String.init) == "GET \(expected) HTTP/1.1")
    let prefix = lines.first { $0.hasPrefix("X-Forwarded-Prefix: ") }.map(String.init)
    #expect(prefix == (strip.isEmpty ? nil : "X-Forwarded-Prefix: \(strip)"))
  }

  @Test(
    arguments: [
      ("/app/x%2Fy//z?q", "/app", "", "/app", "/x/y/z", "/app/x%2Fy//z?q"),
      ("/app", "/app", "", "/app", "", "/app"), ("/app/", "/app", "", "/app", "/", "/app/"),
      ("/app/x", "/app", "/v1", "/app", "/v1/x", "/app/x"), ("/x", "", "/v1", "", "/v1/x", "/x"),
      ("/%C3%BC/x", "/ü", "", "/ü", "/x", "/%C3%BC/x"),
    ])
  func `a uwsgi application gets SCRIPT_NAME, PATH_INFO and the target as received`(
    target: String, strip: String, add: String, script: String, path: String, uri: String
  ) throws {
    var packet = UWSGIPacket()
    var facts = ForwardedFacts()
    facts.describe(Self.change(strip, add), behind: [])
    try packet.encode(try head(target), facts: facts)
    let block = try #require(UWSGIBlock(octets(text(packet.bytes))))
    let variables = block.variables.map(\.description)
    let octetsOfScript = Array(script.utf8)
    #expect(variables.contains("SCRIPT_NAME=\(text(octetsOfScript.span))"))
    #expect(variables.contains("PATH_INFO=\(path)"))
    #expect(variables.contains("REQUEST_URI=\(uri)"))
  }

  @Test func `what others have taken off stands before what is taken off here`() {
    var facts = ForwardedFacts()
    facts.describe(Self.change("/ü"), behind: octets("/outer"))
    #expect(text(facts.forwardedPrefix.span) == "/outer/%C3%BC")
    facts.describe(nil, behind: [])
    #expect(facts.forwardedPrefix.isEmpty && facts.change == nil)
  }
}
