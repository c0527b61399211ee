import TestSupport
import Testing

@testable import EdgeProxy

@Suite("A client of HTTP/2 that takes nothing")
struct StalledClientTests {
  @Test func `gets no more time by asking for more`() throws {
    let files = try TemporaryDirectory()
    try files.write("large", [UInt8](repeating: 7, count: 1_000_000))
    let server = try InProcessServer(
      """
      routes: [{ host: a.test, files: "\(files.path)" }]
      timeouts: { send: 10s }
      """)
    let client = try server.connect(.http2, room: 4096)
    client.send(HTTP2Frames.greeting + HTTP2Frames.request(1, "GET", "/large"))
    try server.settle()
    try server.advance(by: .seconds(6))
    client.send(HTTP2Frames.request(3, "GET", "/large"))
    try server.settle()
    #expect(server.worker.connections.count == 1)
    try server.advance(by: .seconds(6))
    #expect(server.worker.connections.isEmpty)
    client.close()
    try server.settle()
    #expect(server.remains == [])
  }
}
