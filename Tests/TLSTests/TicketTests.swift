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

  @Test(arguments: versions)
  func `a ticket resumes under the name it was issued for`(version: TLSClient.Version) throws {
    let context = try context()
    let first = try context.visit("a.test", version)
    #expect(!first.isResumed)
    let ticket = try #require(first.ticket)
    #expect(try context.visit("a.test", version, ticket: ticket).isResumed)
  }

  @Test(arguments: versions, otherNames)
  func `a ticket under another name means a full handshake`(
    version: TLSClient.Version, names: [String?]
  ) throws {
    let context = try context()
    let ticket = try #require(try context.visit(names[0], version).ticket)
    let other = try context.visit(names[1], version, ticket: ticket)
    #expect(!other.isResumed)
    // … which gives a ticket of its own.
    let fresh = try #require(other.ticket)
    #expect(try context.visit(names[1], version, ticket: fresh).isResumed)
  }

  @Test(arguments: versions)
  func `a ticket of a laxer policy is not taken by a stricter one`(version: TLSClient.Version)
    throws
  {
    let keys = try TicketKeys()
    let ticket = try #require(try context(keys: keys).visit("a.test", version).ticket)
    let strict = try ServerContext.serving(
      [[try authority.certificate("a.test")]], Names(["a.test": 0]), minimumIsTLS13: true,
      keys: keys)
    #expect(try !strict.visit("a.test", .tls13, ticket: ticket).isResumed)
  }

  @Test(arguments: versions)
  func `letter case of the name does not matter`(version: TLSClient.Version) throws {
    let certificate = try authority.certificate("a.test")
    let context = try ServerContext.serving([[certificate]], Names(["a.test": 0, "A.TEST": 0]))
    let ticket = try #require(try context.visit("a.test", version).ticket)
    #expect(try context.visit("A.TEST", version, ticket: ticket).isResumed)
  }

  @Test(arguments: versions)
  func `every worker with the same keys takes the ticket`(version: TLSClient.Version) throws {
    let keys = try TicketKeys()
    let ticket = try #require(try context(keys: keys).visit("a.test", version).ticket)
    #expect(try context(keys: keys).visit("a.test", version, ticket: ticket).isResumed)
    #expect(try !context().visit("a.test", version, ticket: ticket).isResumed)
  }

  @Test(arguments: versions)
  func `a rotation keeps the tickets of the key before, the next one drops them`(
    version: TLSClient.Version
  ) throws {
    let context = try context()
    let ticket = try #require(try context.visit("a.test", version).ticket)
    context.ticketKeys = try context.ticketKeys.rotated()
    let renewed = try context.visit("a.test", version, ticket: ticket)
    #expect(renewed.isResumed)
    context.ticketKeys = try context.ticketKeys.rotated()
    #expect(try !context.visit("a.test", version, ticket: ticket).isResumed)
    // The ticket that came while the key was the older one is of the newer.
    let fresh = try #require(renewed.ticket)
    #expect(try context.visit("a.test", version, ticket: fresh).isResumed)
  }

  @Test func `each resumption in TLS 1.3 brings the next ticket, since browsers use one once`()
    throws
  {
    let context = try context()
    var ticket = try #require(try context.visit("a.test", .tls13).ticket)
    for _ in 0..<3 {
      let next = try context.visit("a.test", .tls13, ticket: ticket)
      #expect(next.isResumed)
      let fresh = try #require(next.ticket)
      #expect(fresh != ticket)
      ticket = fresh
    }
  }

  @Test(arguments: versions)
  func `a damaged ticket means a full handshake`(version: TLSClient.Version) throws {
    let context = try context()
    let ticket = try #require(try context.visit("a.test", version).ticket)
    // The sealed part is the long run of the session's encoding; a byte in its midst is enough.
    let sealed = context.ticketKeys.keys[0].name
    let start = try #require(ticket.firstRange(of: sealed)).upperBound
    for offset in [20, 60, 100] {
      var damaged = ticket
      damaged[start + offset] ^= 1
      #expect(try !context.visit("a.test", version, ticket: damaged).isResumed)
    }
  }

  @Test(arguments: versions)
  func `no ticket is given where they are off`(version: TLSClient.Version) throws {
    #expect(try context(tickets: false).visit("a.test", version).ticket == nil)
  }
}
