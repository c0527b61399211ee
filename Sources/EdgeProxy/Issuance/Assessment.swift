internal import ACME
internal import Calendar
internal import TLS

/// What is known of a certificate that is there.
struct CertificateFacts: Sendable, Equatable {
  let names: Set<String>
  let isRSA: Bool
  let serial: String
  let notBefore: Int64
  let notAfter: Int64
  /// What the CA calls it when it is asked about its renewal, RFC 9773 §4.1; `nil` where it has no name for it.
  let identifier: String?

  init(_ certificate: Certificate) {
    names = Set(certificate.names.map { $0.lowercased() })
    isRSA = certificate.keyKind == .rsa
    serial = certificate.serial
    notBefore = certificate.issuedAt
    notAfter = certificate.notAfter
    identifier = CertificateIdentifier.text(of: certificate)
  }

  init(
    names: Set<String>, isRSA: Bool = false, serial: String, notBefore: Int64, notAfter: Int64,
    identifier: String? = nil
  ) {
    self.names = names
    self.isRSA = isRSA
    self.serial = serial
    self.notBefore = notBefore
    self.notAfter = notAfter
    self.identifier = identifier
  }
}

/// Everything that decides whether one certificate is to be ordered; times are seconds since 1970.
struct CertificateMatter {
  var wanted: WantedCertificate
  /// `nil` where there is none.
  var facts: CertificateFacts?
  var order = IssuanceRecords.Order()
  var renewal: IssuanceRecords.Renewal?
  var journal = IssuanceJournal()
  /// What an operator wants of it now.
  var request: IssuanceRecords.Request?

  /// The directory of the CA that issued the one that is there; `nil` where another program had it issued.
  var giver: String? {
    guard let renewal, let facts, renewal.serial == facts.serial else { return nil }
    return renewal.issuer
  }

  /// The one that is there is worth nothing any more.
  var isRevoked: Bool {
    guard let renewal, renewal.isRevoked else { return false }
    return renewal.serial == facts?.serial
  }
}

/// The rules of a configuration by which matters are judged.
struct IssuancePolicy {
  /// Directories of the CAs in the operator's order, never none.
  var issuers: [String]
  /// The part of the lifetime after which a certificate is renewed; `nil` asks the CA.
  var renewAt: Double?
  /// CAs that take no orders of our account before a time, by their directories.
  var closed: [String: Int64] = [:]
}

/// What is to be done about one certificate.
struct Assessment: Equatable {
  enum State: Equatable {
    /// It is good until `next`.
    case served
    /// It is to be ordered now.
    case due
    /// It is needed, and may be ordered at `next`.
    case waiting
  }

  var state: State
  /// When something is to be done about it.
  var next: Int64
  /// The directory of the CA that is to be asked; of one that is served, the CA that issued it, empty where that
  /// is not known.
  var issuer: String
  /// Why, for people.
  var why: String
  /// The CA named the time: it does not count this order as one more.
  var isSuggested = false

  static func of(_ matter: CertificateMatter, _ policy: IssuancePolicy, now: Int64) -> Assessment {
    let (need, isSuggested) = need(matter, policy, now: now)
    guard let need else {
      let (time, why) = renewal(matter, policy)
      return Assessment(
        state: .served, next: time, issuer: matter.giver ?? "", why: why)
    }
    var attempts = matter.order.attempts
    if matter.request != nil { attempts.hurry() }
    if let pending = matter.order.pending, policy.issuers.contains(pending.issuer),
      attempts.next([pending.issuer], now: now).at <= now
    {
      return Assessment(
        state: .due, next: now, issuer: pending.issuer, why: "\(need); an order is under way",
        isSuggested: isSuggested)
    }
    let open = policy.issuers.filter { policy.closed[$0, default: 0] <= now }
    var (issuer, at) = attempts.next(open.isEmpty ? policy.issuers : open, now: now)
    var why = need
    if open.isEmpty { at = max(at, policy.closed.values.min() ?? at) }
    if at > now { why += "; \(Self.waits(matter, open: !open.isEmpty))" }
    let opens = opens(matter, policy, isSuggested: isSuggested, now: now)
    if opens > now, !matter.isRevoked, !(matter.request?.isForced ?? false) {
      at = max(at, opens)
      why +=
        "; the same names were issued \(IssuanceJournal.countMax) times in 7 days: another order"
        + " needs 'edgeproxy acme issue NAME --force'"
    }
    return Assessment(
      state: at <= now ? .due : .waiting, next: max(at, now), issuer: issuer, why: why,
      isSuggested: isSuggested)
  }

