/// What a CA knows of its client, RFC 8555 §7.1.2.
package struct Account: Sendable, Equatable {
  /// `valid`, `deactivated` or `revoked`.
  package let status: String
  /// Addresses such as `mailto:ops@example.org`; a CA need not say them.
  package let contact: [String]?

  package init(_ bytes: [UInt8]) throws(ACMEError) {
    let members = try Document.read(Members.self, bytes, "the account")
    status = Document.line(members.status)
    contact = members.contact?.list
  }

  private struct Members: Decodable {
    let status: String
    let contact: Items<String>?
  }
}

/// What a CA that wants to know its customers gave for one account, RFC 8555 §7.3.4.
package struct ExternalAccount: Sendable, Equatable, CustomStringConvertible {
  package let id: String
  /// The secret of HMAC.
  let key: [UInt8]

  package init(id: String, key: [UInt8]) {
    self.id = id
    self.key = key
  }

  package var description: String { "external account \(id)" }
}
