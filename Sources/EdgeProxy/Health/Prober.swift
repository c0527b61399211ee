internal import Configuration
internal import EventLoop
internal import TLS

/// Checks nodes on the control loop: those of upstreams with `health` at intervals, and at once
/// those that workers suspect.
///
/// The times of the checks are spread, so that they do not come in bursts, and at most `runningMax`
/// run at a time. What follows from an outcome is decided by `CheckRecord` and `NodeCondition`. A
/// suspect that fails twice in a row, `suspectPause` apart, is put out at once; from then on it is
/// checked until it is well again, also where the upstream has no checks.
final class Prober {
  /// Beside suspects, which never wait.
  static let runningMax = 32
  static let suspectFall: UInt64 = 2
  static let suspectPause = Duration.milliseconds(200)
  static let suspectTimeout = Duration.milliseconds(750)
  /// Between two checks of a former suspect in an upstream without checks.
  static let watchInterval = Duration.seconds(1)

  private let links: PeerLinks
  private let loop: EventLoop
  private var random: RandomSource
  private var upstreams: [UpstreamState] = []
  private var patients: [ObjectIdentifier: Patient] = [:]
  /// For each upstream, by its `lasting`.
  private var identities: [ObjectIdentifier: CheckIdentity] = [:]
  private var runningCount = 0

  init(links: PeerLinks, seed: UInt64 = .random(in: 1 ... .max)) {
    self.links = links
    loop = links.loop
    random = RandomSource(seed: seed)
  }

  // MARK: Which nodes

  /// Takes over what there is to check; what is known of a node that stays is kept.
  func follow(_ upstreams: [UpstreamState]) {
    self.upstreams = upstreams
    var kept: [ObjectIdentifier: Patient] = [:]
    for upstream in upstreams {
      for node in upstream.nodes {
        let key = ObjectIdentifier(node)
        guard let patient = patients.removeValue(forKey: key) ?? regular(node, upstream) else {
          continue
        }
        patient.upstream = upstream
        kept[key] = patient
      }
    }
    for patient in patients.values {
      patient.check?.cancel()
      if patient.check != nil { runningCount -= 1 }
    }
    patients = kept
    let lasting = Set(upstreams.map { ObjectIdentifier($0.lasting) })
    identities = identities.filter { lasting.contains($0.key) }
  }

  private func regular(_ node: NodeState, _ upstream: UpstreamState) -> Patient? {
    guard let health = upstream.settings.health else { return nil }
    let span = UInt64(max(1, health.interval.nanoseconds))
    // The first check comes anywhere in the first interval.
    let wait = Duration.nanoseconds(Int64(random.next() % span))
    return Patient(node, upstream, due: loop.now + wait)
  }

  /// Checks every node as soon as possible.
  func hurry() {
    for patient in patients.values where patient.check == nil { patient.due = loop.now }
    beat()
  }

  /// Whether every node that is checked has been.
  var hasAsked: Bool { patients.values.allSatisfy { $0.record.last != nil } }

  /// Whether checks say if the node can serve.
  func follows(_ node: NodeState) -> Bool { patients[ObjectIdentifier(node)] != nil }

  /// What the checks of a node have found; `nil` where there was none.
  func record(of node: NodeState) -> CheckRecord? { patients[ObjectIdentifier(node)]?.record }

  // MARK: When

  /// Begins the checks that are due; called several times a second.
  func beat() {
    let now = loop.now
    // The check that has waited longest comes first, so that many silent nodes do not starve the
    // others.
    let due = patients.values.filter { $0.check == nil && $0.due <= now }.sorted { $0.due < $1.due }
    for patient in due where runningCount < Self.runningMax || patient.isSuspect {
      begin(patient)
    }
  }

  /// Workers have marked nodes: these are checked now.
  func checkSuspects() {
    for upstream in upstreams {
      for node in upstream.nodes where node.isSuspected { suspect(node, upstream) }
    }
  }

  private func suspect(_ node: NodeState, _ upstream: UpstreamState) {
    let key = ObjectIdentifier(node)
    let patient = patients[key] ?? Patient(node, upstream, due: loop.now)
    patients[key] = patient
    guard !patient.isSuspect else { return }
    patient.isSuspect = true
    patient.failures = 0
    // A check that is under way may take its whole timeout; its outcome counts as the first.
    if patient.check == nil { begin(patient) }
  }

  // MARK: One check

  private func begin(_ patient: Patient) {
    let settings = patient.upstream.settings
    let (question, timeout) = question(for: patient)
    let check = Check(question, loop: loop) { [unowned self, unowned patient] check, outcome in
      finished(patient, check, outcome)
    }
    patient.check = check
    runningCount += 1
    let identity = settings.tls == nil ? nil : identity(of: patient)
    check.start(
      patient.node, port: patient.asksForLife ? nil : settings.health?.port, through: links,
      identity: identity, timeout: timeout)
  }

