internal import ACME
internal import CertStore
internal import Configuration
internal import Logging
internal import TLS

/// What becomes of orders.
extension Issuer {
  private func name(_ issuance: Issuance) -> RecordName { .init(.orders, issuance.wanted.name) }

  /// Stores what has to survive the death of this server, before the CA goes on with the order.
  func keep(
    _ issuance: Issuance, _ record: OrderRecord, _ done: @escaping (IssuanceFailure?) -> Void
  ) {
    guard !issuance.isRehearsal else { return loop.soon { done(nil) } }
    var order = issuance.matter.order
    order.pending = IssuanceRecords.Pending(
      issuer: record.issuer, url: record.order, key: String(decoding: record.key, as: UTF8.self),
      names: record.names)
    store.write([.put(name(issuance), order)], done)
  }

  /// Counts an order before the CA is asked for it.
  ///
  /// Where this cannot be written, what the order comes to could not be either.
  func count(_ issuance: Issuance, _ done: @escaping (IssuanceFailure?) -> Void) {
    guard !issuance.isRehearsal, issuance.pending == nil,
      var account = accounts.record(issuance.issuer.directory)
    else { return done(nil) }
    account.allowance.ordered(now: now())
    store.write([accounts.change(account)], done)
  }

  /// The CA has issued: the certificate goes where all are stored, with the records that follow from it.
  func took(_ issuance: Issuance, _ chain: [UInt8], _ key: [UInt8]) {
    let wanted = issuance.wanted
    tell("storing")
    let issued: Certificate
    do throws(CertificateError) {
      issued = try Certificate(pem: chain, keyPEM: key)
    } catch {
      return spoilt(issuance, "the CA's certificate is none that could be served: \(error)")
    }
    let names = Set(issued.names.map { $0.lowercased() })
    guard names.isSuperset(of: wanted.names) else {
      let text = names.sorted().prefix(10).joined(separator: " ")
      return spoilt(issuance, "the CA issued a certificate for other names: \(text)")
    }
    var journal = issuance.matter.journal
    journal.issued(at: now())
    var order = IssuanceRecords.Order()
    let request = request(issuance)
    order.outcome = outcome(request, isDone: true, "issued by \(issuance.issuer.name)")
    var changes: [RecordChange] = [
      .put(name(issuance), order), .put(.hash(.journal, wanted.fingerprint), journal),
    ]
    changes += done(with: request, of: wanted.name)
    changes.append(
      .put(
        .init(.renewals, wanted.name),
        IssuanceRecords.Renewal(
          serial: issued.serial, issuer: issuance.issuer.directory)))
    store.put(
      wanted.name, chain: chain, key: key, replacing: kept[wanted.name]?.place, changes
    ) { [weak self] result in
      guard let self else { return }
      switch result {
      case .success(let certificate): stored(issuance, certificate)
      case .failure(let failure):
        // What lies there is read again before anything else is done.
        kept[wanted.name] = nil
        if failure == .overtaken { return overtaken(issuance, journal) }
        var problem = IssuanceProblem(text: "the certificate was not stored: \(failure)")
        if case .refused = failure { problem.endsOrder = true } else { problem.cause = .ours }
        failed(issuance, problem)
      }
    }
  }

  /// Another program has stored a certificate meanwhile: it stays, and is judged like any other.
  ///
  /// The order is over. Its certificate would be an old one when this one ends.
  private func overtaken(_ issuance: Issuance, _ journal: IssuanceJournal) {
    let wanted = issuance.wanted
    var order = IssuanceRecords.Order()
    let text = "\(IssuanceFailure.overtaken); it stays"
    let request = request(issuance)
    order.outcome = outcome(request, isDone: false, text)
    logger.notice("\(text)", metadata: ["names": "\(wanted.names.joined(separator: " "))"])
    calm(wanted.name)
    record(
      [.put(name(issuance), order), .put(.hash(.journal, wanted.fingerprint), journal)]
        + done(with: request, of: wanted.name))
  }

  /// What the CA issued is of no use, and would be the same if it were fetched again.
  private func spoilt(_ issuance: Issuance, _ text: String) {
    var problem = IssuanceProblem(text: text)
    problem.endsOrder = true
    failed(issuance, problem)
  }

