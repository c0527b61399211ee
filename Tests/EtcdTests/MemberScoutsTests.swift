import EventLoop
import Testing

@testable import Etcd

@Suite("Members that can be reached again")
struct MemberScoutsTests {
  /// Where no other test has a socket.
  private static let host = "127.77.0.1"

  /// A port at which nobody listens.
  private func freePort() throws -> UInt16 {
    let listener = try listen(0)
    let port = Socket.localAddress(listener.raw)?.port
    _ = consume listener
    return try #require(port)
  }

  private func listen(_ port: UInt16) throws -> FileDescriptor {
    try Socket.listen(#require(SocketAddress(ip: Self.host, port: port)), reusePort: false)
  }

  private func endpoint(_ port: UInt16) throws -> Endpoint {
    try #require(Endpoint("http://\(Self.host):\(port)"))
  }

  /// Lets the loop turn until `condition` holds.
  private func run(_ loop: EventLoop, until condition: () -> Bool) throws {
    while !condition() { try loop.turn(mayWait: true) }
  }

  @Test func `one that refused and now accepts is told, once`() throws {
    let loop = try EventLoop()
    let port = try freePort()
    var found: [Int] = []
    let scouts = MemberScouts([try endpoint(port)], on: loop) { found.append($0) }
    scouts.start()
    try run(loop) { scouts.lost == [0] }
    #expect(found.isEmpty)
    let listener = try listen(port)
    try run(loop) { !found.isEmpty }
    #expect(found == [0] && scouts.lost.isEmpty)
    scouts.stop()
    _ = consume listener
  }

  @Test func `one that was there all the time is not told`() throws {
    let loop = try EventLoop()
    let listener = try listen(0)
    let there = try #require(Socket.localAddress(listener.raw)?.port)
    let away = try freePort()
    var found: [Int] = []
    let scouts = MemberScouts([try endpoint(there), try endpoint(away)], on: loop) {
      found.append($0)
    }
    scouts.start()
    try run(loop) { scouts.lost == [1] }
    let second = try listen(away)
    try run(loop) { !found.isEmpty }
    #expect(found == [1])
    scouts.stop()
    _ = consume listener
    _ = consume second
  }

  @Test func `a member is current when there is reason to think that it works`() throws {
    var endpoints = Endpoints([try endpoint(1), try endpoint(2), try endpoint(3)])
    // Whether all have failed in a row.
    var pauses = [endpoints.failed()]
    endpoints.turn(to: 0)
    #expect(endpoints.current == (try endpoint(1)))
    for _ in 0..<3 { pauses.append(endpoints.failed()) }
    #expect(pauses == [false, false, false, true], "the count begins anew with the turn")
    let before = endpoints.current
    endpoints.turn(to: 3)
    #expect(endpoints.current == before, "there is no such member")
  }
}
