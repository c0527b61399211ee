import EventLoop
import HTTPCore
import Testing
import TestSupport
import TLS

@testable import EdgeProxy

@Suite("Pipes of another server to instances here")
final class PeerDoorTests {
  private let loop: EventLoop
  private let links: PeerLinks
  private let server: PeerServer
  private let instance: ScriptedNode
  private let own: PeerCredentials
  private let stranger: PeerCredentials
  private let owner = PipeOwner()
  /// It keeps the files.
  private let fleet: JoinedFleet

  init() throws {
    loop = try EventLoop()
    links = PeerLinks(loop: loop)
    instance = try ScriptedNode()
    fleet = try JoinedFleet()
    own = try fleet.join("a")
    stranger = try fleet.join("c")
    server = try PeerServer(try fleet.join("b"), nodes: [instance.address])
    admit([own])
    use(own)
  }

  /// Whom the server knows.
  private func admit(_ known: [PeerCredentials]) {
    let nowhere = instance.address
    let peers = known.map {
      Peer(name: $0.certificate.node, address: nowhere, fingerprint: $0.certificate.fingerprint)
    }
    server.worker.install(
      Peering(credentials: server.credentials, directory: PeerDirectory(peers, own: "b")))
  }

  /// Who asks.
  private func use(_ credentials: PeerCredentials) {
    links.install(
      Peering(
        credentials: credentials,
        directory: PeerDirectory([server.peer], own: credentials.certificate.node)))
  }

  private func open(_ address: SocketAddress? = nil) throws -> NodeConnection {
    let node = NodeState(
      address: address ?? instance.address, server: "b", isBackup: false, cap: EjectionCap())
    let connection = NodeConnection(loop: loop)
    try connection.open(node, through: links)
    connection.owner = owner
    try connection.watch(sending: true)
    return connection
  }

  private func work(
    until condition: () throws -> Bool, _ location: SourceLocation = #_sourceLocation
  ) throws {
    for _ in 0..<100_000 {
      if try condition() { return }
      try loop.turn(mayWait: false)
      try server.turn()
    }
    Issue.record("it does not come to that", sourceLocation: location)
  }

  private func connected() throws -> (NodeConnection, ScriptedNode.Call) {
    let connection = try open()
    try work { connection.say(octets("ask")) > 0 }
    var call: ScriptedNode.Call?
    try work {
      call = try call ?? instance.accept()
      return call != nil
    }
    let accepted = try #require(call)
    var heard: [UInt8] = []
    try work {
      heard += accepted.heard()
      return heard.count == 3
    }
    return (connection, accepted)
  }

  @Test func `a connection to which no TLS can be offered is not counted for its address`() throws {
    // It has not been told of a certificate.
    let bare = try PeerServer(server.credentials, nodes: [instance.address])
    for _ in 0..<5 {
      let client = try Socket.connect(bare.address)
      try bare.turn()
      withExtendedLifetime(client) {}
    }
    #expect(bare.worker.counters.accepted.now == 0)
    #expect(bare.perAddress.clientCount == 0)
  }

  @Test func `an answer passes whole, and the end of the instance after it`() throws {
    let (connection, call) = try connected()
    call.say("answer")
    call.end()
    var answer: [UInt8] = []
    try work {
      answer += connection.readAll()
      return connection.ended != nil
    }
    #expect(text(answer.span) == "answer")
    #expect(connection.ended == .finished)
    #expect(server.worker.counters.peers.pipesIn.now == 1)
  }

  @Test func `the end of our side comes to the instance as such`() throws {
    let (connection, call) = try connected()
    connection.endSending()
    try work { call.isEnded }
    call.say("late")
    try work { connection.readAll() == octets("late") }
  }

  @Test func `a pipe that is broken off lets go of the instance`() throws {
    let (connection, call) = try connected()
    connection.reset()
    try work { call.isEnded }
  }

  @Test func `many bytes pass both ways, and the memory of a slow reader is bounded`() throws {
    let (connection, call) = try connected()
    let total = 100 << 20
    let block = [UInt8](repeating: 7, count: 64 << 10)
    var (up, upHeard, down, downHeard) = (0, 0, 0, 0)
    // Nobody reads at either end.
    for _ in 0..<2000 {
      up += connection.say(block)
      down += call.said(block)
      try loop.turn(mayWait: false)
      try server.turn()
    }
    #expect(server.worker.buffers.bytesOut < 2 << 20)
    #expect(up < 2 << 20)
    #expect(down < 2 << 20)
    try work {
      if up < total { up += connection.say(Array(block.prefix(total - up))) }
      if down < total { down += call.said(Array(block.prefix(total - down))) }
      upHeard += call.heard().count
      downHeard += connection.readAll().count
      return upHeard == total && downHeard == total
    }
    #expect(upHeard == total)
    #expect(downHeard == total)
  }

  @Test func `an instance that refuses has had nothing`() throws {
    instance.stop()
    let connection = try open()
    try work { connection.hasFailed }
    #expect(connection.hasReachedNobody)
    #expect(!connection.isRefusedAsBusy)
    #expect(server.worker.counters.peers.refused.now == 1)
  }

  @Test func `an address that is no node of this server is refused`() throws {
    let other = try ScriptedNode()
    let connection = try open(other.address)
    try work { connection.hasFailed }
    #expect(connection.hasReachedNobody)
    #expect(try other.accept() == nil)
  }

  @Test func `a certificate of the fleet that no server has opens nothing`() throws {
    use(stranger)
    let connection = try open()
    try work { connection.hasFailed }
    #expect(try instance.accept() == nil)
  }

  @Test func `the connections of a server that is removed are closed at once`() throws {
    let (connection, call) = try connected()
    admit([])
    try work { connection.hasFailed && call.isEnded }
  }

  @Test func `many questions that are taken back do not end the connection`() throws {
    let (kept, call) = try connected()
    for _ in 0..<3000 {
      let connection = try open()
      var asked: ScriptedNode.Call?
      try work {
        asked = try instance.accept()
        return asked != nil
      }
      connection.reset()
      try work { asked?.isEnded ?? false }
      asked?.end()
    }
    call.say("answer")
    var answer: [UInt8] = []
    try work {
      answer += kept.readAll()
      return answer.count == 6
    }
    #expect(links.counters.sessionsBegun.now == 1)
  }

  @Test func `a server that drains lets its pipes come to their end`() throws {
    let (connection, call) = try connected()
    server.worker.drain {}
    call.say("answer")
    call.end()
    var answer: [UInt8] = []
    try work {
      answer += connection.readAll()
      return connection.ended != nil
    }
    #expect(text(answer.span) == "answer")
    let next = try open()
    try work { next.hasFailed }
    #expect(next.hasReachedNobody)
  }
}

extension ScriptedNode.Call {
  /// Says what there is room for; returns how much that was.
  fileprivate func said(_ bytes: [UInt8]) -> Int {
    if case .bytes(let count) = send(bytes) { count } else { 0 }
  }
}
