import EventLoop
import Testing

@testable import Configuration
@testable import EdgeProxy

private final class Borrower: NodeConnectionOwner {
  func nodeReady(_ connection: NodeConnection, _ events: Readiness) {}
}

/// The node's end of a connection; it stays open while a test holds it.
private final class NodeEnd {
  let descriptor: FileDescriptor
  var raw: Int32 { descriptor.raw }
  init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

  /// Whether the proxy has closed its end.
  var isEnded: Bool {
    var byte: [UInt8] = [0]
    var space = byte.mutableSpan
    return Descriptor.read(raw, into: &space) == .closed
  }
}

@Suite("Kept connections to a node")
final class NodePoolTests {
  private let clock = ManualClock()
  private let loop: EventLoop
  private let listener: FileDescriptor
  private let address: SocketAddress
  private let borrower = Borrower()

  init() throws {
    loop = try EventLoop(clock: clock)
    // Over TCP the node would see the connection only with its first request.
    let name = "unix:@edgeproxy-pool-\(UInt64.random(in: 0 ... .max))"
    address = try #require(SocketAddress(name))
    listener = try Socket.listen(address, reusePort: false)
  }

  private func makePool(connections: Int = 2, idle: Duration = .seconds(60)) -> NodePool {
    NodePool(loop: loop, settings: KeepAliveSettings(connections: connections, idle: idle))
  }

  /// A connection as after an answer, and the node's end of it.
  private func connect() throws -> (NodeConnection, NodeEnd) {
    let connection = NodeConnection(loop: loop)
    connection.owner = borrower
    try connection.open(address)
    try connection.watch(sending: false)
    guard let accepted = try Socket.accept(listener.raw) else { throw SystemError("accept4") }
    return (connection, NodeEnd(accepted))
  }

  private func turn(after span: Duration = .zero) throws {
    clock.advance(by: span)
    try loop.turn(mayWait: false)
  }

  @Test func `the connection used last is lent first`() throws {
    let pool = makePool()
    let (one, first) = try connect()
    let (other, second) = try connect()
    #expect(!one.isReused && pool.keep(one) && pool.keep(other))
    let lent = [pool.take(isRepeatable: true), pool.take(isRepeatable: true)]
    #expect(lent[0] === other && lent[1] === one && one.isReused)
    #expect(pool.take(isRepeatable: true) == nil && !first.isEnded && !second.isEnded)
  }

  @Test func `no more are kept than there is room for`() throws {
    let pool = makePool(connections: 1)
    let (one, first) = try connect()
    let (other, second) = try connect()
    #expect(pool.keep(one) && !pool.keep(other))
    #expect(pool.count == 1 && !first.isEnded && !second.isEnded)
  }

  @Test func `one that the node ends is dropped`() throws {
    let pool = makePool()
    let (connection, node) = try connect()
    #expect(pool.keep(connection))
    Socket.shutdownWriting(node.raw)
    try turn()
    #expect(pool.count == 0)
  }

  @Test func `one on which the node says something is dropped`() throws {
    let pool = makePool()
    let (connection, node) = try connect()
    #expect(pool.keep(connection))
    let bytes = Array("HTTP/1.1 408 Request Timeout\r\n\r\n".utf8)
    #expect(Descriptor.send(node.raw, bytes.span) == .bytes(bytes.count))
    try turn()
    #expect(pool.count == 0)
  }

  @Test func `what came since the last turn is seen when it is lent`() throws {
    let pool = makePool()
    let (sound, first) = try connect()
    let (ended, second) = try connect()
    #expect(pool.keep(sound) && pool.keep(ended))
    Socket.shutdownWriting(second.raw)
    #expect(pool.take(isRepeatable: true) === sound)
    #expect(pool.count == 0 && !first.isEnded)
  }

  @Test func `idle ones are closed in time, the oldest first`() throws {
    let pool = makePool(idle: .seconds(10))
    let (one, first) = try connect()
    let (other, second) = try connect()
    #expect(pool.keep(one))
    try turn(after: .seconds(6))
    #expect(pool.keep(other))
    try turn(after: .seconds(5))
    #expect(pool.count == 1 && first.isEnded && !second.isEnded)
    try turn(after: .seconds(6))
    #expect(pool.count == 0 && second.isEnded)
  }

  @Test func `a request sent only once gets one that was used a moment ago`() throws {
    let pool = makePool()
    let (connection, node) = try connect()
    #expect(pool.keep(connection))
    try turn(after: .milliseconds(900))
    #expect(pool.take(isRepeatable: false) === connection)
    #expect(pool.keep(connection))
    try turn(after: .milliseconds(1100))
    #expect(pool.take(isRepeatable: false) == nil)
    #expect(pool.take(isRepeatable: true) === connection)
    #expect(!node.isEnded)
  }

  @Test func `a closed pool keeps nothing`() throws {
    let pool = makePool()
    let (one, node) = try connect()
    let (other, _) = try connect()
    #expect(pool.keep(one))
    pool.close()
    #expect(pool.count == 0 && !pool.keep(other) && node.isEnded)
  }
}
