import TestSupport
import Testing

@testable import EdgeProxy

/// A request of HTTP/2 has one answer, whatever still comes of it (RFC 9113 §8.1).
@Suite("One answer for each stream")
struct AnswerOnceTests {
  private let files: TemporaryDirectory
  private let answers = HTTP2Answers()

  init() throws {
    files = try TemporaryDirectory()
    try files.write("large", [UInt8](repeating: 7, count: 2_000_000))
  }

  private func makeServer() throws -> InProcessServer {
    try InProcessServer(
      """
      routes: [{ host: a.test, files: "\(files.path)", body_max: 64KiB }]
      """)
  }

  /// Sends all at once and reads until nothing more comes; the heads on stream 1.
  private func statuses(_ frames: [UInt8]) throws -> [Int] {
    let server = try makeServer()
    let client = try server.connect(.http2, room: 4_000_000)
    answers.sentSettings(tableSize: nil)
    answers.asked(1)
    let window = HTTP2Frames.number(0x7fff_0000)
    client.send(
      HTTP2Frames.preface + HTTP2Frames.frame(4, 0, 0, [0, 4] + window)
        + HTTP2Frames.frame(8, 0, 0, window) + frames)
    var statuses: [Int] = []
    for _ in 0..<100 where !answers.isEnded(1) && answers.complaint == nil {
      try server.settle()
      answers.receive(client.read()) { event in
        if case .head(1, let status, _, _) = event { statuses.append(status) }
      }
    }
    #expect(answers.isEnded(1))
    return statuses
  }

  @Test func `a body that ends while its file is being sent begins no second answer`() throws {
    let asked = HTTP2Frames.request(1, "GET", "/large", ended: false)
    #expect(try statuses(asked + HTTP2Frames.data(1, "x")) == [200])
    #expect(answers.complaint == nil)
  }

  @Test func `nor do trailers`() throws {
    let asked = HTTP2Frames.request(1, "GET", "/large", ended: false)
    let trailers = HTTP2Frames.frame(1, 5, 1, HTTP2Frames.block([("x-checksum", "1")]))
    #expect(try statuses(asked + trailers) == [200])
    #expect(answers.complaint == nil)
  }

  @Test func `nor does a body that grows too large`() throws {
    let asked = HTTP2Frames.request(1, "GET", "/large", ended: false)
    let body = (0..<40).flatMap { _ in
      HTTP2Frames.frame(0, 0, 1, [UInt8](repeating: 7, count: 16_384))
    }
    #expect(try statuses(asked + body + HTTP2Frames.data(1, "x")) == [200])
    #expect(answers.complaint == nil)
  }
}
