internal import ACME
internal import Configuration
internal import TLS

/// One certificate that is being ordered from one CA.
struct Issuance {
  let matter: CertificateMatter
  let issuer: AcmeSettings.Issuer
  /// What the CA calls the certificate that is replaced, where it named the time.
  let replaces: String?
  let profile: String?
  /// Nothing is stored: it only shows whether an order would come to its end.
  let isRehearsal: Bool

  init(
    _ matter: CertificateMatter, _ issuer: AcmeSettings.Issuer, replaces: String?, profile: String?,
    isRehearsal: Bool
  ) {
    self.matter = matter
    self.issuer = issuer
    self.replaces = replaces
    self.profile = profile
    self.isRehearsal = isRehearsal
  }

  var wanted: WantedCertificate { matter.wanted }

  /// The order at this CA that has not come to its end, where it is for these names and this kind of key.
  var pending: OrderRecord? {
    guard let pending = matter.order.pending, pending.issuer == issuer.directory,
      Set(pending.names) == Set(wanted.names),
      let key = try? SigningKey(pem: Array(pending.key.utf8)), key.kind == wanted.key.kind
    else { return nil }
    return OrderRecord(
      issuer: pending.issuer, order: pending.url, key: Array(pending.key.utf8), names: pending.names
    )
  }
}

/// Why an attempt came to nothing: for people, and for what follows from it.
struct IssuanceProblem {
  let text: String
  var cause = IssuanceAttempts.Cause.other
  /// The order is over, and nothing of it is to be taken up again.
  var endsOrder = false
  /// The account is to be opened again before it is used.
  var isAboutAccount = false
  /// It was not the CA that refused: it counts for no CA.
  var isOurs: Bool { cause == .ours }

  init(text: String) { self.text = text }

  init(_ failure: IssuanceFailure) {
    text = failure.description
    cause = .ours
  }

  init(_ failure: Accounts.Failure, now: Int64) {
    text = failure.description
    isAboutAccount = true
    switch failure {
    case .store: cause = .ours
    case .client(let error) where error.isRateLimited:
      cause = .rateLimited(until: Self.time(error.retryAfter, now), wholeAccount: true)
    case .client, .other, .clock: break
    }
  }

  private static func time(_ after: Duration?, _ now: Int64) -> Int64 {
    let (until, overflow) = now.addingReportingOverflow(after?.components.seconds ?? 0)
    return overflow ? .max : until
  }

  init(_ failure: OrderRun.Failure, names: [String], now: Int64) {
    switch failure {
    case .solver(let failure): text = failure.description
    case .unpublished:
      text =
        "the CA was not asked to look: what it is to be shown did not become known to this server;"
        + " etcd did not take it, or a worker does not answer"
      cause = .ours
    case .key(let error): text = "\(error)"
    case .store(let failure):
      text = failure.description
      cause = .ours
    case .order(let failure):
      text = failure.description
      switch failure.kind {
      case .validation:
        cause = .validation
        endsOrder = true
      case .rejected: endsOrder = true
      case .rateLimited(let after):
        cause = .rateLimited(
          until: Self.time(after, now), wholeAccount: !Self.isAboutNames(failure, names))
      case .account: isAboutAccount = true
      case .server, .local: break
      }
    }
  }

  /// Whether a limit is one of some names: a CA's text says so, there is no other sign.
  ///
  /// Let's Encrypt counts for an exact set of names, for a registered domain, and for an account.
  private static func isAboutNames(_ failure: OrderFailure, _ names: [String]) -> Bool {
    let text = (failure.problem.map { "\($0)" } ?? failure.reason).lowercased()
    if failure.name != nil || text.contains("exact set") { return true }
    return names.contains { name in
      let labels = name.split(separator: ".").filter { $0 != "*" }
      guard labels.count > 1 else { return false }
      return text.contains(labels.suffix(2).joined(separator: "."))
    }
  }
}
