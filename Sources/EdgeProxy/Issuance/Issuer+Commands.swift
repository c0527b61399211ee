internal import ACME
internal import Calendar
internal import Configuration
internal import Logging
internal import TLS

/// What operators ask for: any server of the fleet writes it down, and the one that issues does it.
extension Issuer {
  /// What the request about an account is called; no certificate has such a name.
  static let accountRequest = "@account"

  /// Does the oldest command that is not an order; `false` where there is none.
  func doCommand() -> Bool {
    if let request = request(Self.accountRequest), request.what == .rotate {
      rotate(request)
      return true
    }
    for certificate in wanted {
      guard let request = request(certificate.name) else { continue }
      switch request.what {
      case .issue, .renew:
        let assessment = assessment(matter(certificate))
        // Nobody waits for days, and nobody wants it then without knowing.
        guard assessment.state == .waiting else { continue }
        refuse(
          request, certificate.name, "\(assessment.why); not before \(UTC.text(assessment.next))")
      case .rotate: refuse(request, certificate.name, "an account has no such name")
      case .rehearse: rehearse(matter(certificate), request)
      case .revoke: revoke(matter(certificate), request)
      }
      return true
    }
    return false
  }

  private func request(_ name: String) -> IssuanceRecords.Request? {
    store.read(.init(.requests, name), as: IssuanceRecords.Request.self)
  }

  /// The command is over, and what came of it is written where the certificate's orders are.
  private func conclude(
    _ request: IssuanceRecords.Request, _ name: String, isDone: Bool, _ text: String,
    _ more: [RecordChange] = []
  ) {
    let place = RecordName(.orders, name)
    var order =
      store.read(place, as: IssuanceRecords.Order.self) ?? IssuanceRecords.Order()
    order.outcome = outcome(request, isDone: isDone, text)
    let changes = [RecordChange.put(place, order)] + done(with: request, of: name) + more
    record(changes)
  }

  private func refuse(_ request: IssuanceRecords.Request, _ name: String, _ text: String) {
    begin(name, "refusing")
    conclude(request, name, isDone: false, text)
  }

  private func rehearse(_ matter: CertificateMatter, _ request: IssuanceRecords.Request) {
    guard let staging = settings.issuers.lazy.compactMap(\.rehearsal).first else {
      return refuse(
        request, matter.wanted.name,
        "none of the issuers has a staging directory; letsencrypt and google have")
    }
    begin(matter.wanted.name, "rehearsing at \(staging.name)")
    run(Issuance(matter, staging, replaces: nil, profile: staging.profile, isRehearsal: true))
  }

  // MARK: Revocation

  private func revoke(_ matter: CertificateMatter, _ request: IssuanceRecords.Request) {
    let name = matter.wanted.name
    guard let certificate = kept[name]?.place?.certificate else {
      guard kept[name] != nil else {
        begin(name, "reading")
        return store.certificate(name) { [weak self] result in
          guard let self else { return }
          if case .success(let place) = result {
            kept[name] = Kept(
              place: place, facts: place?.certificate.map { CertificateFacts($0) }, readAt: now())
          }
          finish()
        }
      }
      return refuse(request, name, "there is no certificate to revoke")
    }
    let directory = matter.renewal?.issuer ?? settings.issuers.first?.directory
    guard let issuer = settings.issuers.first(where: { $0.directory == directory }) else {
      return refuse(request, name, "it was issued by \(directory ?? ""), which is not configured")
    }
    begin(name, "revoking")
    accounts.client(issuer) { [weak self] result in
      guard let self else { return }
      switch result {
      case .failure(let failure):
        conclude(request, name, isDone: false, failure.description)
      case .success(let client): revoke(certificate, request, name, client)
      }
    }
  }

  /// Another certificate is ordered at once: the one that is served is worth nothing.
  private func revoke(
    _ certificate: Certificate, _ request: IssuanceRecords.Request, _ name: String,
    _ client: ACMEClient
  ) {
    client.revoke(
      certificate.chain.first ?? [],
      reason: RevocationReason(rawValue: request.reason) ?? .unspecified
    ) { [weak self] result in
      guard let self else { return }
      if case .failure(let error) = result {
        return conclude(request, name, isDone: false, "\(error)")
      }
      logger.notice(
        "certificate revoked", metadata: ["name": "\(name)", "serial": "\(certificate.serial)"])
      var renewal =
        store.read(.init(.renewals, name), as: IssuanceRecords.Renewal.self)
        ?? IssuanceRecords.Renewal(serial: certificate.serial, issuer: "")
      renewal.serial = certificate.serial
      renewal.isRevoked = true
      conclude(
        request, name, isDone: true, "certificate \(certificate.serial) is revoked",
        [.put(.init(.renewals, name), renewal)])
    }
  }

  // MARK: The account's key

  private func rotate(_ request: IssuanceRecords.Request) {
    begin(Self.accountRequest, "changing the account's key")
    rotate(request, settings.issuers, [])
  }

  /// One CA after the other; one without an account has nothing to change.
  private func rotate(
    _ request: IssuanceRecords.Request, _ issuers: [AcmeSettings.Issuer], _ told: [String]
  ) {
    guard let issuer = issuers.first else {
      let text = told.isEmpty ? "there is no account yet" : told.joined(separator: "; ")
      let isDone = !told.contains { $0.contains(": ") }
      return conclude(request, Self.accountRequest, isDone: isDone, text)
    }
    let rest = Array(issuers.dropFirst())
    guard accounts.record(issuer.directory) != nil else { return rotate(request, rest, told) }
    accounts.rotate(issuer) { [weak self] failure in
      let line = failure.map { "\(issuer.name): \($0)" } ?? "\(issuer.name) has another key"
      self?.rotate(request, rest, told + [line])
    }
  }

  // MARK: When the CA wants a renewal

  func askForRenewal(_ matter: CertificateMatter, _ issuer: AcmeSettings.Issuer) {
    let name = matter.wanted.name
    begin(name, "asking when it is to be renewed")
    accounts.client(issuer) { [weak self] result in
      guard let self else { return }
      guard case .success(let client) = result, let identifier = matter.facts?.identifier,
        client.directory?.renewalInfo != nil
      else { return answered(matter, nil) }
      client.renewalInfo(identifier) { [weak self] result in
        self?.answered(matter, try? result.get())
      }
    }
  }

  /// The time within the window is chosen once: the next server that issues finds the same.
  private func answered(_ matter: CertificateMatter, _ info: RenewalInfo?) {
    guard var renewal = matter.renewal, let facts = matter.facts else { return finish() }
    let window = renewal.windowStart
    renewal.askAgain = RenewalPlan.nextQuestion(
      after: info?.retryAfter?.components.seconds, now: now())
    if let info, info.start != window || renewal.windowEnd != info.end {
      renewal.windowStart = info.start
      renewal.windowEnd = info.end
      renewal.chosen = RenewalPlan.time(
        window: info.start...max(info.start, info.end),
        notBefore: facts.notBefore, notAfter: facts.notAfter,
        random: UInt32.random(in: 0..<1_000_000))
      renewal.explanation = info.explanation
    }
    record([.put(.init(.renewals, matter.wanted.name), renewal)])
  }
}
