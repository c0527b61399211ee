internal import ACME
internal import FoundationEssentials
internal import TLS

/// What the servers of a fleet must know of each other's orders; times are seconds since 1970.
enum IssuanceRecords {
  /// An account at a CA.
  struct Account: Codable, Sendable, Equatable {
    /// The directory's URL.
    var issuer: String
    /// The account's key in PEM.
    var key: String
    /// The key that is to follow, from before the CA was asked until it has said yes.
    var successor: String?
    var url: String?
    var allowance: OrderAllowance
    /// The CA takes no orders of the account before.
    var closedUntil: Int64 = 0
  }

  /// What goes on for one certificate.
  struct Order: Codable, Sendable, Equatable {
    var attempts = IssuanceAttempts()
    var pending: Pending?
    /// What the last command of an operator came to.
    var outcome: Outcome?
  }

  /// An order at the CA that has not come to its end.
  struct Pending: Codable, Sendable, Equatable {
    var issuer: String
    var url: String
    /// The key of the certificate in PEM.
    var key: String
    var names: [String]
  }

  struct Outcome: Codable, Sendable, Equatable {
    /// Which command: its number in the request.
    var request: String
    var at: Int64
    var isDone: Bool
    var text: String
  }

  /// When a certificate is to be renewed, as all servers are to find it.
  struct Renewal: Codable, Sendable, Equatable {
    /// The serial number of the certificate that this is about.
    var serial: String
    /// The directory of the CA that issued it.
    var issuer: String
    /// The window that the CA suggests, RFC 9773 §4.2, and the time that was chosen in it; `nil` without one.
    var windowStart: Int64?
    var windowEnd: Int64?
    var chosen: Int64?
    /// When the CA is asked again.
    var askAgain: Int64 = 0
    /// A page of the CA's that says why.
    var explanation: String?
    /// The certificate was revoked.
    var isRevoked = false
  }

  /// What an operator wants, written by any server and done by the one that issues.
  struct Request: Codable, Sendable, Equatable {
    enum What: String, Codable, Sendable { case issue, rehearse, renew, revoke, rotate }

    var id: String
    var what: What
    /// Also where the same names were issued twice in a week.
    var isForced = false
    /// The reason of a revocation, RFC 5280 §5.3.1.
    var reason = 0
    var at: Int64
  }

  // MARK: Text

  static let bytesMax = 64 << 10

  /// As JSON; what has no form in it is not among these types.
  static func text(_ record: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(record)).map { Array($0) } ?? []
  }

  /// `nil` for what is not such a record.
  static func read<Record: Decodable>(_ text: [UInt8], as type: Record.Type) -> Record? {
    guard text.count <= bytesMax else { return nil }
    return try? JSONDecoder().decode(type, from: Data(text))
  }
}

/// What a record is called, below `acme/` in etcd and in the state directory.
struct RecordName: Hashable, Sendable, CustomStringConvertible {
  enum Kind: String, CaseIterable, Sendable {
    case accounts, orders, renewals, journal, requests

    /// Whether it has a private key.
    var isSecret: Bool { self == .accounts || self == .orders }
  }

  let kind: Kind
  let name: String

  private static let nameBytesMax = 300

  init(_ kind: Kind, _ name: String) {
    self.kind = kind
    self.name = name
  }

  /// Reads `KIND/NAME`; `nil` for what none of ours is called.
  init?(_ text: some StringProtocol) {
    guard let slash = text.firstIndex(of: "/"), let kind = Kind(rawValue: String(text[..<slash]))
    else { return nil }
    let name = String(text[text.index(after: slash)...])
    guard (1...Self.nameBytesMax).contains(name.utf8.count), !name.contains("/") else { return nil }
    self.init(kind, name)
  }

  /// The name that stands for a URL or a set of names, of which neither fits into one.
  static func hash(_ kind: Kind, _ text: String) -> RecordName {
    let digits = Hash.sha256(Array(text.utf8)).prefix(12).map { byte in
      (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
    return RecordName(kind, digits.joined())
  }

  var description: String { "\(kind.rawValue)/\(name)" }

  /// What an envelope over it is bound to, so that none opens in another's place.
  private var context: [UInt8] { Array("edgeproxy acme \(self)".utf8) }

  /// What is stored of a record: an envelope for a secret, where there are `keys`.
  func sealed(_ text: [UInt8], with keys: EncryptionKeys?) throws(TLSError) -> [UInt8] {
    guard kind.isSecret, let keys else { return text }
    return try Envelope.seal(text, with: keys, context: context)
  }

  /// The record out of what is stored.
  func opened(_ bytes: [UInt8], with keys: EncryptionKeys?) throws(EnvelopeError) -> [UInt8] {
    guard kind.isSecret, let keys else { return bytes }
    return try Envelope.open(bytes, with: keys, context: context)
  }

  /// Whether it was sealed with a key that is not the first of `keys` any more.
  func isOutdated(_ bytes: [UInt8], _ keys: EncryptionKeys?) -> Bool {
    guard kind.isSecret, let keys, let id = try? Envelope.keyID(bytes) else { return false }
    return id != keys.sealingID
  }
}
