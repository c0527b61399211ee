import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy

/// A worker that refuses new work and finishes the old.
@Suite("Drain")
struct DrainTests {
  private let app: ScriptedApplication

  init() throws { app = try ScriptedApplication() }

  @Test func `a request under way is answered, and told that it was the last`() throws {
    let client = try app.ask()
    app.server.worker.drain {}
    try #require(try app.asking()).call.answer()
    try app.server.settle()
    let answer = try #require(client.answer())
    #expect(answer.status == 200 && answer["Connection"] == "close")
    #expect(client.hear().isEmpty && client.isEnded)
  }

  @Test func `one that was on its way to an idle connection is answered as well`() throws {
    let client = try app.server.connect()
    try app.server.settle()
    app.server.worker.drain {}
    try app.server.advance(by: .milliseconds(900))
    try app.ask(client)
    try #require(try app.asking()).call.answer()
    try app.server.settle()
    #expect(client.answer()?["Connection"] == "close")
    #expect(client.hear().isEmpty && client.isEnded)
  }

  @Test func `an idle connection is closed after a second`() throws {
    let client = try app.server.connect()
    try app.server.settle()
    app.server.worker.drain {}
    try app.server.advance(by: .milliseconds(990))
    _ = client.hear()
    #expect(!client.isEnded)
    try app.server.advance(by: .milliseconds(20))
    #expect(client.hear().isEmpty && client.isEnded)
  }

  @Test func `an HTTP/2 client is told twice, and its streams are answered`() throws {
    let client = try app.server.connect(.http2)
    client.send(HTTP2Frames.greeting + HTTP2Frames.request(1))
    try app.server.settle()
    let first = try #require(try app.asking())
    app.server.worker.drain {}
    try app.server.settle()
    // What crosses the first word is taken.
    client.send(HTTP2Frames.request(3))
    try app.server.settle()
    let second = try #require(try app.asking())
    try app.server.advance(by: .milliseconds(1010))
    client.send(HTTP2Frames.request(5))
    try app.server.settle()
    #expect(try app.asked().isEmpty)
    for each in [first, second] { each.call.answer() }
    try app.server.settle()
    let frames = try #require(HTTP2Frame.read(client.read()))
    let told = frames.filter { $0.type == 7 }
    #expect(told.map { Array($0.payload.prefix(4)) } == [[0x7f, 255, 255, 255], [0, 0, 0, 3]])
    #expect(told.allSatisfy { $0.code == 0 })
    #expect(frames.filter { $0.type == 1 }.map(\.stream) == [1, 3])
    #expect(client.isEnded)
  }

  @Test func `it is over when the last connection is gone`() throws {
    let client = try app.ask()
    let drained = Flag()
    app.server.worker.drain { drained.raise() }
    #expect(!drained.isRaised)
    try #require(try app.asking()).call.answer()
    try app.server.settle()
    _ = client.hear()
    client.close()
    try app.server.settle()
    #expect(drained.isRaised)
  }

  @Test func `what is left at its end is cut`() throws {
    let client = try app.ask()
    let call = try #require(try app.asking()).call
    let drained = Flag()
    app.server.worker.drain { drained.raise() }
    app.server.worker.cutAll()
    try app.server.settle()
    #expect(drained.isRaised && call.isEnded)
    #expect(client.hear().isEmpty && client.isEnded)
    #expect(app.server.remains == [])
  }
}
