import Glibc
import Testing

@testable import EventLoop

@Suite("A bare connect")
final class BareConnectTests {
  private let clock = ManualClock()
  private let loop: EventLoop
  private var outcomes: [BareConnect.Outcome] = []

  init() throws { loop = try EventLoop(clock: clock) }

  private func start(_ address: SocketAddress) -> BareConnect {
    let connect = BareConnect(on: loop) { [unowned self] in outcomes.append($1) }
    connect.start(address, within: .seconds(1))
    return connect
  }

  private func turn() throws {
    for _ in 0..<10 { try loop.turn(mayWait: false) }
  }

  /// The address of a listener that is gone.
  private func abandoned() throws -> SocketAddress {
    try Listener().address
  }

  @Test func `somebody who listens is told of, once`() throws {
    let listener = try Listener()
    _ = start(listener.address)
    #expect(outcomes.isEmpty)
    try turn()
    clock.advance(by: .seconds(2))
    try turn()
    #expect(outcomes == [.connected])
    withExtendedLifetime(listener) {}
  }

  @Test func `a refusal is told with its error number`() throws {
    _ = start(try abandoned())
    try turn()
    #expect(outcomes == [.failed(ECONNREFUSED)])
  }

  @Test func `a failure at once is told by the loop, not by start`() throws {
    _ = start(try #require(SocketAddress("unix:/nowhere/app.sock")))
    #expect(outcomes.isEmpty)
    try turn()
    #expect(outcomes == [.failed(ENOENT)])
  }

  @Test func `silence is told when the time is over`() throws {
    let listener = try Listener(backlog: 0)
    // What a full queue does not take gets no answer.
    let full = [
      try Socket.connect(listener.address, speaksFirst: false).release(),
      try Socket.connect(listener.address, speaksFirst: false).release(),
    ]
    defer { for raw in full { close(raw) } }
    _ = start(listener.address)
    try turn()
    clock.advance(by: .milliseconds(999))
    try turn()
    #expect(outcomes.isEmpty)
    clock.advance(by: .milliseconds(2))
    try turn()
    #expect(outcomes == [.timedOut])
    withExtendedLifetime(listener) {}
  }

  @Test(arguments: [true, false])
  func `nothing is told after it was cancelled`(exists: Bool) throws {
    let listener = try Listener()
    start(exists ? listener.address : try #require(SocketAddress("unix:/nowhere/app.sock")))
      .cancel()
    try turn()
    clock.advance(by: .seconds(2))
    try turn()
    #expect(outcomes.isEmpty)
    withExtendedLifetime(listener) {}
  }
}

/// A socket that listens on loopback, where no other test has one, until the object goes.
private final class Listener {
  let address: SocketAddress
  private let descriptor: FileDescriptor

  init(backlog: Int32 = 16) throws {
    let anywhere = try #require(SocketAddress(ip: "127.77.0.2", port: 0))
    descriptor = try Socket.listen(anywhere, reusePort: false, backlog: backlog)
    address = try #require(Socket.localAddress(descriptor.raw))
  }
}
