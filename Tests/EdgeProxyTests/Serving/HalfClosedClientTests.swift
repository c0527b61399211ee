import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy

/// A client that ends its side of the connection while it waits for its answer.
///
/// It has nothing more to say, and is answered (RFC 8446 §6.1). One that is gone shows by a reset.
@Suite("A client that ends its side")
struct HalfClosedClientTests {
  /// Where a request is when its client ends its side.
  enum Place: CaseIterable { case atANode, held, queued }

  private func application() throws -> ScriptedApplication {
    try ScriptedApplication(node: "cores: 1", upstream: "hold: 10s")
  }

  @Test(arguments: Place.allCases, ["GET", "POST"])
  func `still gets its answer, wherever the request waits`(place: Place, method: String) throws {
    let app = try application()
    var others: [WireClient] = []
    if place == .held { app.nodes[0].stop() }
    if place == .queued { others = [try app.ask("GET", "/a"), try app.ask("GET", "/b")] }
    let client = try app.ask(method, "/order", body: method == "POST" ? "x" : nil)
    client.endSending()
    try app.server.settle()
    if place == .held {
      try app.nodes[0].comeBack()
      try app.server.advance(by: .milliseconds(110))
    }
    let answer = try app.serve(client) { $0.call.answer() }
    #expect(answer.status == 200)
    #expect(answer["Connection"] == "close")
    try app.server.settle()
    #expect(client.hear().isEmpty && client.isEnded)
    for other in others { other.close() }
  }

  @Test func `gets the answers to all that it has asked, in order`() throws {
    let app = try application()
    let client = try app.server.connect()
    let paths = ["/1", "/2", "/3"]
    client.send(paths.map { "GET \($0) HTTP/1.1\r\nHost: a.test\r\n\r\n" }.joined())
    client.endSending()
    try app.server.settle()
    for path in paths {
      let asked = try #require(try app.asking())
      #expect(asked.path == path)
      asked.call.answer(path)
      try app.server.settle()
      let answer = try #require(client.answer())
      #expect(answer.body == path)
      #expect((answer["Connection"] == "close") == (path == "/3"))
    }
    #expect(client.hear().isEmpty && client.isEnded)
    #expect(app.server.remains == [])
  }

  @Test(arguments: ["GET /half HTTP/1.1\r\nHo", "POST /half HTTP/1.1\r\nContent-Length: 9\r\n"])
  func `gets none to what it has only begun to ask`(half: String) throws {
    let app = try application()
    let client = try app.ask("GET", "/whole")
    client.send(half)
    client.endSending()
    try app.server.settle()
    try #require(try app.asking()).call.answer()
    try app.server.settle()
    #expect(client.answer()?.status == 200)
    #expect(client.hear().isEmpty && client.isEnded)
    #expect(try app.asked().isEmpty && app.server.remains == [])
  }

  @Test func `does not keep the loop busy while it waits`() throws {
    let app = try application()
    let client = try app.ask()
    client.endSending()
    var turns = 0
    while try app.server.turn() { turns += 1 }
    #expect(turns <= 2)
    #expect(try !app.server.turn())
  }

  @Test func `before its upgrade is agreed to has its end passed on to the node`() throws {
    let app = try application()
    let client = try app.ask(
      "GET", "/chat",
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
    client.send("last words")
    client.endSending()
    try app.server.settle()
    let call = try #require(try app.asking()).call
    call.say("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    try app.server.settle()
    #expect(text(call.heard().span) == "last words" && call.isEnded)
    call.say("farewell")
    call.end()
    try app.server.settle()
    let answer = try #require(client.answer())
    #expect(answer.status == 101 && answer.body == "farewell" && client.isEnded)
  }

  @Test(arguments: Place.allCases)
  func `one that is gone is not worked for`(place: Place) throws {
    let app = try application()
    var others: [WireClient] = []
    if place == .held { app.nodes[0].stop() }
    if place == .queued { others = [try app.ask("GET", "/a"), try app.ask("GET", "/b")] }
    let client = try app.ask("GET", "/page")
    let working = try app.asked()
    client.close()
    try app.server.settle()
    let line = try #require(try app.server.accessLines().first)
    #expect(line["status"] == "499" && line.cause == "client-gone")
    if place == .atANode { #expect(working[0].call.isEnded) }
    if place == .held { try app.nodes[0].comeBack() }
    for each in working { each.call.answer() }
    try app.server.advance(by: .seconds(1))
    #expect(try app.asked().isEmpty)
    for other in others { other.close() }
    try app.server.settle()
    #expect(app.server.remains == [])
  }
}
