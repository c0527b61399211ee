import EventLoop
import Glibc
import HTTPCore
import TLS
import TestSupport
import Testing

@testable import Configuration
@testable import EdgeProxy

@Suite("Pipes to instances of another server")
final class PeerSessionTests {
  private let clock = ManualClock()
  private let loop: EventLoop
  private let links: PeerLinks
  private let peer: ScriptedPeer
  private let node: NodeState
  private let owner = PipeOwner()

  init() throws {
    loop = try EventLoop(clock: clock)
    links = PeerLinks(loop: loop)
    let fleet = TestFleet()
    let (context, fingerprint) = try fleet.server("b")
    peer = try ScriptedPeer(context)
    let known = Peer(name: "b", address: peer.address, fingerprint: fingerprint)
    links.install(PeerDirectory([known], own: "a"), context: try fleet.client())
    node = NodeState(
      address: try #require(SocketAddress("unix:/run/app.sock")), server: "b", isBackup: false,
      cap: EjectionCap())
  }

  private func open() throws -> NodeConnection {
    let connection = NodeConnection(loop: loop)
    try connection.open(node, through: links)
    connection.owner = owner
    try connection.watch(sending: true)
    return connection
  }

  /// Lets both sides work until `condition` holds.
  private func work(
    until condition: () -> Bool, _ location: SourceLocation = #_sourceLocation
  ) throws {
    for _ in 0..<20_000 {
      if condition() { return }
      try loop.turn(mayWait: false)
      try peer.turn()
    }
    Issue.record("it does not come to that", sourceLocation: location)
  }

  /// Lets both sides say what they have to.
  private func settle() throws {
    for _ in 0..<50 {
      try loop.turn(mayWait: false)
      try peer.turn()
    }
  }

  private func pass(_ span: Duration) throws {
    clock.advance(by: span)
    try loop.turn(mayWait: false)
  }

  /// A pipe whose instance is connected and has been sent `words`.
  private func connected(_ words: String = "ask") throws -> (NodeConnection, Int32) {
    let connection = try open()
    try work { connection.say(octets(words)) > 0 }
    try work { peer.heard.values.contains { text($0.bytes.span) == words } }
    let id = try #require(peer.streams.last)
    peer.answer(id)
    return (connection, id)
  }

  // MARK: Bytes

  @Test func `the first bytes go with the question, before there is an answer`() throws {
    let connection = try open()
    #expect(connection.say(octets("ask")) == 0)
    try work { owner.events.contains { $0.isWritable } }
    #expect(connection.say(octets("ask")) == 3)
    try work { peer.heard[1]?.bytes.count == 3 }
    #expect(peer.heard[1]?.node == "unix:/run/app.sock")
    #expect(!connection.hasFailed)
  }

  @Test func `an answer passes whole, with its end`() throws {
    let (connection, id) = try connected()
    peer.say(id, octets("answer"), ends: true)
    var answer: [UInt8] = []
    try work {
      answer += connection.readAll()
      return connection.ended != nil
    }
    #expect(text(answer.span) == "answer")
    #expect(connection.ended == .finished)
    connection.close()
    try work { peer.heard[id]?.closed == 0 }
  }

  @Test func `the end of our side is the end of the stream`() throws {
    let (connection, id) = try connected()
    connection.endSending()
    try work { peer.heard[id]?.isEnded == true }
    peer.say(id, octets("late"), ends: true)
    try work { connection.readAll() == octets("late") }
  }

  @Test func `many bytes pass both ways, and what is not read is not sent`() throws {
    let (connection, id) = try connected()
    let total = 24 << 20
    let block = [UInt8](repeating: 7, count: 64 << 10)
    var (told, read, sent) = (0, 0, 0)
    // Nobody reads: the other side comes as far as the window, and no further.
    try work {
      told += peer.say(id, block)
      return told >= FixedLimits.pipeWindowBytes
    }
    for _ in 0..<100 {
      told += peer.say(id, block)
      try loop.turn(mayWait: false)
      try peer.turn()
    }
    #expect(told == FixedLimits.pipeWindowBytes)
    try work {
      read += connection.readAll().count
      if told < total { told += peer.say(id, Array(block.prefix(total - told))) }
      if sent < total { sent += connection.say(Array(block.prefix(total - sent))) }
      return read == total && peer.heard[id]?.bytes.count == total + 3
    }
    #expect(read == total)
    #expect(sent == total)
  }

  @Test func `a peer that takes nothing stops us before its window is overrun`() throws {
    peer.takes = false
    let (connection, id) = try connected()
    let block = [UInt8](repeating: 7, count: 64 << 10)
    var sent = 0
    for _ in 0..<200 {
      sent += connection.say(block)
      try loop.turn(mayWait: false)
      try peer.turn()
    }
    #expect(peer.heard[id]?.bytes.count == FixedLimits.pipeWindowBytes)
    #expect(sent <= FixedLimits.pipeWindowBytes + PeerStream.unsentMax)
  }

  // MARK: What could not be done

