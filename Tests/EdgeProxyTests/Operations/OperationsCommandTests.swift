import Testing

@testable import EdgeProxy

@Suite("Commands about nodes and sites")
struct OperationsCommandTests {
  @Test func `are read with all that they may say`() throws {
    let disable = try #require(
      OperationsCommand(
        path: "/node/disable", query: "address=10.0.0.5:3031&reason=disk%20swap&here=1"))
    #expect(disable.subject == "10.0.0.5:3031" && disable.state == .disabled)
    #expect(disable.reason == "disk swap" && disable.isOwn && !disable.isOfHosts)
    let pause = try #require(
      OperationsCommand(path: "/maintenance/pause", query: "host=*.a.test&for=600"))
    #expect(pause.subject == "*.a.test" && pause.state == .paused && pause.seconds == 600)
    #expect(pause.isOfHosts && !pause.isOwn)
    for (path, state) in [
      ("/node/drain", Order.State.draining), ("/maintenance/on", .maintenance),
    ] {
      let query = path.hasPrefix("/node") ? "address=a" : "host=a"
      #expect(try #require(OperationsCommand(path: path, query: query)).state == state)
    }
    for path in ["/node/enable", "/maintenance/off"] {
      let query = path.hasPrefix("/node") ? "address=a" : "host=a"
      #expect(try #require(OperationsCommand(path: path, query: query)).state == nil)
    }
  }

  @Test(arguments: [
    ("/node/disable", ""), ("/node/disable", "address="), ("/node/disable", "host=a"),
    ("/node/disable", "address=a&for=10"), ("/node/disable", "address=a&address=b"),
    ("/node/disable", "address=a&reson=x"), ("/node/disable", "address=%1B"),
    ("/node/enable", "address=a&reason=x"), ("/maintenance/off", "host=a&for=10"),
    ("/maintenance/on", "host=a&for=0"), ("/maintenance/on", "host=a&for=604801"),
    ("/maintenance/on", "host=a&for=-1"), ("/maintenance/on", "host=a&here=yes"),
    ("/maintenance/on", "host=a&reason=%0A"), ("/maintenance", "host=a"), ("/node", "address=a"),
    ("/maintenance/on", "host"),
  ])
  func `that say something else are none`(_ path: String, _ query: String) {
    #expect(OperationsCommand(path: path, query: query) == nil)
  }
}
