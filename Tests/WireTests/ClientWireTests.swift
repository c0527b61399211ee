import EventLoop
import TLS
import TestSupport
import Testing

@testable import Wire

@Suite("A connection that we begin")
final class ClientWireTests {
  private let loop: EventLoop
  private let owner = WireOwner()
  private let trust = WireTrust()

  init() throws { loop = try EventLoop(clock: ManualClock()) }

  enum Kind: CaseIterable { case plain, named, fingerprint }

  private func start(_ kind: Kind) throws -> (WireServer, ClientWire) {
    guard kind != .plain else {
      let server = try WireServer()
      return (server, try wire(to: server.address, nil))
    }
    let (context, fingerprint) = try trust.server("a.test")
    let server = try WireServer(context)
    let security = ClientWire.Security(
      try trust.client(), "h2", kind == .named ? .named("a.test") : .fingerprint(fingerprint))
    return (server, try wire(to: server.address, security))
  }

  private func wire(
    to address: SocketAddress, _ security: ClientWire.Security?
  ) throws -> ClientWire {
    try ClientWire(to: address, security, reading: ReadingBlock(), loop: loop, owner: owner)
  }

  /// Lets both sides work until `condition` holds.
  private func work(
    _ server: WireServer, until condition: () -> Bool,
    _ location: SourceLocation = #_sourceLocation
  ) throws {
    for _ in 0..<50_000 {
      if condition() { return }
      try loop.turn(mayWait: false)
      try server.turn()
    }
    Issue.record("it does not come to that", sourceLocation: location)
  }

  private func opened(_ kind: Kind) throws -> (WireServer, ClientWire) {
    let (server, wire) = try start(kind)
    try work(server) { owner.isOpen }
    // The server's own part of the handshake may be left, and the tickets that it sends.
    wire.send([1])
    try work(server) { server.heard == [1] }
    return (server, wire)
  }

  // MARK: Bytes

  /// So many blocks of 64 KiB, each of its own byte.
  private func blocks(_ count: UInt16) -> [UInt8] {
    (0..<count).flatMap { [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: 64 << 10) }
  }

  @Test(arguments: Kind.allCases)
  func `carries bytes both ways`(kind: Kind) throws {
    let (server, wire) = try opened(kind)
    wire.send(octets("ask"))
    try work(server) { server.heard.count == 4 }
    #expect(try server.say(octets("answer")) == 6)
    try work(server) { owner.received.count == 6 }
    #expect(server.heard == [1] + octets("ask"))
    #expect(owner.received == octets("answer"))
    #expect(owner.settled > 0 && wire.sent == 4)
    wire.close()
  }

  @Test(arguments: Kind.allCases)
  func `keeps what the socket does not take, and what is sent meanwhile goes behind it`(
    kind: Kind
  ) throws {
    let (server, wire) = try opened(kind)
    let much = blocks(256)
    wire.send(much)
    #expect(wire.isBlocked && wire.sent < much.count)
    wire.send(octets("then"))
    wire.send(octets("last"))
    try work(server) { !wire.isBlocked }
    try work(server) { server.heard.count == much.count + 9 }
    #expect(server.heard == [1] + much + octets("thenlast"))
    #expect(owner.progressed > 0)
    #expect(wire.sent == server.heard.count)
    wire.close()
  }

  @Test(arguments: Kind.allCases)
  func `reads a part in each turn, and all of it in the end`(kind: Kind) throws {
    let (server, wire) = try opened(kind)
    let much = blocks(48)
    var said = 0
    for _ in 0..<50_000 where owner.received.count < much.count {
      if said < much.count { said += try server.say(Array(much[said...])) }
      try loop.turn(mayWait: false)
    }
    #expect(owner.received == much)
    #expect(owner.endings.isEmpty)
    wire.close()
  }

  @Test(arguments: Kind.allCases)
  func `is not read any more once its owner has closed it`(kind: Kind) throws {
    let (server, wire) = try opened(kind)
    owner.whenReceived = { wire.close() }
    let settled = owner.settled
    #expect(try server.say([UInt8](repeating: 7, count: 100_000)) == 100_000)
    try work(server) { owner.reads > 0 }
    for _ in 0..<20 { try loop.turn(mayWait: false) }
    #expect(owner.reads == 1)
    #expect(owner.settled == settled)
    #expect(owner.endings.isEmpty)
    owner.whenReceived = {}
  }

  // MARK: Whom it believes

  @Test
  func `refuses a server with another certificate than the known one, and says nothing to it`()
    throws
  {
    let (context, _) = try trust.server("a.test")
    let server = try WireServer(context)
    let (_, another) = try trust.server("a.test")
    let wire = try wire(
      to: server.address,
      ClientWire.Security(try trust.client(), "h2", .fingerprint(another)))
    try work(server) { !owner.endings.isEmpty }
    #expect(owner.endings == ["the server has not the certificate that is known of it"])
    #expect(!owner.isOpen && server.heard.isEmpty)
    wire.close()
  }

