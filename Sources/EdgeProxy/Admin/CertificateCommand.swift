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
    guard var values = AdminQuery.values(query) else { return nil }
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
}
