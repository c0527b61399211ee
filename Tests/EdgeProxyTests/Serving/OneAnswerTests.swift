import TestSupport
import Testing

@testable import EdgeProxy

/// An answer may begin before its request is whole.
///
/// Nothing that comes of the request then, in whatever order, may begin another.
@Suite("One answer for each request")
struct OneAnswerTests {
  private let directory: TemporaryDirectory
  private let server: InProcessServer

  init() throws {
    directory = try TemporaryDirectory()
    try directory.write("large", String(repeating: "0123456789abcdef", count: 400_000))
    server = try InProcessServer(
      """
      routes:
        - { host: a.test, path: /f/, files: { directory: \(directory.path) } }
        - { host: a.test, path: /r, respond: { body: ok } }
      limits: { streams: 100 }
      """)
  }

  /// What comes of a request whose answer is under way.
  enum Rest: CaseIterable {
    case end, bodyAndEnd, trailers, tooLarge, silence, reset

    var frames: [[UInt8]] {
      switch self {
      case .end: [HTTP2Frames.data(1, "")]
      case .bodyAndEnd: [HTTP2Frames.data(1, "x", ended: false), HTTP2Frames.data(1, "y")]
      case .trailers: [HTTP2Frames.frame(1, 5, 1, HTTP2Frames.block([("x", "y")]))]
      case .tooLarge:
        (0..<60).map { _ in HTTP2Frames.frame(0, 0, 1, .init(repeating: 1, count: 16_384)) }
      case .silence: []
      case .reset: [HTTP2Frames.frame(3, 0, 1, HTTP2Frames.number(8))]
      }
    }
  }

  @Test(arguments: Rest.allCases)
  func `the rest of a request comes while a file is being sent`(rest: Rest) throws {
    let client = try server.connect(.http2)
    client.send(HTTP2Frames.greeting + HTTP2Frames.request(1, "GET", "/f/large", ended: false))
    try server.settle()
    var received = client.read()
    for frame in rest.frames {
      client.send(frame)
      try server.settle()
      received += client.read()
    }
    try server.advance(by: .seconds(40))
    received += client.read()
    let frames = try #require(HTTP2Frame.read(received)).filter { $0.stream == 1 }
    #expect(frames.filter { $0.type == 1 }.count == 1)
    let body = frames.filter { $0.type == 0 }.reduce(0) { $0 + $1.payload.count }
    #expect(body > 0 && body < 6_400_000)
    client.close()
    try server.settle()
    #expect(server.remains == [])
  }

  @Test(arguments: Rest.allCases)
  func `the rest of a request comes after an answer of our own`(rest: Rest) throws {
    let client = try server.connect(.http2)
    // The other stream keeps the connection busy.
    client.send(
      HTTP2Frames.greeting + HTTP2Frames.request(3, "GET", "/f/large")
        + HTTP2Frames.request(5, "POST", "/none", ended: false))
    for frame in rest.frames { client.send(frame.replacingStream(with: 5)) }
    try server.settle()
    let frames = try #require(HTTP2Frame.read(client.read())).filter { $0.stream == 5 }
    #expect(frames.filter { $0.type == 1 }.count == 1)
    client.close()
    try server.settle()
    #expect(server.remains == [])
  }
}

extension [UInt8] {
  /// The frame on another stream.
  fileprivate func replacingStream(with stream: UInt32) -> [UInt8] {
    Array(prefix(5)) + HTTP2Frames.number(stream) + Array(dropFirst(9))
  }
}