  private func stored(_ issuance: Issuance, _ certificate: Certificate) {
    let name = issuance.wanted.name
    kept[name] = nil
    count(issuance.issuer.name, .issued)
    calm(name)
    logger.notice(
      "certificate issued",
      metadata: [
        "names": "\(issuance.wanted.names.joined(separator: " "))",
        "issuer": "\(issuance.issuer.name)", "serial": "\(certificate.serial)",
        "days": "\((certificate.notAfter - now()) / 86_400)",
      ])
    finish()
  }

  /// An attempt came to nothing; the next one waits, longer each time.
  func failed(_ issuance: Issuance, _ problem: IssuanceProblem) {
    let wanted = issuance.wanted
    let issuers = settings.issuers.map(\.directory)
    if problem.isAboutAccount { accounts.forget(issuance.issuer.directory) }
    var order =
      store.read(name(issuance), as: IssuanceRecords.Order.self) ?? issuance.matter.order
    if problem.endsOrder { order.pending = nil }
    if issuance.isRehearsal { return rehearsed(issuance, order, problem.text) }
    order.attempts.failed(
      problem.cause, at: issuance.issuer.directory, problem: problem.text, issuers: issuers,
      now: now())
    let request = request(issuance)
    order.outcome = outcome(request, isDone: false, problem.text) ?? order.outcome
    var changes = [RecordChange.put(name(issuance), order)]
    changes += done(with: request, of: wanted.name)
    if case .rateLimited(let until, wholeAccount: true) = problem.cause,
      var account = accounts.record(issuance.issuer.directory)
    {
      account.closedUntil = min(max(until, now() + 3600), now() + 14 * 86_400)
      changes.append(accounts.change(account))
    }
    if !problem.isOurs { count(issuance.issuer.name, .failed) }
    let next = order.attempts.next(issuers, now: now()).at
    if store.isHolder { tellFailure(issuance, problem.text, next: next) }
    record(changes)
  }

  private func tellFailure(_ issuance: Issuance, _ problem: String, next: Int64) {
    let wanted = issuance.wanted
    let seconds = max(0, next - now())
    logger.warning(
      "no certificate was issued",
      metadata: [
        "names": "\(wanted.names.joined(separator: " "))", "issuer": "\(issuance.issuer.name)",
        "problem": "\(problem)", "next_attempt_in": "\(seconds) s",
      ])
    warn(
      wanted.name,
      "no certificate for \(wanted.names.prefix(3).joined(separator: " ")): \(problem)",
      advice: "it is tried again in \(seconds) s; 'edgeproxy acme status' tells more, and"
        + " 'edgeproxy --check-config --live' looks whether the names lead here")
  }

  // MARK: Commands

  /// The command that an order answers; one that came while it was under way wanted the same.
  private func request(_ issuance: Issuance) -> IssuanceRecords.Request? {
    if let request = issuance.matter.request { return request }
    let later = store.read(
      .init(.requests, issuance.wanted.name), as: IssuanceRecords.Request.self)
    return later?.what == .issue ? later : nil
  }

  func outcome(
    _ request: IssuanceRecords.Request?, isDone: Bool, _ text: String
  ) -> IssuanceRecords.Outcome? {
    request.map {
      IssuanceRecords.Outcome(request: $0.id, at: now(), isDone: isDone, text: text)
    }
  }

  /// A command is done with, whatever came of it.
  func done(with request: IssuanceRecords.Request?, of name: String) -> [RecordChange] {
    request == nil ? [] : [.remove(.init(.requests, name))]
  }

  func rehearsed(_ issuance: Issuance) {
    let order =
      store.read(name(issuance), as: IssuanceRecords.Order.self) ?? issuance.matter.order
    rehearsed(issuance, order, nil)
  }

  private func rehearsed(
    _ issuance: Issuance, _ order: IssuanceRecords.Order, _ problem: String?
  ) {
    var order = order
    let text = problem ?? "an order at \(issuance.issuer.name) would come to its end"
    order.outcome = outcome(issuance.matter.request, isDone: problem == nil, text)
    let changes =
      [RecordChange.put(name(issuance), order)]
      + done(with: issuance.matter.request, of: issuance.wanted.name)
    record(changes)
  }
}
