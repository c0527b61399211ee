/// Documents of a CA at `https://ca.test`, as RFC 8555 shows them.
package enum ACMEDocuments {
  package static let home = "https://ca.test"

  package static let directory = """
    {"newNonce": "\(home)/nonce", "newAccount": "\(home)/account", "newOrder": "\(home)/order",
    "revokeCert": "\(home)/revoke", "keyChange": "\(home)/key", "renewalInfo": "\(home)/renewal",
    "meta": {"termsOfService": "\(home)/terms", "caaIdentities": ["ca.test"],
    "externalAccountRequired": false, "profiles": {"short": "Six days", "classic": "As ever"}}}
    """

  /// With an authorization for each name, `authz/0` and so on.
  package static func order(
    _ status: String, _ names: [String], error: String? = nil
  ) -> String {
    let identifiers = names.map { #"{"type": "dns", "value": "\#($0)"}"# }
    let authorizations = names.indices.map { "\"\(home)/authz/\($0)\"" }
    let certificate = status == "valid" ? ", \"certificate\": \"\(home)/cert/1\"" : ""
    let problem = error.map { ", \"error\": \($0)" } ?? ""
    return """
      {"status": "\(status)", "expires": "2027-01-01T00:00:00Z",
      "identifiers": [\(identifiers.joined(separator: ", "))],
      "authorizations": [\(authorizations.joined(separator: ", "))],
      "finalize": "\(home)/finalize/1"\(certificate)\(problem)}
      """
  }

  /// With a challenge of each kind in `challenge`; its token is `token-NUMBER`.
  package static func authorization(
    _ name: String, _ number: Int, _ status: String, challenge: String = "pending",
    kinds: [String] = ["http-01", "dns-01", "tls-alpn-01"], error: String? = nil
  ) -> String {
    let isWildcard = name.hasPrefix("*.")
    let problem = error.map { ", \"error\": \($0)" } ?? ""
    let challenges = kinds.map { kind in
      """
      {"type": "\(kind)", "status": "\(challenge)", "url": "\(home)/challenge/\(number)",
      "token": "token-\(number)"\(problem)}
      """
    }
    return """
      {"status": "\(status)", "expires": "2027-01-01T00:00:00Z", "wildcard": \(isWildcard),
      "identifier": {"type": "dns", "value": "\(isWildcard ? String(name.dropFirst(2)) : name)"},
      "challenges": [\(challenges.joined(separator: ", "))]}
      """
  }

  package static func problem(_ type: String, _ detail: String = "no") -> String {
    #"{"type": "urn:ietf:params:acme:error:\#(type)", "detail": "\#(detail)"}"#
  }

  package static let chain = """
    -----BEGIN CERTIFICATE-----
    bm90IHJlYWQgaGVyZQ==
    -----END CERTIFICATE-----

    """
}
