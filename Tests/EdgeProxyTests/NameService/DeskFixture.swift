import DNSCore
import EventLoop
import Glibc
import Logging
import Testing

@testable import EdgeProxy

/// A desk with one address over UDP and TCP, on a loop whose clock the test moves.
final class DeskFixture {
  let clock = ManualClock()
  let loop: EventLoop
  let desk: ZoneDesk
  let log = KeptLog()
  /// Where it is asked, over both.
  let address: SocketAddress

  var counts: NameServiceCounts { desk.counts }

  init(answersPerSecond: Int? = nil, texts: [String: [[UInt8]]] = [:]) throws {
    loop = try EventLoop(clock: clock)
    desk = ZoneDesk(
      ZoneAnswers(try .fixture(texts: texts)), answersPerSecond: answersPerSecond, on: loop,
      logger: log.logger)
    let datagrams = try Datagram.bind(try Loopback.any(), bufferBytes: QuestionPort.bufferBytes)
    address = try #require(Socket.localAddress(datagrams.raw))
    let listener = try Socket.listen(
      address, reusePort: false, backlog: QuestionListener.backlog)
    try desk.open(datagrams, address, .udp)
    try desk.open(listener, address, .tcp)
  }

  deinit { desk.close() }

  func settle() throws {
    while try loop.turn(mayWait: false) {}
  }

  /// Turns until something is so that comes at the kernel's pace.
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
    throw NeverSettled()
  }

  /// Connects and waits until the desk has the connection, or has refused it.
  func connect(from host: String = "127.0.0.1", receiveBytes: Int32? = nil) throws -> WireClient {
    let before = counts.accepted.now
    let client = try Loopback.connect(to: address, from: host, receiveBytes: receiveBytes)
    try settle(until: { counts.accepted.now > before })
    return client
  }

  /// The next answers over a connection.
  func answers(
    _ count: Int, to client: WireClient, _ location: SourceLocation = #_sourceLocation
  ) throws -> [DNSMessage] {
    var bytes: [UInt8] = []
    var messages: [DNSMessage] = []
    try settle(
      until: {
        client.push()
        bytes += client.read()
        messages += try Question.messages(&bytes)
        return messages.count >= count || client.isEnded
      }, location)
    #expect(bytes.isEmpty, sourceLocation: location)
    return messages
  }

  /// Waits until the server has ended a connection, which says nothing more.
  func settle(
    untilEnded client: WireClient, _ location: SourceLocation = #_sourceLocation
  ) throws {
    var heard: [UInt8] = []
    try settle(
      until: {
        heard += client.read()
        return client.isEnded
      }, location)
    #expect(heard.isEmpty, sourceLocation: location)
  }
}
