/// The ticket keys of one period as a fleet shares them.
///
/// The next key is known one period before it seals, and the previous one for a period after, so that an
/// edge that is a generation behind or ahead of another still opens its tickets.
package struct TicketKeyring: Sendable, Equatable {
  /// Counts the rotations; of two keyrings the one with the higher number is the newer.
  package let generation: UInt64
  /// Seconds since 1970.
  package let createdAt: Int64
  package let previous: TicketKeys.Key
  package let current: TicketKeys.Key
  package let next: TicketKeys.Key

  /// How long a key seals, in seconds.
  package static let periodSeconds: Int64 = 12 * 3600

  /// The first of its line, with fresh keys.
  package init(now: Int64) throws(TLSError) {
    self.init(
      generation: 1, createdAt: now, previous: try TicketKeys.Key(),
      current: try TicketKeys.Key(), next: try TicketKeys.Key())
  }

  private init(
    generation: UInt64, createdAt: Int64, previous: TicketKeys.Key, current: TicketKeys.Key,
    next: TicketKeys.Key
  ) {
    self.generation = generation
    self.createdAt = createdAt
    self.previous = previous
    self.current = current
    self.next = next
  }

  /// The one after this: each key moves on by one place, and a fresh one comes in behind.
  package func rotated(now: Int64) throws(TLSError) -> TicketKeyring {
    TicketKeyring(
      generation: generation + 1, createdAt: now, previous: current, current: next,
      next: try TicketKeys.Key())
  }

  /// Whether it is time to rotate.
  ///
  /// One from the future is due as well: a clock that was wrong once must not keep the keys for ever.
  package func isDue(now: Int64, period: Int64 = periodSeconds) -> Bool {
    let (age, overflow) = now.subtractingReportingOverflow(createdAt)
    return overflow || age >= period || age < -period
  }

  // MARK: As bytes

  private static let magic = Array("EPTK".utf8)
  private static let version: UInt8 = 1
  private static let context = Array("edgeproxy ticket keys".utf8)
  private enum Form: UInt8 { case plain = 0, sealed = 1 }
  private static let headBytes = 6
  private static let bodyBytes = 16 + 3 * TicketKeys.Key.count
  /// What the encoded form may measure, in bytes.
  package static let encodedBytesMax = 1024

  /// The bytes to share: encrypted where there are keys to do so, else plain with a checksum.
  ///
  ///     "EPTK"  version (1)  form (0 plain, 1 an envelope)
  ///     generation (8)  created (8)  previous (80)  current (80)  next (80), with SHA-256 when plain
  package func encoded(with keys: EncryptionKeys?) throws(TLSError) -> [UInt8] {
    let created = UInt64(bitPattern: createdAt)
    let body =
      Self.bigEndian(generation) + Self.bigEndian(created) + previous.bytes + current.bytes
      + next.bytes
    let head = Self.magic + [Self.version]
    guard let keys else {
      return head + [Form.plain.rawValue] + body + Hash.sha256(body)
    }
    let sealed = try Envelope.seal(body, with: keys, context: Self.context)
    return head + [Form.sealed.rawValue] + sealed
  }

  /// Reads what `encoded` gave; `SealedSecrets` says when a plain keyring is refused.
  package init(decoding bytes: [UInt8], with keys: EncryptionKeys?) throws(TicketKeyringError) {
    guard bytes.count <= Self.encodedBytesMax, bytes.count >= Self.headBytes,
      bytes.starts(with: Self.magic), bytes[4] == Self.version, let form = Form(rawValue: bytes[5])
    else { throw .malformed }
    let rest = Array(bytes[Self.headBytes...])
    let body: [UInt8]
    switch SealedSecrets.refusal(isSealed: form == .sealed, with: keys) {
    case .notSealed: throw .notSealed
    case .noEncryptionKeys: throw .noEncryptionKeys
    case nil: break
    }
    switch keys {
    case .none:
      guard rest.count == Self.bodyBytes + Hash.count else { throw .malformed }
      body = Array(rest[..<Self.bodyBytes])
      guard Hash.sha256(body) == Array(rest[Self.bodyBytes...]) else { throw .malformed }
    case .some(let keys):
      do throws(EnvelopeError) {
        body = try Envelope.open(rest, with: keys, context: Self.context)
      } catch {
        throw .sealed(error)
      }
      guard body.count == Self.bodyBytes else { throw .malformed }
    }
    let size = TicketKeys.Key.count
    self.init(
      generation: Self.number(body[0..<8]),
      createdAt: Int64(bitPattern: Self.number(body[8..<16])),
      previous: TicketKeys.Key(bytes: body[16..<(16 + size)]),
      current: TicketKeys.Key(bytes: body[(16 + size)..<(16 + 2 * size)]),
      next: TicketKeys.Key(bytes: body[(16 + 2 * size)...]))
    // Rotations count on from here and must never overflow.
    guard generation > 0, generation < 1 << 62, createdAt >= 0 else { throw .malformed }
    guard areSound else { throw .weakKeys }
  }

  /// Whether no key is a placeholder and no part of one is used twice.
  private var areSound: Bool {
    let keys = [previous, current, next]
    let names = keys.map(\.name)
    let secrets = keys.flatMap { [$0.cipherKey, $0.macKey] }
    return Set(names).count == names.count && Set(secrets).count == secrets.count
      && (names + secrets).allSatisfy { part in part.contains { $0 != part[0] } }
  }

  private static func bigEndian(_ number: UInt64) -> [UInt8] {
    stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> UInt64($0)) }
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }
}

/// Why a keyring that came from elsewhere is refused.
package enum TicketKeyringError: Error, Equatable, Sendable, CustomStringConvertible {
  case malformed
  case weakKeys
  case notSealed
  case noEncryptionKeys
  case sealed(EnvelopeError)

  package var description: String {
    switch self {
    case .malformed: "it is not a whole keyring"
    case .weakKeys: "its keys are placeholders or not different from each other"
    case .notSealed: "it is not encrypted, although there are encryption keys"
    case .noEncryptionKeys: "it is encrypted, and there are no encryption keys"
    case .sealed(let error): "\(error)"
    }
  }
}
