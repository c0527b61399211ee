import TestSupport
import Testing

@testable import EdgeProxy

/// A stream that the library resets while its own answer is being sent (an overflow of its window,
/// RFC 9113 §6.9.1) behind frames that fill the output.
@Suite("A stream that ends within its own send")
struct ResetWithinSendTests {
  @Test func `ends behind however much was to go out before it`() async {
    await #expect(processExitsWith: .success) {
      for count in 0..<80 { try ResetWithinSend.happen(behind: count) }
    }
  }
}

enum ResetWithinSend {
  /// Has an answer go on in the turn in which its stream is reset, behind so many short answers of
  /// the server's own and heads without a body for all streams that are left.
  static func happen(behind count: Int) throws {
    let node = try ScriptedNode()
    let files = try TemporaryDirectory()
    // Nearly fills what a connection writes at a time.
    try files.write("filler", [UInt8](repeating: 7, count: 47_000))
    let server = try InProcessServer(
      """
      upstreams: { app: { nodes: ["\(node.address)"] } }
      routes:
        - { host: a.test, path: /app, upstream: app }
        - { host: a.test, path: /files, files: "\(files.path)" }
        - { host: a.test, path: /short, respond: { body: "short" } }
      """)
    let client = try server.connect(.http2)
    client.send(
      HTTP2Frames.greeting + HTTP2Frames.frame(8, 0, 0, HTTP2Frames.number(1 << 30))
        + HTTP2Frames.request(1, "GET", "/app"))
    try server.settle()
    let call = try #require(try node.accept())
    call.say("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegin")
    try server.settle()
    _ = client.read()

    var frames = HTTP2Frames.request(3, "GET", "/files/filler")
    for index in 0..<97 {
      let method = index < count ? "GET" : "HEAD"
      frames += HTTP2Frames.request(UInt32(2 * index + 5), method, "/short")
    }
    client.send(frames + HTTP2Frames.frame(8, 0, 1, HTTP2Frames.number(0x7fff_ffff)))
    call.say([UInt8](repeating: 7, count: 30_000))
    try server.settle()
    client.close()
    call.end()
    try server.settle()
    #expect(server.remains == [])
  }
}
