/// What an operator wants of the certificates that are ordered, as the admin socket takes it.
struct CertificateCommand: Equatable, Sendable {
  enum Action: Equatable, Sendable {
    /// `isForced`: also where the same names were issued twice in a week.
    case issue(isForced: Bool)
    /// An order at the staging directory, of which nothing is kept.
    case rehearse
    case renew
    /// With a reason of RFC 5280 §5.3.1.
    case revoke(reason: Int)
    /// Gives the accounts other keys.
    case rotate
  }

  var action: Action
  /// What certificates are called, or names that they are for.
  var names: [String]

  private static let namesMax = 1000
  /// RFC 5280 §5.3.1; 7 is not used, and nothing that is revoked can be on hold.
  private static let reasons: Set<Int> = [0, 1, 2, 3, 4, 5, 9, 10]

  /// Reads a path below `/acme/` and its query; `nil` for what is no such command.
  init?(path: String, query: String) {
    var values: [String: [String]] = [:]
    for part in query.split(separator: "&") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard pair.count == 2, let value = Self.decoded(pair[1]) else { return nil }
      values[String(pair[0]), default: []].append(value)
    }
    names = values.removeValue(forKey: "name") ?? []
    guard names.count <= Self.namesMax else { return nil }
    let flags = values.mapValues(\.last)
    func isSet(_ name: String) -> Bool { flags[name] == "1" }
    switch path {
    case "/acme/issue":
      action = isSet("staging") ? .rehearse : .issue(isForced: isSet("force"))
    case "/acme/renew": action = .renew
    case "/acme/revoke":
      guard let reason = Int((flags["reason"] ?? "0") ?? "0"), Self.reasons.contains(reason) else {
        return nil
      }
      action = .revoke(reason: reason)
    case "/acme/account":
      guard isSet("rotate") else { return nil }
      action = .rotate
    default: return nil
    }
  }

  /// Undoes percent-encoding, RFC 3986 §2.1.
  private static func decoded(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      else { return nil }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }
}
