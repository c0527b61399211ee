import EventLoop
import Testing

@testable import EdgeProxy

/// A client that ends its side of the connection while it waits for its answer.
///
/// Some mean that they are gone, some have only nothing more to say.
@Suite("A client that ends its side")
struct HalfClosedClientTests {
  /// Where a request is when its client ends its side.
  enum Place: CaseIterable { case atANode, held, queued }

  private func application() throws -> ScriptedApplication {
    try ScriptedApplication(node: "cores: 1", upstream: "hold: 10s")
  }

  @Test(arguments: Place.allCases)
  func `still gets the answer to a POST, wherever it waits`(place: Place) throws {
    let app = try application()
    var others: [WireClient] = []
    if place == .held { app.nodes[0].stop() }
    if place == .queued { others = [try app.ask("GET", "/a"), try app.ask("GET", "/b")] }
    let client = try app.ask("POST", "/order", body: "x")
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

  @Test(arguments: Place.allCases)
  func `is taken for gone when it only wanted to read`(place: Place) throws {
    let app = try application()
    var others: [WireClient] = []
    if place == .held { app.nodes[0].stop() }
    if place == .queued { others = [try app.ask("GET", "/a"), try app.ask("GET", "/b")] }
    let client = try app.ask("GET", "/page")
    let working = try app.asked()
    client.endSending()
    try app.server.settle()
    #expect(client.hear().isEmpty && client.isEnded)
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
