internal import ACME
internal import HTTPCore
internal import TLS

/// What this server shows to CAs that ask whether names are ours, RFC 8555 §8.3 and RFC 8737.
///
/// It is immutable: the control thread makes it once for all workers.
struct ChallengeTable: Sendable {
  /// What a path is answered with.
  enum Answer: Equatable, Sendable {
    /// The key authorization of an http-01 challenge.
    case challenge([UInt8])
    /// The name of this server, for who wants to know where a name leads.
    case node([UInt8])
  }

  static let empty = ChallengeTable([], now: 0)
  /// Values that a table takes; a server with more names than that orders its certificates one by one.
  static let valuesMax = 1000
  /// What the token of the server's name begins with.
  private static let nodeTokenPrefix = "edgeproxy-"

  /// By what follows `ChallengePath.prefix`.
  private let answers: [[UInt8]: Answer]
  /// By the name, in lower case.
  let pairs: [[UInt8]: ChallengePair]
  private let digests: [[UInt8]: String]
  /// Whether a path can be answered at all.
  let hasAnswers: Bool
  /// Values for which there was no room, or no certificate could be made.
  let leftOut: Int

  /// With `node` this server's name is told to whoever asks for the token `edgeproxy-NODE`.
  ///
  /// Certificates that `previous` has for the same values are kept. `now` is in seconds since 1970. Values for
  /// DNS are none of this server's.
  init(
    _ values: Set<ChallengeValue>, node: String? = nil, keeping previous: ChallengeTable? = nil,
    now: Int64
  ) {
    var answers: [[UInt8]: Answer] = [:]
    var pairs: [[UInt8]: ChallengePair] = [:]
    var digests: [[UInt8]: String] = [:]
    var leftOut = 0
    for value in values {
      guard answers.count + pairs.count < Self.valuesMax else {
        leftOut += 1
        continue
      }
      switch value.place {
      case .dns: continue
      case .http(let token): answers[Array(token.utf8)] = .challenge(Array(value.value.utf8))
      case .alpn(let name):
        let key = Array(name.utf8)
        let known = previous?.digests[key] == value.value ? previous?.pairs[key] : nil
        guard let pair = known ?? Self.pair(name, value.value, now: now) else {
          leftOut += 1
          continue
        }
        (pairs[key], digests[key]) = (pair, value.value)
      }
    }
    if let node {
      answers[Array((Self.nodeTokenPrefix + node).utf8)] = .node(Array("\(node)\n".utf8))
    }
    self.answers = answers
    self.pairs = pairs
    self.digests = digests
    self.leftOut = leftOut
    hasAnswers = !answers.isEmpty
  }

  private static func pair(_ name: String, _ digest: String, now: Int64) -> ChallengePair? {
    guard let digest = Base64URL.decode(digest),
      let made = try? ChallengeCertificate.make(name: name, digest: digest, now: now)
    else { return nil }
    return ChallengePair(certificate: made.certificate, key: made.key)
  }

  /// The answer to a decoded path; `nil` where there is none.
  func find(_ path: borrowing Span<UInt8>) -> Answer? {
    guard let token = ChallengePath.token(of: path) else { return nil }
    return answers[token]
  }
}

/// Where CAs ask, RFC 8555 §8.3.
enum ChallengePath {
  static let prefix: StaticString = "/.well-known/acme-challenge/"
  /// A node's name has up to 253 bytes, and `edgeproxy-` comes before it.
  private static let tokenBytesMax = 263

  /// What follows the prefix in a decoded path; `nil` for other paths and for what is no token by its length.
  static func token(of path: borrowing Span<UInt8>) -> [UInt8]? {
    let start = prefix.utf8CodeUnitCount
    // Nearly every other path differs in its second byte.
    guard path.count > start, path[1] == UInt8(ascii: "."), path.count - start <= tokenBytesMax,
      ASCII.equalsExactly(path.extracting(0..<start), prefix)
    else { return nil }
    return (start..<path.count).map { path[$0] }
  }
}

extension Worker {
  /// Takes over what CAs are shown, from the next request and the next handshake on.
  func install(_ table: ChallengeTable) {
    challengeTable = table
    tls.install(table.pairs)
  }
}
