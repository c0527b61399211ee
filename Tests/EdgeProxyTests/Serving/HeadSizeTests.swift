import TestSupport
import Testing

@testable import EdgeProxy

/// Heads at the edge of the room that there is for them: each is delivered or refused, none is waited for.
@Suite("Response heads of any size")
struct HeadSizeTests {
  private let node: ScriptedNode
  private let server: InProcessServer

  init() throws {
    node = try ScriptedNode()
    server = try InProcessServer(
      """
      upstreams: { app: { protocol: http, nodes: ["\(node.address)"] } }
      routes: [{ host: a.test, upstream: app, compress: on }]
      compress: { minimum: 0B }
      """)
  }

  enum Shape: CaseIterable { case oneLine, manyLines, emptyTags, interims }

  /// A head of exactly `count` bytes.
  private func head(_ shape: Shape, _ count: Int, framing: String) -> String {
    let start = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\(framing)"
    var text = start
    var lines = 0
    switch shape {
    case .oneLine, .interims: break
    case .manyLines:
      while text.utf8.count + 500 < count, lines < 237 {
        text += "X: \(String(repeating: "x", count: 300))\r\n"
        lines += 1
      }
    case .emptyTags: for _ in 0..<230 { text += "ETag: \"\"\r\n" }
    }
    let rest = count - text.utf8.count - "Y: \r\n\r\n".utf8.count
    return text + "Y: \(String(repeating: "y", count: max(0, rest)))\r\n\r\n"
  }

  private func ask(_ speaking: InProcessServer.Speaking) throws -> WireClient {
    let client = try server.connect(speaking)
    if speaking == .http1 {
      client.send("GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n")
    } else {
      client.send(
        HTTP2Frames.greeting + HTTP2Frames.request(1, "GET", "/", [("accept-encoding", "gzip")]))
    }
    try server.settle()
    return client
  }

  @Test(arguments: Shape.allCases, [InProcessServer.Speaking.http1, .http2])
  func `a head is delivered or refused`(shape: Shape, speaking: InProcessServer.Speaking) throws {
    for framing in ["Content-Length: 2\r\n", "Transfer-Encoding: chunked\r\n"] {
      for count in [60_000, 64_500, 64_990] + Array(stride(from: 65_000, to: 65_560, by: 61)) + [
        70_000
      ] {
        let client = try ask(speaking)
        let call = try #require(try node.accept())
        if shape == .interims { call.say("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n") }
        let body = framing.hasPrefix("C") ? "ok" : "2\r\nok\r\n0\r\n\r\n"
        var rest = Array((head(shape, count, framing: framing) + body).utf8)[...]
        var received: [UInt8] = []
        while !rest.isEmpty {
          guard case .bytes(let sent) = call.send(Array(rest)), sent > 0 else { break }
          rest = rest.dropFirst(sent)
          try server.settle()
          received += client.read()
        }
        try server.settle()
        received += client.read()
        #expect(!received.isEmpty, "nothing came of a head of \(count) bytes")
        if speaking == .http2 {
          let frames = try #require(HTTP2Frame.read(received)).filter { $0.stream == 1 }
          #expect(frames.contains { $0.flags & 1 != 0 && $0.type < 2 || $0.type == 3 }, "\(count)")
        } else {
          #expect(
            text(received.span).contains("HTTP/1.1 200 ")
              || text(received.span).contains("HTTP/1.1 502 "))
        }
        client.close()
        call.end()
        try server.settle()
      }
    }
    #expect(server.remains == [])
  }
}
