package import Wire

/// Where a CA is asked for what, RFC 8555 §7.1.1.
package struct Directory: Sendable, Equatable {
  /// Where the directory itself is; it names the CA.
  package let url: HTTPURL
  package let newNonce: HTTPURL
  package let newAccount: HTTPURL
  package let newOrder: HTTPURL
  package let revokeCert: HTTPURL?
  package let keyChange: HTTPURL?
  /// Where the CA says when to renew, RFC 9773 §4.
  package let renewalInfo: HTTPURL?
  package let termsOfService: String?
  package let needsExternalAccount: Bool
  /// The names that a CAA record may have for this CA, RFC 8659.
  package let caaIdentities: [String]
  /// The kinds of certificates among which an order may choose, in the order of their names.
  package let profiles: [String]

  /// `url` is where the document came from.
  package init(_ bytes: [UInt8], from url: HTTPURL) throws(ACMEError) {
    let members = try Document.read(Members.self, bytes, "the directory")
    let rule = LinkRule(directory: url)
    self.url = url
    newNonce = try rule.read(members.newNonce, "newNonce")
    newAccount = try rule.read(members.newAccount, "newAccount")
    newOrder = try rule.read(members.newOrder, "newOrder")
    revokeCert = try Self.read(members.revokeCert, "revokeCert", rule)
    keyChange = try Self.read(members.keyChange, "keyChange", rule)
    renewalInfo = try Self.read(members.renewalInfo, "renewalInfo", rule)
    termsOfService = members.meta?.termsOfService
    needsExternalAccount = members.meta?.needsExternalAccount ?? false
    caaIdentities = members.meta?.caaIdentities ?? []
    profiles = members.meta?.profiles ?? []
  }

  private static func read(
    _ text: String?, _ what: String, _ rule: LinkRule
  ) throws(ACMEError) -> HTTPURL? {
    guard let text else { return nil }
    return try rule.read(text, what)
  }

  var rule: LinkRule { LinkRule(directory: url) }

  private struct Members: Decodable {
    let newNonce: String
    let newAccount: String
    let newOrder: String
    let revokeCert: String?
    let keyChange: String?
    let renewalInfo: String?
    let meta: Meta?
  }

  private struct Meta: Decodable {
    let termsOfService: String?
    let needsExternalAccount: Bool
    let caaIdentities: [String]
    let profiles: [String]

    private enum Member: String, CodingKey {
      case termsOfService, externalAccountRequired, caaIdentities, profiles
    }

    init(from decoder: any Decoder) throws {
      let members = try decoder.container(keyedBy: Member.self)
      termsOfService = members.lenient(String.self, .termsOfService).map(Document.line)
      needsExternalAccount = members.lenient(Bool.self, .externalAccountRequired) ?? false
      caaIdentities =
        members.lenient(Items<String>.self, .caaIdentities)?.list.map(Document.line) ?? []
      profiles =
        members.lenient([String: String].self, .profiles)
        .map { $0.keys.sorted().prefix(Document.itemsMax).map(Document.line) } ?? []
    }
  }
}
