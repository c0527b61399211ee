/// What a CA knows of our right to one name, RFC 8555 §7.1.4.
package struct Authorization: Sendable, Equatable {
  package enum Status: String, Sendable, Decodable {
    case pending, valid, invalid, deactivated, expired, revoked
  }

  package let status: Status
  /// The name as it was ordered, in small letters, with its `*.`.
  package let name: String
  /// The ways to prove it that are known here.
  package let challenges: [Challenge]
  /// All ways that the CA offers, as it calls them.
  package let offered: [String]

  package init(_ bytes: [UInt8]) throws(ACMEError) {
    let members = try Document.read(Members.self, bytes, "the authorization")
    status = members.status
    name = (members.isWildcard ? "*." : "") + members.identifier.name
    challenges = members.challenges.compactMap(\.challenge)
    offered = members.challenges.map { Document.line($0.type) }
  }

  package func challenge(_ type: ChallengeType) -> Challenge? {
    challenges.first { $0.type == type }
  }

  /// Why the CA is not satisfied; the challenge that failed says it.
  package var problem: Problem? { challenges.lazy.compactMap(\.problem).first }

  private struct Members: Decodable {
    let status: Status
    let identifier: Identifier
    let challenges: [Challenge.Members]
    let isWildcard: Bool

    private enum Member: String, CodingKey { case status, identifier, challenges, wildcard }

    init(from decoder: any Decoder) throws {
      let members = try decoder.container(keyedBy: Member.self)
      status = try members.decode(Status.self, forKey: .status)
      identifier = try members.decode(Identifier.self, forKey: .identifier)
      challenges = try members.decode(Items<Challenge.Members>.self, forKey: .challenges).list
      isWildcard = members.lenient(Bool.self, .wildcard) ?? false
    }
  }
}

/// One way to prove the right to a name, RFC 8555 §8.
package struct Challenge: Sendable, Equatable {
  package enum Status: String, Sendable { case pending, processing, valid, invalid }

  package let type: ChallengeType
  package let status: Status
  /// Where the CA is told that it may look; read by the CA's `LinkRule` before it is used.
  package let url: String
  package let token: String
  package let problem: Problem?

  /// What a token may measure; it becomes part of a path and of a key of etcd.
  package static let tokenBytesMax = 512

  /// RFC 8555 §8.1: the letters of base64url, and no others.
  static func isToken(_ text: String) -> Bool {
    (1...tokenBytesMax).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }

  /// Kinds that are not known here may have other members.
  struct Members: Decodable {
    let type: String
    let challenge: Challenge?

    private enum Member: String, CodingKey { case type, status, url, token, error }

    init(from decoder: any Decoder) throws {
      let members = try decoder.container(keyedBy: Member.self)
      type = try members.decode(String.self, forKey: .type)
      guard let known = ChallengeType(rawValue: type),
        let status = members.lenient(String.self, .status).flatMap(Status.init),
        let url = members.lenient(String.self, .url),
        let token = members.lenient(String.self, .token), Challenge.isToken(token)
      else {
        challenge = nil
        return
      }
      challenge = Challenge(
        type: known, status: status, url: url, token: token,
        problem: members.lenient(Problem.self, .error))
    }
  }
}
