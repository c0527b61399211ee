import TestSupport
import Testing

@testable import EdgeProxy

/// An answer of unknown length whose last byte closes its client's window: only the mark of the end
/// is left, which the library does not send while the window is closed.
@Suite("An end that waits for the client's window")
struct ClosedWindowTests {
  private let node: ScriptedNode
  private let server: InProcessServer
  private let client: WireClient
  private let answers = HTTP2Answers()

  init() throws {
    node = try ScriptedNode()
    server = try InProcessServer(
      """
      upstreams: { app: { nodes: ["\(node.address)"] } }
      routes: [{ host: a.test, upstream: app }]
      timeouts: { send: 10s }
      """)
    client = try server.connect(.http2)
    answers.sentSettings(tableSize: nil)
    answers.asked(1)
    let window = HTTP2Frames.frame(4, 0, 0, [0, 4] + HTTP2Frames.number(100))
    client.send(HTTP2Frames.preface + window + HTTP2Frames.request(1))
    try server.settle()
    let call = try #require(try node.accept())
    let body = String(repeating: "x", count: 100)
    call.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n\(body)\r\n0\r\n\r\n")
  }

  @Test func `keeps no worker busy and goes out when the window opens`() throws {
    try server.settle()
    client.send(HTTP2Frames.frame(8, 0, 1, HTTP2Frames.number(1)))
    try server.settle()
    answers.receive(client.read()) { _ in }
    #expect(answers.isEnded(1))
    #expect(answers.complaint == nil)
  }

  @Test func `is given up when the window stays closed for the time to send`() throws {
    try server.settle()
    try server.advance(by: .seconds(11))
    var code: UInt32?
    answers.receive(client.read()) { if case .reset(1, let reason) = $0 { code = reason } }
    #expect(code == 8)
  }
}
