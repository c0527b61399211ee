internal import ACME
internal import Configuration
internal import TLS

/// What administrators are told, and what they ask for.
extension Issuer {
  var section: IssuanceSection {
    let policy = policy
    let issuers = settings.issuers
    return IssuanceSection(
      holder: store.holder, isHolder: store.isHolder, failure: failure,
      refusals: store.refusals,
      accounts: issuers.compactMap { issuer in
        accounts.record(issuer.directory).map { (issuer.name, $0.url) }
      },
      rows: wanted.map { row($0, policy) }, counts: counts,
      accountOutcome: outcome(of: Self.accountRequest))
  }

  private func outcome(of name: String) -> IssuanceRecords.Outcome? {
    store.read(.init(.orders, name), as: IssuanceRecords.Order.self)?.outcome
  }

  private func row(
    _ wanted: WantedCertificate, _ policy: IssuancePolicy
  ) -> IssuanceSection.Row {
    let matter = matter(wanted)
    let progress = progress(of: wanted.name)
    let assessment = Assessment.of(matter, policy, now: now())
    var (state, why) = ("\(assessment.state)", assessment.why)
    if !store.isHolder, matter.order.pending != nil, assessment.state != .served {
      (state, why) = ("ordering", "an order is under way")
    }
    if let progress, progress != "reading" { (state, why) = ("ordering", progress) }
    let directory = assessment.issuer
    let issuer = settings.issuers.first { $0.directory == directory }?.name ?? directory
    return IssuanceSection.Row(
      name: wanted.name, names: wanted.names, key: wanted.key.rawValue, state: state,
      issuer: issuer,
      expires: matter.facts?.notAfter, next: assessment.next, why: why,
      attempts: matter.order.attempts.failures, lastFailure: matter.order.attempts.last,
      outcome: matter.order.outcome, isAsked: matter.request != nil)
  }

  // MARK: Commands

  /// What became of a command so far: the status of the answer, and a line.
  struct Reply {
    let status: Int
    let text: String
  }

  /// Writes down what an operator wants; the server that issues does it.
  func ask(_ command: CertificateCommand) -> Reply {
    let (what, isForced, reason): (IssuanceRecords.Request.What, Bool, Int) =
      switch command.action {
      case .issue(let isForced): (.issue, isForced, 0)
      case .rehearse: (.rehearse, false, 0)
      case .renew: (.renew, false, 0)
      case .revoke(let reason): (.revoke, false, reason)
      case .rotate: (.rotate, false, 0)
      }
    return ask(what, command.names, isForced: isForced, reason: reason)
  }

  private func ask(
    _ what: IssuanceRecords.Request.What, _ asked: [String], isForced: Bool, reason: Int
  ) -> Reply {
    if let failure { return Reply(status: 503, text: failure) }
    var names: [String] = []
    if what == .rotate {
      names = [Self.accountRequest]
    } else {
      for name in asked {
        let name = name.lowercased()
        let found = wanted.filter { $0.name == name || $0.names.contains(name) }
        guard !found.isEmpty else {
          return Reply(
            status: 404,
            text: "no certificate of the configuration is called '\(name)' or is for that name")
        }
        names += found.map(\.name).filter { !names.contains($0) }
      }
    }
    guard !names.isEmpty else { return Reply(status: 422, text: "name a certificate") }
    let id = "\(now())-\(UInt32.random(in: 0 ... .max))"
    let request = IssuanceRecords.Request(
      id: id, what: what, isForced: isForced, reason: reason, at: now())
    for name in names {
      let change = RecordChange.put(.init(.requests, name), request)
      store.ask(change) { [weak self, logger] failure in
        guard let failure else { return }
        if let self, case .failed(let reason) = failure, store.isHolder {
          wrote(nothingOf: [change], reason)
        }
        logger.warning(
          "a command about certificates was not written down",
          metadata: ["name": "\(name)", "reason": "\(failure)"])
      }
    }
    return Reply(status: 202, text: "\(id) \(names.joined(separator: " "))")
  }
}
