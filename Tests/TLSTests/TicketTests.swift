import TLS
import TestSupport
import Testing

@Suite("Session tickets, RFC 5077 and RFC 8446 §4.6.1")
struct TicketTests {
  private let authority = TestAuthority()
  private static let versions = [TLSClient.Version.tls12, .tls13]
  /// The name that a ticket is issued under and the one that it is offered to.
  private static let otherNames: [[String?]] = [
    ["a.test", "b.test"], ["x.w.test", "y.w.test"], ["a.test", nil], [nil, "a.test"],
  ]

  /// Two names with certificates of their own and two more under one wildcard.
  private func context(tickets: Bool = true, keys: TicketKeys? = nil) throws -> ServerContext {
    let names = Names(["a.test": 0, "b.test": 1, "x.w.test": 2, "y.w.test": 2], fallback: 0)
    let sets = [
      [try authority.certificate("a.test")], [try authority.certificate("b.test")],
      [try authority.certificate("*.w.test")],
    ]
    return try .serving(sets, names, tickets: tickets, keys: keys)
  }

  /// A connection, and the ticket that its client has at the end.
  private func connect(
    _ context: ServerContext, _ name: String?, _ version: TLSClient.Version, ticket: [UInt8]? = nil
  ) throws -> (isResumed: Bool, ticket: [UInt8]?) {
    var offer = TLSClient.Offer(name, version)
    offer.ticket = ticket
    let pair = try Loopback(context, offer)
    try #require(pair.handshake() == .agreed)
    // TLS 1.3 sends its tickets after the handshake; they are read with the first bytes.
    let hello: [UInt8] = [1]
    try #require(try pair.server.write(hello.span) == .bytes(1))
    try #require(pair.client.read() == hello)
    #expect(pair.server.isResumed == pair.client.isResumed)
    return (pair.client.isResumed, pair.client.ticket)
  }

  @Test(arguments: versions)
  func `a ticket resumes under the name it was issued for`(version: TLSClient.Version) throws {
    let context = try context()
    let first = try connect(context, "a.test", version)
    #expect(!first.isResumed)
    let ticket = try #require(first.ticket)
    #expect(try connect(context, "a.test", version, ticket: ticket).isResumed)
  }

  @Test(arguments: versions, otherNames)
  func `a ticket under another name means a full handshake`(
    version: TLSClient.Version, names: [String?]
  ) throws {
    let context = try context()
    let ticket = try #require(try connect(context, names[0], version).ticket)
    let other = try connect(context, names[1], version, ticket: ticket)
    #expect(!other.isResumed)
    // … which gives a ticket of its own.
    let fresh = try #require(other.ticket)
    #expect(try connect(context, names[1], version, ticket: fresh).isResumed)
  }

  @Test(arguments: versions)
  func `a ticket of a laxer policy is not taken by a stricter one`(version: TLSClient.Version)
    throws
  {
    let keys = try TicketKeys()
    let ticket = try #require(try connect(context(keys: keys), "a.test", version).ticket)
    let strict = try ServerContext.serving(
      [[try authority.certificate("a.test")]], Names(["a.test": 0]), minimumIsTLS13: true,
      keys: keys)
    #expect(try !connect(strict, "a.test", .tls13, ticket: ticket).isResumed)
  }

  @Test(arguments: versions)
  func `letter case of the name does not matter`(version: TLSClient.Version) throws {
    let certificate = try authority.certificate("a.test")
    let context = try ServerContext.serving([[certificate]], Names(["a.test": 0, "A.TEST": 0]))
    let ticket = try #require(try connect(context, "a.test", version).ticket)
    #expect(try connect(context, "A.TEST", version, ticket: ticket).isResumed)
  }

  @Test(arguments: versions)
  func `every worker with the same keys takes the ticket`(version: TLSClient.Version) throws {
    let keys = try TicketKeys()
    let ticket = try #require(try connect(context(keys: keys), "a.test", version).ticket)
    #expect(try connect(context(keys: keys), "a.test", version, ticket: ticket).isResumed)
    #expect(try !connect(context(), "a.test", version, ticket: ticket).isResumed)
  }

  @Test(arguments: versions)
  func `a rotation keeps the tickets of the key before, the next one drops them`(
    version: TLSClient.Version
  ) throws {
    let context = try context()
    let ticket = try #require(try connect(context, "a.test", version).ticket)
    context.ticketKeys = try context.ticketKeys.rotated()
    let renewed = try connect(context, "a.test", version, ticket: ticket)
    #expect(renewed.isResumed)
    context.ticketKeys = try context.ticketKeys.rotated()
    #expect(try !connect(context, "a.test", version, ticket: ticket).isResumed)
    // The ticket that came while the key was the older one is of the newer.
    let fresh = try #require(renewed.ticket)
    #expect(try connect(context, "a.test", version, ticket: fresh).isResumed)
  }

  @Test func `each resumption in TLS 1.3 brings the next ticket, since browsers use one once`()
    throws
  {
    let context = try context()
    var ticket = try #require(try connect(context, "a.test", .tls13).ticket)
    for _ in 0..<3 {
      let next = try connect(context, "a.test", .tls13, ticket: ticket)
      #expect(next.isResumed)
      let fresh = try #require(next.ticket)
      #expect(fresh != ticket)
      ticket = fresh
    }
  }

  @Test(arguments: versions)
  func `a damaged ticket means a full handshake`(version: TLSClient.Version) throws {
    let context = try context()
    let ticket = try #require(try connect(context, "a.test", version).ticket)
    // The sealed part is the long run of the session's encoding; a byte in its midst is enough.
    let sealed = context.ticketKeys.keys[0].name
    let start = try #require(ticket.firstRange(of: sealed)).upperBound
    for offset in [20, 60, 100] {
      var damaged = ticket
      damaged[start + offset] ^= 1
      #expect(try !connect(context, "a.test", version, ticket: damaged).isResumed)
    }
  }

  @Test(arguments: versions)
  func `no ticket is given where they are off`(version: TLSClient.Version) throws {
    #expect(try connect(context(tickets: false), "a.test", version).ticket == nil)
  }
}
