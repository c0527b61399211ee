internal import ACME
internal import CertStore
internal import Configuration
internal import EventLoop
internal import Logging
internal import TLS

/// Has the certificates of the configuration issued and renewed, where this server is the one that issues.
///
/// It does one thing at a time: it reads what is there, orders what is due, asks a CA when it wants a
/// renewal, and does what an operator asks for. `Assessment` decides; the store says whose turn it is.
final class Issuer {
  let store: any IssuanceStore
  let loop: EventLoop
  let logger: Logger
  let now: () -> Int64
  let accounts: Accounts
  let publisher: any ChallengePublisher
  private let makeSolver: (AcmeSettings) throws -> any ChallengeSolver
  /// The way into DNS, once one was needed; it cleans up while the next order goes on.
  private var solver: (any ChallengeSolver)?
  private let warnings: Warnings
  private(set) var settings: AcmeSettings
  private(set) var wanted: [WantedCertificate] = []
  private var hosts: [String] = []
  private var index = CertificateIndex.empty
  /// What lies in the place of each certificate, by its name; not there before it was read.
  var kept: [String: Kept] = [:]
  private var activity: Activity?
  private var activities = 0
  /// Nothing is to be done before, as far as was seen when everything was judged last.
  private var idleUntil: Instant?
  private(set) var counts: [IssuanceCount: Int] = [:]
  /// What the store did not take; nothing else is done before it has.
  var unwritten: Unwritten?
  private var isEnded = false

  /// What was read of one certificate.
  struct Kept {
    var place: KeptCertificate?
    var facts: CertificateFacts?
    var readAt: Int64
  }

  /// What is being done now, for which certificate, since when.
  struct Activity {
    /// Tells one from the next: an answer may come after its activity was given up.
    let number: Int
    let name: String
    let since: Instant
    var progress: String
    var order: OrderRun?
  }

  /// How often what is stored is read again without a reason.
  private static let readEvery: Int64 = 3600

  init(
    _ settings: AcmeSettings, _ store: any IssuanceStore, _ publisher: any ChallengePublisher,
    on loop: EventLoop, logger: Logger, warnings: Warnings, now: @escaping () -> Int64,
    solver: @escaping (AcmeSettings) throws -> any ChallengeSolver
  ) {
    self.settings = settings
    self.store = store
    self.publisher = publisher
    self.loop = loop
    self.logger = logger
    self.warnings = warnings
    self.now = now
    makeSolver = solver
    accounts = Accounts(settings, store, on: loop, now: now)
    wanted = WantedCertificate.all(settings)
    store.changed = { [unowned self] in stepSoon() }
  }

  // MARK: What is wanted

  /// Goes on by another configuration.
  func reconfigure(_ next: AcmeSettings) {
    guard next != settings else { return }
    abandon()
    accounts.reconfigure(next)
    settings = next
    want()
  }

  /// Other hosts are routed, or have announced themselves; normalised, without wildcards.
  func route(_ hosts: [String]) {
    guard hosts != self.hosts else { return }
    self.hosts = hosts
    want()
  }

  /// Other certificates are served; one that is not what was read last is read again.
  func install(_ index: CertificateIndex) {
    self.index = index
    for (name, known) in kept {
      let serials = index.served.filter { isPlace($0.source, of: name) }.map(\.certificate.serial)
      if let serial = serials.first, serial != known.facts?.serial { kept[name] = nil }
      if serials.isEmpty, known.facts != nil { kept[name]?.readAt = 0 }
    }
    want()
  }

  private func isPlace(_ source: String, of name: String) -> Bool {
    source.hasSuffix("/\(name)") || source.hasSuffix("/\(name).pem")
  }

  private func want() {
    var next = WantedCertificate.all(settings)
    if settings.routedHosts {
      next += UncoveredHosts.wanted(hosts, settings, besides: next) { host in
        let name = Array(host.utf8)
        return index.entries.contains { entry in
          entry.covers(name.span) && !entry.sources.allSatisfy { isPlace($0, of: host) }
        }
      }
    }
    wanted = next
    let names = Set(next.map(\.name))
    kept = kept.filter { names.contains($0.key) }
    stepSoon()
  }

  // MARK: What is done

  func everySecond() {
    store.everySecond()
    step()
  }

  /// Something has changed.
  func stepSoon() {
    idleUntil = nil
    loop.soon { [weak self] in self?.step() }
  }