  /// When the limit of ours lets the same names be ordered again.
  ///
  /// An old certificate that comes back in the place of the one that was issued is no reason to renew.
  private static func opens(
    _ matter: CertificateMatter, _ policy: IssuancePolicy, isSuggested: Bool, now: Int64
  ) -> Int64 {
    if isSuggested, let facts = matter.facts {
      return matter.journal.opens(suggestedFor: facts.notAfter, now: now)
    }
    guard let facts = matter.facts, otherNeed(matter, policy) == nil,
      matter.renewal?.serial == facts.serial
    else { return matter.journal.opens(now: now) }
    return matter.journal.opens(renewing: facts.notAfter, now: now)
  }

  private static func waits(_ matter: CertificateMatter, open: Bool) -> String {
    guard open else { return "every CA has closed this account for some time" }
    guard let last = matter.order.attempts.last else { return "it waits" }
    return "it failed \(matter.order.attempts.failures) times, last: \(last.problem)"
  }

  /// Why a certificate is needed, and whether the CA itself named the time; `nil` while it is not.
  private static func need(
    _ matter: CertificateMatter, _ policy: IssuancePolicy, now: Int64
  ) -> (String?, isSuggested: Bool) {
    if let need = otherNeed(matter, policy) { return (need, false) }
    let (time, why) = renewal(matter, policy)
    guard time <= now else { return (nil, false) }
    return (why, chosen(matter, policy) == time)
  }

  /// Why a certificate is needed, where the reason is not the age of the one that is there.
  private static func otherNeed(
    _ matter: CertificateMatter, _ policy: IssuancePolicy
  ) -> String? {
    if let request = matter.request, request.what == .issue || request.what == .renew {
      return "an operator asked for it"
    }
    guard let facts = matter.facts else { return "there is none" }
    if facts.names != Set(matter.wanted.names) { return "the one that is there has other names" }
    if facts.isRSA != (matter.wanted.key == .rsa) {
      return "the one that is there has another kind of key"
    }
    guard let renewal = matter.renewal, renewal.serial == facts.serial else { return nil }
    if !policy.issuers.contains(renewal.issuer) {
      return "the one that is there comes from \(renewal.issuer), which is not among the issuers"
    }
    return renewal.isRevoked ? "the one that is there is revoked" : nil
  }

  /// The time within the CA's window, where that is what counts.
  private static func chosen(_ matter: CertificateMatter, _ policy: IssuancePolicy) -> Int64? {
    guard policy.renewAt == nil, let renewal = matter.renewal,
      renewal.serial == matter.facts?.serial
    else { return nil }
    return renewal.chosen
  }

  /// When the certificate that is there is to be renewed, and by which rule.
  private static func renewal(
    _ matter: CertificateMatter, _ policy: IssuancePolicy
  ) -> (Int64, String) {
    guard let facts = matter.facts else { return (0, "there is none") }
    if let chosen = chosen(matter, policy) { return (chosen, "the CA suggests to renew it") }
    let time = RenewalPlan.time(
      notBefore: facts.notBefore, notAfter: facts.notAfter, part: policy.renewAt,
      seed: Array(matter.wanted.fingerprint.utf8))
    return (time, "its lifetime says so")
  }
}
