import TestSupport
import Testing

@testable import EdgeProxy

/// The fixture itself: requests go through a whole worker, without a thread or a wait.
@Suite("A worker within the test")
struct InProcessServerTests {
  private func makeServer(_ node: ScriptedNode) throws -> InProcessServer {
    try InProcessServer(
      """
      upstreams: { app: { protocol: http, nodes: ["\(node.address)"], keep_alive: {} } }
      routes: [{ host: a.test, upstream: app }]
      """)
  }

  @Test func `a request of HTTP/1.1 reaches an instance, and its answer the client`() throws {
    let node = try ScriptedNode()
    let server = try makeServer(node)
    let client = try server.connect()
    client.send("GET /one HTTP/1.1\r\nHost: a.test\r\n\r\n")
    try server.settle()
    let call = try #require(try node.accept())
    #expect(text(call.heard().span).hasPrefix("GET /one HTTP/1.1\r\n"))
    call.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody")
    try server.settle()
    #expect(text(client.read().span).hasSuffix("\r\n\r\nbody"))
    client.close()
    call.end()
    try server.settle()
    #expect(server.remains == [])
  }

  @Test func `a request of HTTP/2 does the same in frames`() throws {
    let node = try ScriptedNode()
    let server = try makeServer(node)
    let client = try server.connect(.http2)
    client.send(HTTP2Frames.greeting + HTTP2Frames.request(1))
    try server.settle()
    let call = try #require(try node.accept())
    call.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody")
    try server.settle()
    let frames = try #require(HTTP2Frame.read(client.read()))
    let answer = frames.filter { $0.stream == 1 }
    #expect(answer.map(\.type) == [1, 0])
    #expect(answer.last?.payload == octets("body"))
    client.close()
    call.end()
    try server.settle()
    #expect(server.remains == [])
  }

  @Test func `time passes only when the test moves the clock`() throws {
    let node = try ScriptedNode()
    let server = try makeServer(node)
    let client = try server.connect()
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    try server.settle()
    #expect(client.read() == [])
    try server.advance(by: .seconds(61))
    #expect(text(client.read().span).hasPrefix("HTTP/1.1 504 "))
  }

  @Test func `a worker that is let go of leaves nothing behind`() throws {
    let node = try ScriptedNode()
    weak var worker: Worker?
    do {
      let server = try makeServer(node)
      worker = server.worker
      let client = try server.connect()
      client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      try server.settle()
      client.close()
      try server.settle()
      server.worker.stop()
    }
    #expect(worker == nil)
  }
}