  /// Begins the next thing, where nothing is being done.
  func step() {
    guard !isEnded else { return }
    guard store.isHolder, store.failure == nil else {
      if activity != nil { abandon() }
      if !store.isHolder {
        unwritten = nil
        calm()
      }
      return
    }
    guard activity == nil else { return }
    if let unwritten { return writeAgain(unwritten) }
    if let idleUntil, loop.now < idleUntil { return }
    if doCommand() { return }
    if let name = unread { return readCertificate(name) }
    if let (matter, assessment) = mostUrgent() { return order(matter, assessment) }
    if let (matter, issuer) = mostCurious() { return askForRenewal(matter, issuer) }
    idleUntil = loop.now + .seconds(min(Self.idleMax, max(1, nextAt - now())))
  }

  /// When something is to be done by itself, for what was judged last.
  private var nextAt = Int64.max
  /// A thousand certificates are not judged each second; the clock may be set meanwhile.
  private static let idleMax: Int64 = 10

  private var unread: String? {
    wanted.first { certificate in
      guard let known = kept[certificate.name] else { return true }
      return now() >= known.readAt + Self.readEvery || now() < known.readAt
    }?.name
  }

  func begin(_ name: String, _ progress: String) {
    activities &+= 1
    activity = Activity(number: activities, name: name, since: loop.now, progress: progress)
  }

  func tell(_ progress: String) { activity?.progress = progress }

  /// What was being done is over, and the next thing begins at the end of the turn.
  func finish() {
    activity = nil
    stepSoon()
  }

  /// Gives up what is being done: it is another server's turn, or the rules have changed.
  private func abandon() {
    activity?.order?.cancel()
    activity = nil
    accounts.close()
    // It lives until what an order has put into DNS is taken away.
    solver = nil
  }

  /// What is being done for a certificate, for people.
  func progress(of name: String) -> String? {
    activity?.name == name ? activity?.progress : nil
  }

  private func readCertificate(_ name: String) {
    begin(name, "reading")
    let number = activity?.number
    store.certificate(name) { [weak self] result in
      guard let self, activity?.number == number else { return }
      switch result {
      case .success(let place):
        kept[name] = Kept(
          place: place, facts: place?.certificate.map { CertificateFacts($0) }, readAt: now())
        finish()
      case .failure: activity = nil
      }
    }
  }

  // MARK: Judgement

  /// Everything that is known of a certificate.
  func matter(_ wanted: WantedCertificate) -> CertificateMatter {
    let name = wanted.name
    return CertificateMatter(
      wanted: wanted, facts: kept[name]?.facts ?? servedFacts(name),
      order: store.read(.init(.orders, name), as: IssuanceRecords.Order.self)
        ?? IssuanceRecords.Order(),
      renewal: store.read(.init(.renewals, name), as: IssuanceRecords.Renewal.self),
      journal: store.read(
        .hash(.journal, wanted.fingerprint), as: IssuanceJournal.self) ?? IssuanceJournal(),
      request: store.read(.init(.requests, name), as: IssuanceRecords.Request.self))
  }

  /// What is served of a certificate, for servers that do not issue: they read nothing.
  private func servedFacts(_ name: String) -> CertificateFacts? {
    guard !store.isHolder else { return nil }
    return index.served.first { isPlace($0.source, of: name) }.map {
      CertificateFacts($0.certificate)
    }
  }

  var policy: IssuancePolicy {
    var closed: [String: Int64] = [:]
    for issuer in settings.issuers {
      guard let record = accounts.record(issuer.directory) else { continue }
      let until = max(record.closedUntil, record.allowance.opens(now: now()))
      if until > now() { closed[issuer.directory] = until }
    }
    return IssuancePolicy(
      issuers: settings.issuers.map(\.directory), renewAt: settings.renewAt, closed: closed)
  }

  func assessment(_ matter: CertificateMatter) -> Assessment {
    Assessment.of(matter, policy, now: now())
  }

  /// What is due, the one first that ends first.
  private func mostUrgent() -> (CertificateMatter, Assessment)? {
    let policy = policy
    let now = now()
    var found: (CertificateMatter, Assessment)?
    nextAt = now + Self.idleMax
    for certificate in wanted {
      let matter = matter(certificate)
      guard store.refusals["orders/\(certificate.name)"] == nil else { continue }
      let assessment = Assessment.of(matter, policy, now: now)
      guard assessment.state == .due else {
        nextAt = min(nextAt, assessment.next)
        continue
      }
      let end = matter.facts?.notAfter ?? 0
      if let known = found, known.0.facts?.notAfter ?? 0 <= end { continue }
      found = (matter, assessment)
    }
    return found
  }