  @Test func `what comes with a refusal is not taken for bytes of the instance`() throws {
    let connection = try open()
    try work { connection.say(octets("ask")) > 0 }
    try work { peer.heard[1]?.bytes.count == 3 }
    peer.answer(1, status: 404, body: octets("HTTP/1.1 200 OK\r\n\r\n"))
    try work { connection.hasFailed }
    try settle()
    #expect(connection.readAll() == [])
    #expect(connection.ended == .reset && connection.hasReachedNobody)
  }

  @Test(arguments: [502, 403])
  func `a refusal means that nothing has come to the instance`(_ status: Int) throws {
    let connection = try open()
    try work { connection.say(octets("ask")) > 0 }
    try work { peer.heard[1]?.bytes.count == 3 }
    peer.answer(1, status: status)
    try work { connection.hasFailed }
    #expect(connection.readAll() == [])
    #expect(connection.ended == .reset)
    #expect(connection.hasReachedNobody)
    #expect(!connection.isRefusedAsBusy)
  }

  @Test func `a peer that has too much to do says nothing against the instance`() throws {
    let connection = try open()
    try work { peer.heard[1] != nil }
    peer.answer(1, status: 503)
    try work { connection.hasFailed }
    #expect(connection.hasReachedNobody)
    #expect(connection.isRefusedAsBusy)
  }

  @Test func `a refused stream has reached nobody`() throws {
    let connection = try open()
    try work { connection.say(octets("ask")) > 0 }
    try work { peer.heard[1]?.bytes.count == 3 }
    peer.reset(1, .refusedStream)
    try work { connection.hasFailed }
    #expect(connection.hasReachedNobody)
  }

  @Test func `a reset after the instance was connected may have come after the request`() throws {
    let (connection, id) = try connected()
    peer.reset(id, .cancel)
    try work { connection.hasFailed }
    _ = connection.readAll()
    #expect(connection.ended == .reset)
    #expect(!connection.hasReachedNobody)
  }

  @Test func `the session's end is a reset of what was sent and nothing to the rest`() throws {
    let (sent, _) = try connected()
    let unsent = try open()
    try work { peer.heard.count == 2 }
    peer.cut()
    try work { sent.hasFailed && unsent.hasFailed }
    #expect(!sent.hasReachedNobody)
    #expect(unsent.hasReachedNobody)
  }

  @Test func `nobody at the peer's address is a connection that could not be made`() throws {
    let fleet = TestFleet()
    let anywhere = try #require(SocketAddress(ip: "127.0.0.1", port: 0))
    let nobody = try Socket.listen(anywhere, reusePort: false)
    let address = try #require(Socket.localAddress(nobody.raw))
    _ = consume nobody
    let gone = Peer(name: "b", address: address, fingerprint: [])
    links.install(PeerDirectory([gone], own: "a"), context: try fleet.client())
    let connection = try open()
    try work { connection.hasFailed }
    #expect(connection.hasReachedNobody)
  }

  @Test func `a server that is not known cannot be reached`() throws {
    links.install(.empty, context: nil)
    #expect(throws: SystemError("peer", code: EHOSTUNREACH)) { try self.open() }
  }

  @Test func `a stranger with a certificate of the fleet is not believed`() throws {
    let fleet = TestFleet()
    let (context, _) = try fleet.server("b")
    let stranger = try ScriptedPeer(context)
    let known = Peer(
      name: "b", address: stranger.address, fingerprint: [UInt8](repeating: 1, count: 32))
    links.install(PeerDirectory([known], own: "a"), context: try fleet.client())
    let connection = try open()
    for _ in 0..<20_000 where !connection.hasFailed {
      try loop.turn(mayWait: false)
      try stranger.turn()
    }
    #expect(connection.hasFailed)
    #expect(stranger.heard.isEmpty)
  }

  // MARK: Ends

  @Test func `a pipe that is broken off is reset at the peer, and so are unread bytes forgotten`()
    throws
  {
    let (connection, id) = try connected()
    connection.reset()
    try work { peer.heard[id]?.closed != nil }
    #expect(peer.heard[id]?.closed == ErrorCode.cancel.rawValue)
  }

  @Test func `what was sent last arrives before a pipe is closed in order`() throws {
    let (connection, id) = try connected()
    #expect(connection.say([UInt8](repeating: 7, count: 50_000)) == 50_000)
    connection.close(mayReset: false)
    try work { peer.heard[id]?.closed != nil }
    #expect(peer.heard[id]?.bytes.count == 50_003)
    #expect(peer.heard[id]?.isEnded == true)
  }

  @Test func `a server that leaves serves its pipes to the end, and takes no new ones`() throws {
    let (connection, id) = try connected()
    peer.leave()
    try settle()
    peer.say(id, octets("answer"), ends: true)
    var answer: [UInt8] = []
    try work {
      answer += connection.readAll()
      return connection.ended != nil
    }
    #expect(text(answer.span) == "answer")
    connection.close()
    let next = try open()
    try work { peer.connections == 2 && peer.heard[1] != nil }
    #expect(!next.hasFailed)
  }

