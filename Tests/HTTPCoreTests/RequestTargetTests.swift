import HTTPCore
import TestSupport
import Testing

@Suite("The one form of a path, RFC 3986 §5.2.4 and §6.2")
struct RequestTargetTests {
  @Test(arguments: [
    ("/", "/"), ("/a", "/a"), ("/a/", "/a/"), ("/a%20b", "/a b"), ("/%41%7e", "/A~"),
    ("//", "/"), ("//a", "/a"), ("/a//b", "/a/b"), ("/a///", "/a/"), ("/%2fa", "/a"),
    ("/a%2Fb", "/a/b"), ("/a%2f%2Fb", "/a/b"), ("/.", "/"), ("/./", "/"), ("/a/.", "/a/"),
    ("/a/./b", "/a/b"), ("/a/..", "/"), ("/a/../", "/"), ("/a/../b", "/b"), ("/a/b/../../c", "/c"),
    ("/a/%2e%2e/b", "/b"), ("/a/%2E./b", "/b"), ("/a/.%2e", "/"), ("/a%2f..%2fb", "/b"),
    ("/a%2f%2e%2e%2f", "/"), ("/%2e", "/"), ("/...", "/..."), ("/..a", "/..a"), ("/a..", "/a.."),
    ("/.a", "/.a"), ("/a.", "/a."), ("/a./b", "/a./b"), ("/..;/", "/..;/"),
    ("/a/..;/b", "/a/..;/b"),
    ("/a;x/../b", "/b"), ("/%252e%252e/", "/%2e%2e/"), ("/%2500", "/%00"), ("/a%25", "/a%"),
    ("/%0d%0aX:%20y", "/\r\nX: y"), ("/%ff%C3%A9", "/\u{ff}\u{c3}\u{a9}"),
    ("/a\\..\\b", "/a\\..\\b"),
    ("/%5c..", "/\\.."), ("/a%3fb", "/a?b"), ("/a%23b", "/a#b"), ("/a:b@c", "/a:b@c"),
    ("/{}|^`<>\"", "/{}|^`<>\""), ("/a/b//../c", "/a/c"), ("/a//..//b", "/b"), ("/*", "/*"),
  ])
  func `a path is decoded once and resolved`(path: String, decoded: String) {
    let reading = request(get(target: path))
    #expect(reading.refusal == nil)
    #expect(reading.decodedPath == decoded)
    #expect(reading.path == path)
    #expect(reading.target == path)
    let absolute = request(get(target: "https://a.test\(path)?\(path)"))
    #expect(absolute.decodedPath == decoded)
    #expect(absolute.query == path)
  }

  @Test(arguments: [
    ("/a", "/a"), ("", "/"), ("/%61%20b", "/%61%20b"), ("/a%2Fb", "/a%2Fb"), ("/a;x=1", "/a;x=1"),
    ("/a%5cb", "/a%5cb"), ("/%252e%252e/", "/%252e%252e/"), ("/...", "/..."),
    ("/a/./b", "/a/./b"), ("/a/%2e%2E/b%20c", "/a/%2e%2E/b%20c"), ("/a//b", "/a//b"),
    ("//a", "//a"), ("/a/%2fb", "/a/%2fb"), ("/a//", "/a//"), ("/a%2F/%2F", "/a%2F/%2F"),
    ("/a/../%25%3f%23", "/a/../%25%3f%23"), ("/a/..%2fb%0d", "/a/..%2fb%0d"),
    ("/get/https%3A%2F%2Fb.test%2F", "/get/https%3A%2F%2Fb.test%2F"), ("/a/..", "/a/.."),
  ])
  func `an application gets the path as it was received`(path: String, forwarded: String) throws {
    var head = RequestHead()
    var parser = RequestParser()
    let target = path.isEmpty ? "http://a.test?\(path)" : "\(path)?\(path)"
    _ = try parser.parse(octets(get(target: target)).span, into: &head, limits: HeadLimits())
    var message = HTTP1Request()
    message.encode(head, facts: exampleFacts(), closing: true)
    #expect(text(message.bytes).hasPrefix("GET \(forwarded)?\(path) HTTP/1.1\r\n"))
    var packet = UWSGIPacket()
    try packet.encode(head, facts: exampleFacts())
    var bytes: [UInt8] = []
    bytes.append(copying: packet.bytes)
    let block = try #require(UWSGIBlock(bytes))
    #expect(block.variables.contains { $0.description == "REQUEST_URI=\(forwarded)?\(path)" })
  }

  @Test(arguments: [
    "/..", "/../", "/../a", "/a/../..", "/a/../../b", "/./..", "/%2e%2e", "/%2e%2e/", "/.%2E/a",
    "/%2f..", "//..", "/a//../..", "/a/b/../../..", "/%2e%2e%2fetc", "/..%2f", "/a%2f..%2f..",
  ])
  func `a path that climbs above its root is refused`(path: String) {
    let reading = request(get(target: path))
    #expect(reading.refusal == .targetClimbs)
    #expect(reading.refusal?.status == 400)
    #expect(request(get(target: "http://a.test\(path)")).refusal == .targetClimbs)
  }

  @Test(arguments: [
    "/%", "/%2", "/%2?a=b", "/%zz", "/%g0", "/%0g", "/%u0041", "/% 41", "/%%41", "/a%2", "/%-1",
    "/%00", "/a%00b", "/%2e%00", "/%0", "/%+1",
  ])
  func `a broken escape and an encoded NUL are refused`(path: String) {
    // A space ends the target.
    let expected: HTTPError = path.contains(" ") ? .versionMalformed : .targetMalformed
    #expect(request(get(target: path)).refusal == expected)
  }

  @Test(arguments: [
    ("/?", ""), ("/?a=%00", "a=%00"), ("/?%zz%", "%zz%"), ("/?a?b", "a?b"), ("/?/../..", "/../.."),
    ("/?a=b&c=//", "a=b&c=//"),
  ])
  func `a query is passed on as it came`(target: String, query: String) {
    let reading = request(get(target: target))
    #expect(reading.refusal == nil)
    #expect(reading.query == query)
    #expect(reading.decodedPath == "/")
  }

  @Test func `no octet but those of a target gets in`() {
    for number in UInt8(0)...255 {
      let scalar = Unicode.Scalar(number)
      let reading = request(get(target: "/a\(scalar)b"))
      let allowed = number > 0x20 && number < 0x7f && scalar != "#" && scalar != "%"
      #expect((reading.refusal == nil) == allowed, "\(number)")
    }
  }
}