  /// A certificate whose CA is to be asked when it wants the renewal, and that CA.
  private func mostCurious() -> (CertificateMatter, AcmeSettings.Issuer)? {
    guard settings.renewAt == nil else { return nil }
    for certificate in wanted {
      let matter = matter(certificate)
      guard let facts = matter.facts, facts.identifier != nil, let renewal = matter.renewal,
        renewal.serial == facts.serial, now() >= renewal.askAgain,
        let issuer = settings.issuers.first(where: { $0.directory == renewal.issuer })
      else { continue }
      return (matter, issuer)
    }
    return nil
  }

  // MARK: Orders

  private func order(_ matter: CertificateMatter, _ assessment: Assessment) {
    guard let issuer = settings.issuers.first(where: { $0.directory == assessment.issuer })
    else { return }
    begin(matter.wanted.name, "asking \(issuer.name)")
    logger.info(
      "a certificate is ordered",
      metadata: [
        "names": "\(matter.wanted.names.joined(separator: " "))", "issuer": "\(issuer.name)",
        "why": "\(assessment.why)",
      ])
    let issuance = Issuance(
      matter, issuer, replaces: assessment.isSuggested ? matter.facts?.identifier : nil,
      profile: issuer.profile, isRehearsal: false)
    run(issuance)
  }

  /// Orders, and does with the result what the order is for.
  func run(_ issuance: Issuance) {
    let number = activity?.number
    accounts.client(issuance.issuer) { [weak self] result in
      guard let self, activity?.number == number else { return }
      switch result {
      case .success(let client): run(issuance, client)
      case .failure(let failure): failed(issuance, IssuanceProblem(failure, now: now()))
      }
    }
  }

  private func run(_ issuance: Issuance, _ client: ACMEClient) {
    guard let directory = client.directory else { return finish() }
    let solver: (any ChallengeSolver)?
    let thumbprint: String
    do {
      thumbprint = try client.thumbprint()
      solver = issuance.wanted.challenge == .dns ? try self.solver ?? makeSolver(settings) : nil
    } catch {
      return failed(issuance, IssuanceProblem(text: "\(error)"))
    }
    let number = activity?.number
    let machine = OrderMachine(
      names: issuance.wanted.names, challenge: issuance.wanted.challenge,
      kind: issuance.wanted.key.kind, profile: issuance.profile, replaces: issuance.replaces,
      directory: directory, accountThumbprint: thumbprint,
      resuming: issuance.isRehearsal ? nil : issuance.pending)
    let run = OrderRun(
      machine, kind: issuance.wanted.key.kind, client: client, publisher: publisher,
      solver: solver, on: loop,
      keep: { [weak self] in self?.keep(issuance, $0, $1) },
      told: { [weak self] in self?.tell($0) },
      finished: { [weak self] result in
        guard let self, activity?.number == number else { return }
        switch result {
        case .success(let issued):
          issuance.isRehearsal
            ? rehearsed(issuance) : took(issuance, issued.chain, issued.key)
        case .failure(let failure):
          failed(issuance, IssuanceProblem(failure, names: issuance.wanted.names, now: now()))
        }
      })
    activity?.order = run
    if let solver { self.solver = solver }
    count(issuance) { [weak self] failure in
      guard let self, activity?.order === run else { return }
      if let failure { return failed(issuance, IssuanceProblem(failure)) }
      run.begin()
    }
  }

  func count(_ issuer: String, _ result: IssuanceCount.Result) {
    counts[IssuanceCount(issuer: issuer, result: result), default: 0] += 1
  }

  func warn(_ name: String, _ text: String, advice: String) {
    warnings.raise("acme \(name)", text, advice: advice)
  }

  func calm(_ name: String) { warnings.clear("acme \(name)") }

  /// What another server does is its own to tell of.
  private func calm() {
    for certificate in wanted { calm(certificate.name) }
  }

  // MARK: The end

  /// Lets another server issue.
  func end() {
    isEnded = true
    abandon()
    store.changed = {}
    store.end()
    calm()
  }
}

extension AcmeSettings.KeyKind {
  var kind: SigningKey.Kind { self == .rsa ? .rsa : .ecdsa }
}

@available(*, unavailable) extension Issuer: Sendable {}
