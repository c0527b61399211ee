internal import TLS

/// One name that a CA wants to see proved, and how far that is.
struct ChallengeTask {
  let name: String
  /// The address of the authorization, which is asked until it is valid.
  let authorization: String
  /// The address that the CA is told at that it may look.
  let challenge: String
  let value: ChallengeValue
  /// The CA has been told already, by an issuer before this one.
  let isTriggered: Bool
  /// What the CA said when it was told, if it refused.
  var refusal: OrderFailure?

  init(
    _ challenge: Challenge, _ url: String, of name: String, authorization: String,
    thumbprint: String
  ) {
    self.name = name
    self.authorization = authorization
    self.challenge = url
    isTriggered = challenge.status != .pending
    // RFC 8555 §8.1.
    let whole = "\(challenge.token).\(thumbprint)"
    let digest = { Base64URL.encode(Hash.sha256(Array(whole.utf8))) }
    let host = name.hasPrefix("*.") ? String(name.dropFirst(2)) : name
    value =
      switch challenge.type {
      case .http: ChallengeValue(.http(token: challenge.token), whole)
      case .dns: ChallengeValue(.dns(name: host), digest())
      case .alpn: ChallengeValue(.alpn(name: host), digest())
      }
  }
}
