import TestSupport
import Testing

@testable import EdgeProxy

/// An application over uwsgi is no hop of HTTP/1.1: its `Transfer-Encoding: chunked` says nothing.
@Suite("An application over uwsgi that says chunked")
struct WordOfChunksTests {
  private static let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"

  /// What a client of HTTP/1.0 gets, which ends with the connection.
  private func answer(
    _ head: String, _ pieces: [String], speaks: String = "uwsgi", method: String = "GET"
  ) throws -> String {
    let application = try ScriptedApplication(speaks: speaks)
    let client = try application.server.connect()
    client.send("\(method) / HTTP/1.0\r\nHost: a.test\r\n\r\n")
    try application.server.settle()
    let call = try #require(try application.nodes[0].accept())
    _ = call.heard()
    call.say(head + "\r\n")
    for piece in pieces {
      call.say(piece)
      try application.server.settle()
    }
    call.end()
    try application.server.settle()
    return text(client.read().span)
  }

  private func body(_ answer: String) -> Substring {
    answer.split(separator: "\r\n\r\n", maxSplits: 1).dropFirst().first ?? ""
  }

  @Test(
    arguments: [
      (["hello"], "hello"), (["face", "book"], "facebook"), (["5", "\r", "x"], "5\rx"), ([], ""),
      (["5"], "5"), (["{\"a\":1}\r\n"], "{\"a\":1}\r\n"),
      // What has chunks all the same is taken apart.
      (["5\r\nhello\r\n0\r\n\r\n"], "hello"),
      (["5", "\r\n", "hello\r\n", "0\r\n", "\r\n"], "hello"),
    ] as [([String], String)])
  func `loses nothing of its body`(pieces: [String], body: String) throws {
    let answer = try answer(Self.chunked, pieces)
    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(!answer.lowercased().contains("transfer-encoding"))
    #expect(self.body(answer) == body)
  }

  @Test func `and how long its body is has its length`() throws {
    let answer = try answer(Self.chunked + "Content-Length: 5\r\n", ["hello", "rest"])
    #expect(answer.contains("\r\nContent-Length: 5\r\n"))
    #expect(body(answer) == "hello")
  }

  @Test func `and is asked by HEAD has no body`() throws {
    let answer = try answer(Self.chunked, ["5\r\nhello"], method: "HEAD")
    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n") && body(answer) == "")
  }

  @Test func `over HTTP says how its body is framed`() throws {
    let answer = try answer(Self.chunked, ["hello"], speaks: "http")
    #expect(!answer.contains("hello"))
    let both = try self.answer(Self.chunked + "Content-Length: 5\r\n", ["hello"], speaks: "http")
    #expect(both.hasPrefix("HTTP/1.1 502 "))
  }
}
