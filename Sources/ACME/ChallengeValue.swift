/// How a CA satisfies itself that a name is ours, RFC 8555 §8 and RFC 8737.
package enum ChallengeType: String, Sendable, Hashable, CaseIterable {
  case http = "http-01"
  case alpn = "tls-alpn-01"
  case dns = "dns-01"
}

/// What a CA asks to see for one name.
package struct ChallengeValue: Sendable, Hashable {
  /// Where the CA looks for it.
  package enum Place: Sendable, Hashable {
    /// At `/.well-known/acme-challenge/TOKEN`, RFC 8555 §8.3.
    case http(token: String)
    /// In a TXT record of `_acme-challenge.NAME`, RFC 8555 §8.4; the name is without that and without `*.`.
    case dns(name: String)
    /// In a certificate for the name, RFC 8737 §3.
    case alpn(name: String)
  }

  package let place: Place
  /// The key authorization for `http`; for the others its SHA-256 in base64url.
  package let value: String

  package init(_ place: Place, _ value: String) {
    self.place = place
    self.value = value
  }
}
