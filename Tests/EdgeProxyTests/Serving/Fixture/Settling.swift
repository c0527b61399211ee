import EventLoop
import Glibc
import Testing

@testable import EdgeProxy

extension InProcessServer {
  /// Turns until something is so that comes at the kernel's pace, as over TCP.
  func settle(
    until isSo: () throws -> Bool, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let clock = SystemClock()
    let patience = clock.now + .seconds(20)
    while clock.now < patience {
      try settle()
      if try isSo() { return }
      sched_yield()
    }
    Issue.record("it never came to that", sourceLocation: location)
    throw NeverSettles()
  }

  /// Waits until a client has heard this text from the server, and nothing else.
  func settle(
    until client: WireClient, hears words: String, _ location: SourceLocation = #_sourceLocation
  ) throws {
    var heard = ""
    try settle(
      until: {
        heard += client.hear()
        return heard.utf8.count >= words.utf8.count || client.isEnded
      }, location)
    #expect(heard == words, sourceLocation: location)
  }

  /// Waits until a node has heard this text on a connection, and nothing else.
  func settle(
    until call: ScriptedNode.Call, hears words: String,
    _ location: SourceLocation = #_sourceLocation
  ) throws {
    var heard: [UInt8] = []
    try settle(
      until: {
        heard += call.heard()
        return heard.count >= words.utf8.count
      }, location)
    #expect(String(decoding: heard, as: UTF8.self) == words, sourceLocation: location)
  }

  /// Waits for a call at a node.
  func settle(
    untilCalled node: ScriptedNode, _ location: SourceLocation = #_sourceLocation
  ) throws -> ScriptedNode.Call {
    var call: ScriptedNode.Call?
    try settle(
      until: {
        call = try node.accept()
        return call != nil
      }, location)
    return try #require(call, sourceLocation: location)
  }
}
