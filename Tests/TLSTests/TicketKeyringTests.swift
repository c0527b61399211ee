import TLS
import TestSupport
import Testing

@Suite("Ticket keys that a fleet shares")
struct TicketKeyringTests {
  private let authority = TestAuthority()

  @Test func `a rotation moves each key on by one place and brings a fresh one`() throws {
    let first = try TicketKeyring(now: 1000)
    let second = try first.rotated(now: 2000)
    #expect((first.generation, second.generation) == (1, 2))
    #expect(second.createdAt == 2000)
    #expect(second.previous == first.current)
    #expect(second.current == first.next)
    #expect(![first.previous, first.current, first.next].contains(second.next))
  }

  @Test(
    arguments: [
      (1000, false), (1000 + 43_199, false), (1000 + 43_200, true), (999, false), (-42_200, false),
      (-42_201, true), (Int64.max, true), (Int64.min, true),
    ] as [(Int64, Bool)])
  func `it is due after twelve hours, or when it comes from a far future`(now: Int64, isDue: Bool)
    throws
  {
    #expect(try TicketKeyring(now: 1000).isDue(now: now) == isDue)
  }

  @Test(arguments: [true, false])
  func `it is the same after a journey`(isSealed: Bool) throws {
    let keys = isSealed ? try EncryptionKeys.fresh("k") : nil
    let keyring = try TicketKeyring(now: 1000).rotated(now: 1_800_000_000)
    let bytes = try keyring.encoded(with: keys)
    #expect(bytes.count <= TicketKeyring.encodedBytesMax)
    #expect(try TicketKeyring(decoding: bytes, with: keys) == keyring)
    #expect((bytes.firstRange(of: keyring.current.name) == nil) == isSealed)
  }

  @Test(arguments: [true, false])
  func `one that was changed, cut or lengthened is refused`(isSealed: Bool) throws {
    let keys = isSealed ? try EncryptionKeys.fresh("k") : nil
    let bytes = try TicketKeyring(now: 1000).encoded(with: keys)
    for position in bytes.indices {
      var changed = bytes
      changed[position] ^= 1
      #expect(throws: TicketKeyringError.self) { try TicketKeyring(decoding: changed, with: keys) }
      #expect(throws: TicketKeyringError.self) {
        try TicketKeyring(decoding: Array(bytes[..<position]), with: keys)
      }
    }
    for tail in [[0], [UInt8](repeating: 0, count: 1 << 20)] {
      #expect(throws: TicketKeyringError.self) {
        try TicketKeyring(decoding: bytes + tail, with: keys)
      }
    }
  }

  @Test func `with encryption keys a plain one is refused, without them an encrypted one`() throws {
    let keys = try EncryptionKeys.fresh("k")
    let keyring = try TicketKeyring(now: 1000)
    #expect(throws: TicketKeyringError.notSealed) {
      try TicketKeyring(decoding: keyring.encoded(with: nil), with: keys)
    }
    #expect(throws: TicketKeyringError.noEncryptionKeys) {
      try TicketKeyring(decoding: keyring.encoded(with: keys), with: nil)
    }
    #expect(throws: TicketKeyringError.sealed(.unknownKey("k"))) {
      try TicketKeyring(decoding: keyring.encoded(with: keys), with: .fresh("other"))
    }
  }

  @Test(arguments: ["zeros", "twice the same", "a shared secret"])
  func `keys that are none are refused`(how: String) throws {
    // "EPTK", version and form; generation and time; three keys of 80 bytes; a checksum.
    let bytes = try TicketKeyring(now: 1000).encoded(with: nil)
    var body = Array(bytes[6..<(bytes.count - 32)])
    switch how {
    case "zeros": body.replaceSubrange(96..<176, with: [UInt8](repeating: 0, count: 80))
    case "twice the same": body.replaceSubrange(96..<176, with: body[16..<96])
    default: body.replaceSubrange(192..<224, with: body[32..<64])
    }
    let forged = bytes[..<6] + body + Hash.sha256(body)
    #expect(throws: TicketKeyringError.weakKeys) {
      try TicketKeyring(decoding: Array(forged), with: nil)
    }
  }

  @Test func `printing it shows no secret`() throws {
    let keyring = try TicketKeyring(now: 1000)
    var text = "\(keyring)"
    dump(keyring, to: &text)
    #expect(!text.contains("cipherKey") && !text.contains("macKey"))
  }

  // MARK: Two edges

  /// An edge with one certificate for each name.
  private func edge(_ keyring: TicketKeyring, minimumIsTLS13: Bool = false) throws -> ServerContext
  {
    // As after a journey through the store: no object is shared.
    let bytes = try keyring.encoded(with: nil)
    return try .serving(
      [[try authority.certificate("a.test")], [try authority.certificate("b.test")]],
      Names(["a.test": 0, "b.test": 1]), minimumIsTLS13: minimumIsTLS13,
      keys: TicketKeys(TicketKeyring(decoding: bytes, with: nil)))
  }

  private func ticket(_ context: ServerContext, _ version: TLSClient.Version) throws -> [UInt8] {
    try #require(try context.visit("a.test", version).ticket)
  }

  @Test(arguments: [TLSClient.Version.tls12, .tls13])
  func `a ticket of one edge is taken by another for the same name alone`(
    version: TLSClient.Version
  ) throws {
    let keyring = try TicketKeyring(now: 1000)
    let ticket = try ticket(edge(keyring), version)
    #expect(try edge(keyring).visit("a.test", version, ticket: ticket).isResumed)
    #expect(try !edge(keyring).visit("b.test", version, ticket: ticket).isResumed)
    let strict = try edge(keyring, minimumIsTLS13: true)
    #expect(try !strict.visit("a.test", .tls13, ticket: ticket).isResumed)
  }

  @Test(arguments: [TLSClient.Version.tls12, .tls13])
  func `an edge one generation ahead or behind takes the ticket, two are too many`(
    version: TLSClient.Version
  ) throws {
    let old = try TicketKeyring(now: 1000)
    let middle = try old.rotated(now: 2000)
    let new = try middle.rotated(now: 3000)
    let (fromOld, fromNew) = (try ticket(edge(old), version), try ticket(edge(new), version))
    #expect(try edge(middle).visit("a.test", version, ticket: fromOld).isResumed)
    #expect(try edge(middle).visit("a.test", version, ticket: fromNew).isResumed)
    #expect(try !edge(new).visit("a.test", version, ticket: fromOld).isResumed)
    #expect(try !edge(old).visit("a.test", version, ticket: fromNew).isResumed)
  }
}