  @Test func `refuses a server with another name, and says nothing to it`() throws {
    let (context, _) = try trust.server("b.test")
    let server = try WireServer(context)
    let wire = try wire(
      to: server.address, ClientWire.Security(try trust.client(), "h2", .named("a.test")))
    try work(server) { !owner.endings.isEmpty }
    #expect(owner.endings.count == 1 && owner.endings.first?.contains("hostname mismatch") == true)
    #expect(!owner.isOpen && server.heard.isEmpty)
    wire.close()
  }

  @Test func `refuses a server that chooses another protocol, and says nothing to it`() throws {
    let (context, _) = try trust.server("a.test", offersHTTP2: false)
    let server = try WireServer(context)
    let wire = try wire(
      to: server.address, ClientWire.Security(try trust.client(), "h2", .named("a.test")))
    try work(server) { !owner.endings.isEmpty }
    #expect(owner.endings == ["the server does not speak h2"])
    #expect(!owner.isOpen && server.heard.isEmpty)
    wire.close()
  }

  @Test func `takes a server that chooses no protocol only where none is required`() throws {
    for isRequired in [false, true] {
      let owner = WireOwner()
      let (context, _) = try trust.server("a.test")
      let server = try WireServer(context)
      let security = ClientWire.Security(
        try trust.client([]), "http/1.1", .named("a.test"), isRequired: isRequired)
      let wire = try ClientWire(
        to: server.address, security, reading: ReadingBlock(), loop: loop, owner: owner)
      try work(server) { owner.isOpen || !owner.endings.isEmpty }
      #expect(owner.isOpen == !isRequired)
      #expect(owner.endings == (isRequired ? ["the server does not speak http/1.1"] : []))
      wire.close()
    }
  }

  @Test func `refuses a server that chooses another protocol although none is required`() throws {
    let (context, _) = try trust.server("a.test")
    let server = try WireServer(context)
    let wire = try wire(
      to: server.address,
      ClientWire.Security(
        try trust.client(["h2"]), "http/1.1", .named("a.test"), isRequired: false))
    try work(server) { !owner.endings.isEmpty }
    #expect(owner.endings == ["the server does not speak http/1.1"])
    wire.close()
  }

  @Test func `a name that is too long for TLS is an error at once`() throws {
    let server = try WireServer()
    let (client, long) = (try trust.client(), String(repeating: "a", count: 300))
    #expect(throws: TLSError.self) {
      _ = try wire(to: server.address, ClientWire.Security(client, "h2", .named(long)))
    }
  }

  // MARK: The end

  @Test func `a refused connection is told once, with the reason`() throws {
    let server = try WireServer()
    let nobody = try #require(SocketAddress(ip: "127.77.0.3", port: 1))
    let wire = try wire(to: nobody, nil)
    try work(server) { !owner.endings.isEmpty }
    for _ in 0..<3 { try loop.turn(mayWait: false) }
    #expect(owner.endings.count == 1)
    #expect(owner.endings.first?.contains("connect") == true)
    #expect(!owner.isOpen)
    wire.close()
  }

  @Test(arguments: Kind.allCases)
  func `what a server says before it leaves is told before that it left`(kind: Kind) throws {
    let (server, wire) = try opened(kind)
    #expect(try server.say(octets("goodbye")) == 7)
    server.leave()
    try work(server) { !owner.endings.isEmpty }
    #expect(owner.received == octets("goodbye"))
    #expect(owner.endings == ["the server closed the connection"])
    #expect(wire.isEndedInOrder)
    wire.close()
  }

  @Test(arguments: Kind.allCases)
  func `a server that is cut off has not ended in order`(kind: Kind) throws {
    let (server, wire) = try opened(kind)
    #expect(try server.say(octets("good")) == 4)
    server.reset()
    try work(server) { !owner.endings.isEmpty }
    #expect(!wire.isEndedInOrder)
    wire.close()
  }

  @Test(arguments: Kind.allCases)
  func `that sending failed is told with the turn's end, never from within the call`(
    kind: Kind
  ) throws {
    let (server, wire) = try opened(kind)
    server.reset()
    wire.send(octets("too late"))
    wire.send(octets("later still"))
    #expect(owner.endings.isEmpty)
    try work(server) { !owner.endings.isEmpty }
    for _ in 0..<3 { try loop.turn(mayWait: false) }
    #expect(owner.endings.count == 1)
    wire.send(octets("after the end"))
    try loop.turn(mayWait: false)
    #expect(owner.endings.count == 1)
    wire.close()
  }

  @Test(arguments: Kind.allCases)
  func `tells nothing after it was closed, even of a failure that came before`(kind: Kind) throws {
    let (server, wire) = try opened(kind)
    server.reset()
    wire.send(octets("too late"))
    wire.close()
    for _ in 0..<3 { try loop.turn(mayWait: false) }
    #expect(owner.endings.isEmpty)
  }
}