  private func question(for patient: Patient) -> (CheckQuestion, Duration) {
    let settings = patient.upstream.settings
    guard let health = settings.health, !patient.asksForLife else {
      let question = CheckQuestion(suspectSpeaking: settings.nodeProtocol)
      return (question, Self.suspectTimeout)
    }
    let role = patient.role
    let question = CheckQuestion(
      health, spoken: settings.nodeProtocol, modifiers: (role.modifier1, role.modifier2),
      name: patient.upstream.host)
    return (question, patient.isSuspect ? min(health.timeout, Self.suspectTimeout) : health.timeout)
  }

  private func identity(of patient: Patient) -> CheckIdentity? {
    guard let tls = patient.upstream.settings.tls else { return nil }
    let key = ObjectIdentifier(patient.upstream.lasting)
    var identity =
      identities[key]
      ?? CheckIdentity(
        context: Result { () throws(TLSError) in
          try ClientContext(
            ClientIdentity(authorityFile: tls.authorityFile, verifies: tls.verifies),
            protocols: ["http/1.1"])
        }, name: "")
    identities[key] = identity
    identity.name = tls.name ?? patient.node.host
    return identity
  }

  private func finished(_ patient: Patient, _ check: Check, _ outcome: CheckOutcome) {
    patient.check = nil
    runningCount -= 1
    let spent = loop.clockNow.microseconds(since: check.startedAt) / 1000
    let last = CheckRecord.Last(outcome: outcome, milliseconds: spent, at: WallTime.seconds)
    let isWell = patient.asksForLife ? outcome.showsLife : outcome.isWell
    let isBusy = outcome == .silent && patient.node.hasAnswered(since: check.startedAt.nanoseconds)
    let verdict = patient.record.note(
      last, isWell: isWell, hasAnswered: isBusy, patient.upstream.settings.thresholds)
    if !isBusy { patient.node.recordCheck(succeeded: isWell) }
    schedule(patient)
    if patient.isSuspect {
      judgeSuspect(patient, check, isWell: isWell || isBusy)
    } else {
      act(patient, check, verdict)
    }
    guard patient.upstream.settings.health == nil, !patient.isSuspect, !patient.wasPutOut else {
      return
    }
    patients[ObjectIdentifier(patient.node)] = nil
  }

  private func judgeSuspect(_ patient: Patient, _ check: Check, isWell: Bool) {
    patient.failures = isWell ? 0 : patient.failures + 1
    if !isWell, patient.failures < Self.suspectFall {
      patient.due = loop.now + Self.suspectPause
      return
    }
    if !isWell { act(patient, check, .isDown) }
    patient.isSuspect = false
    patient.node.clearSuspicion()
  }

  private func act(_ patient: Patient, _ check: Check, _ verdict: CheckRecord.Verdict) {
    let node = patient.node
    let now = loop.now.nanoseconds
    switch verdict {
    case .nothing: break
    case .isDown:
      let trouble = patient.record.last?.outcome.trouble ?? NodeTrouble(.timeout)
      node.putOutByChecks(trouble, began: check.startedAt.nanoseconds, now: now)
    case .isWell: node.putBackByChecks(now: now, areConnects: check.isConnect)
    }
    let condition = node.condition
    // Requests may have brought it back meanwhile.
    patient.wasPutOut =
      condition.isOut && (patient.wasPutOut || patient.isSuspect && condition.isCheckable)
  }

  private func schedule(_ patient: Patient) {
    let interval = patient.upstream.settings.health?.interval ?? Self.watchInterval
    let span = interval.nanoseconds
    let jitter = Int64(random.next() % UInt64(span / 4 + 1)) - span / 8
    patient.due = loop.now + .nanoseconds(span + jitter)
  }
}

extension UpstreamState {
  /// The name of the application, for requests of ours.
  fileprivate var host: String {
    let isName = !key.isEmpty && !key.starts(with: Array("*.".utf8))
    return isName ? String(decoding: key, as: UTF8.self) : "localhost"
  }
}

/// A node that is checked.
private final class Patient {
  let node: NodeState
  var upstream: UpstreamState
  /// When the next check is to begin.
  var due: Instant
  var check: Check?
  var record = CheckRecord()
  /// Workers have marked it, and it has not been found well or put out yet.
  var isSuspect = false
  /// It was put out as a suspect and is not back.
  var wasPutOut = false
  /// Checks of the suspect that failed in a row.
  var failures: UInt64 = 0

  init(_ node: NodeState, _ upstream: UpstreamState, due: Instant) {
    self.node = node
    self.upstream = upstream
    self.due = due
  }

  /// What the node is to its upstream.
  var role: NodeRole {
    let index = upstream.nodes.firstIndex { $0 === node }
    return index.map { upstream.roles[$0] } ?? NodeRole()
  }

  /// Whether it is asked for any sign of life, because the upstream's checks cannot tell.
  var asksForLife: Bool {
    guard let health = upstream.settings.health else { return true }
    return health.kind == .tcp && upstream.settings.nodeProtocol != .tcp
      && (isSuspect || wasPutOut)
  }
}

@available(*, unavailable) extension Prober: Sendable {}