  @Test func `a pipe that waits in a pool is closed when its server leaves`() throws {
    let (connection, _) = try connected()
    try settle()
    let pool = NodePool(
      loop: loop, settings: KeepAliveSettings(connections: 2, idle: .seconds(60)))
    #expect(pool.keep(connection))
    peer.leave()
    try work { pool.count == 0 }
  }

  @Test func `a pipe that waited carries the next request`() throws {
    let (connection, id) = try connected()
    try settle()
    let pool = NodePool(
      loop: loop, settings: KeepAliveSettings(connections: 2, idle: .seconds(60)))
    #expect(pool.keep(connection))
    let again = try #require(pool.take(isRepeatable: true))
    again.owner = owner
    #expect(again.say(octets("more")) == 4)
    try work { peer.heard[id].map { text($0.bytes.span) } == "askmore" }
  }

  // MARK: Silence

  @Test func `a frozen peer is given up within two seconds, and its pipes fail`() throws {
    let (connection, _) = try connected()
    try settle()
    peer.isFrozen = true
    try pass(.milliseconds(510))
    #expect(!connection.hasFailed)
    try pass(.milliseconds(1010))
    #expect(connection.hasFailed)
    #expect(!connection.hasReachedNobody)
    #expect(links.counters.stalls.now == 1)
  }

  @Test func `a server that was not heard from since is asked, and tells when it answers`() throws {
    var signs = 0
    links.onSign = { signs += 1 }
    _ = try connected()
    try settle()
    let moment = loop.now
    #expect(!links.hasHeard(from: "b", since: moment))
    try pass(.milliseconds(10))
    try work { signs == 1 }
    #expect(links.hasHeard(from: "b", since: moment))
    // Once it has told, later bytes are no news.
    try pass(.milliseconds(10))
    try settle()
    #expect(signs == 1)
    #expect(!links.hasHeard(from: "c", since: moment))
  }

  @Test func `a server without a session is connected to for a sign of life`() throws {
    var signs = 0
    links.onSign = { signs += 1 }
    let moment = loop.now
    #expect(!links.hasHeard(from: "b", since: moment))
    clock.advance(by: .milliseconds(10))
    try work { signs == 1 }
    #expect(peer.connections == 1 && links.hasHeard(from: "b", since: moment))
  }

  @Test func `a frozen server gives no sign of life, and is asked anew when it is back`() throws {
    var signs = 0
    links.onSign = { signs += 1 }
    _ = try connected()
    try settle()
    peer.isFrozen = true
    let moment = loop.now
    #expect(!links.hasHeard(from: "b", since: moment))
    try pass(.milliseconds(1010))
    #expect(signs == 0 && !links.hasHeard(from: "b", since: moment))
    peer.isFrozen = false
    try work { signs == 1 }
    #expect(links.hasHeard(from: "b", since: moment) && peer.connections == 2)
  }

  @Test func `an answer that has begun outlasts a silence of some seconds`() throws {
    let (connection, id) = try connected()
    peer.say(id, octets("half"), ends: false)
    var answer: [UInt8] = []
    try work {
      answer += connection.readAll()
      return answer.count == 4
    }
    let (other, _) = try connected("other")
    peer.isFrozen = true
    for _ in 0..<16 { try pass(.milliseconds(1000)) }
    #expect(!connection.hasFailed && connection.ended == nil)
    #expect(other.hasFailed && other.hasLostServer)
    peer.isFrozen = false
    peer.say(id, octets(" and half"), ends: true)
    try work {
      answer += connection.readAll()
      return connection.ended != nil
    }
    #expect(text(answer.span) == "half and half")
    #expect(links.counters.stalls.now == 1)
  }

  @Test func `an answer that has begun is given up after twenty seconds of silence`() throws {
    let (connection, id) = try connected()
    peer.say(id, octets("half"), ends: false)
    try work { connection.readAll().count == 4 }
    peer.isFrozen = true
    for _ in 0..<19 { try pass(.milliseconds(1000)) }
    #expect(!connection.hasFailed)
    for _ in 0..<3 { try pass(.milliseconds(1000)) }
    #expect(connection.hasFailed)
  }

  @Test func `the first question after a long silence is not waited for any longer`() throws {
    let (first, _) = try connected()
    first.close()
    try work { peer.heard[1]?.closed != nil }
    peer.isFrozen = true
    try pass(.seconds(10))
    let next = try open()
    #expect(next.say(octets("ask")) == 3)
    try loop.turn(mayWait: false)
    try pass(.milliseconds(1000))
    #expect(next.hasFailed)
  }

  @Test func `a peer that says nothing but answers pings is waited for`() throws {
    let (connection, _) = try connected()
    for _ in 0..<20 {
      try pass(.milliseconds(500))
      try settle()
    }
    #expect(!connection.hasFailed)
    #expect(links.counters.stalls.now == 0)
  }
}
