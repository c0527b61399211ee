internal import ACME
internal import HTTPCore
internal import TLS

/// What a CA is to be shown, as the servers of a fleet tell each other through etcd.
///
///     key     PREFIX acme/challenges/http/TOKEN           value   1 KEY-AUTHORIZATION
///             PREFIX acme/challenges/dns/NAME/DIGEST              1
///             PREFIX acme/challenges/alpn/NAME                    1 DIGEST
///
/// The first number of a value is the form's version; what follows those words that are known is passed over.
/// An unknown client of etcd may have written what is read. It must not have this server say anything at
/// `/.well-known/acme-challenge/`, so a key authorization is its token, a dot and a thumbprint, RFC 8555 §8.1.
enum ChallengeKey {
  /// What the part of a key is called that follows the prefix of the fleet.
  static let directory = "acme/challenges/"
  /// The longest token, in bytes; CAs have less than 64.
  private static let tokenBytesMax = 256
  /// A SHA-256 in base64url.
  private static let digestBytes = 43
  private static let valueBytesMax = 1024

  static func range(prefix: String) -> [UInt8] { Array((prefix + directory).utf8) }

  /// `nil` for a value that `decode` would refuse, as of a CA that says anything.
  static func encode(
    _ value: ChallengeValue, prefix: String
  ) -> (key: [UInt8], value: [UInt8])? {
    let (name, stored) =
      switch value.place {
      case .http(let token): ("http/\(token)", "1 \(value.value)")
      case .dns(let name): ("dns/\(name)/\(value.value)", "1")
      case .alpn(let name): ("alpn/\(name)", "1 \(value.value)")
      }
    let key = range(prefix: prefix) + Array(name.utf8)
    let bytes = Array(stored.utf8)
    guard decode(key: key, value: bytes, prefix: prefix) == value else { return nil }
    return (key, bytes)
  }

  /// `nil` for what is not of the form.
  static func decode(key: [UInt8], value: [UInt8], prefix: String) -> ChallengeValue? {
    let start = range(prefix: prefix)
    guard key.starts(with: start), value.count <= valueBytesMax else { return nil }
    let parts = key[start.count...].split(
      separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    let words = value.split(separator: UInt8(ascii: " "))
    guard parts.count >= 2, words.first?.elementsEqual("1".utf8) ?? false else { return nil }
    let word = words.dropFirst().first.map { Array($0) } ?? []
    switch (text(parts[0]), parts.count) {
    case ("http", 2):
      guard isToken(parts[1]), isAuthorization(word, of: parts[1]) else { return nil }
      return ChallengeValue(.http(token: text(parts[1])), text(word))
    case ("dns", 3):
      guard isName(parts[1]), isDigest(parts[2]) else { return nil }
      return ChallengeValue(.dns(name: text(parts[1])), text(parts[2]))
    case ("alpn", 2):
      guard isName(parts[1]), isDigest(word) else { return nil }
      return ChallengeValue(.alpn(name: text(parts[1])), text(word))
    default: return nil
    }
  }

  private static func text(_ bytes: some Sequence<UInt8>) -> String {
    String(decoding: Array(bytes), as: UTF8.self)
  }

  private static func isToken(_ bytes: some Collection<UInt8>) -> Bool {
    (1...tokenBytesMax).contains(bytes.count)
      && bytes.allSatisfy {
        ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == UInt8(ascii: "-")
          || $0 == UInt8(ascii: "_")
      }
  }

  private static func isDigest(_ bytes: some Collection<UInt8>) -> Bool {
    bytes.count == digestBytes && Base64URL.decode(text(bytes)) != nil
  }

  private static func isAuthorization(_ word: [UInt8], of token: ArraySlice<UInt8>) -> Bool {
    word.starts(with: Array(token) + [UInt8(ascii: ".")])
      && isDigest(word.dropFirst(token.count + 1))
  }

  /// A name as certificates have it: normalised.
  private static func isName(_ bytes: ArraySlice<UInt8>) -> Bool {
    var normalised: [UInt8] = []
    let name = Array(bytes)
    return HostName.normalise(name.span, into: &normalised) && normalised == name
  }
}
