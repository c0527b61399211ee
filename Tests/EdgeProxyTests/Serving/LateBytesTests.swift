import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy

/// An application whose Content-Length is too short, on a connection that is kept.
@Suite("Bytes behind an answer")
struct LateBytesTests {
  private static let surplus = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret"

  /// The second write waits in the instance's kernel until the first has been acknowledged.
  @Test(arguments: [false, true])
  func `are never the answer to another client's request`(overTCP: Bool) throws {
    let node = try ScriptedNode(overTCP: overTCP)
    let server = try InProcessServer(
      """
      upstreams: { app: { protocol: http, nodes: ["\(node.address)"], keep_alive: {} } }
      routes: [{ host: a.test, upstream: app }]
      """)
    let first = try server.connect()
    first.send("GET /first HTTP/1.1\r\nHost: a.test\r\n\r\n")
    try server.settle()
    let call = try #require(try node.accept())
    _ = call.heard()
    call.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    call.say(Self.surplus)
    try server.settle()
    #expect(text(first.read().span).hasSuffix("\r\n\r\nok"))

    let second = try server.connect()
    second.send("GET /second HTTP/1.1\r\nHost: a.test\r\n\r\n")
    try server.settle()
    #expect(second.read() == [])
    // Over TCP the answer to our request is what brings the rest here.
    _ = call.heard()
    try server.settle()
    #expect(!text(second.read().span).contains("secret"))
  }
}
