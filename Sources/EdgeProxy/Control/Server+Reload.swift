internal import Configuration
internal import EventLoop
internal import Logging
internal import TLS

/// Another configuration while this server runs.
extension Server {
  /// Plans the new configuration whole, then commits it; with any mistake the old one goes on.
  ///
  /// `nil` while draining, when nothing is reloaded.
  @discardableResult
  func reload() -> ReloadOutcome? {
    guard !draining.isEnding else { return nil }
    service.reloading(now: loop.now)
    defer { service.ready(listeners.summary) }
    let loaded = loader()
    let before = (warnings.all.map(\.key), discovery?.mistakes ?? [])
    let error = loaded.configuration.map(commit) ?? "the configuration has mistakes"
    let now = WallTime.seconds
    var outcome = ReloadOutcome(at: now, isRefused: false, report: loaded.report)
    if let error {
      logger.error(
        "reload refused, the old configuration goes on", metadata: ["error": "\(error)"])
      outcome.isRefused = true
      if loaded.configuration != nil { outcome.report += error + "\n" }
    } else {
      logger.notice("reloaded", metadata: ["file": "\(configuration.path)"])
      let lines = faults(since: before)
      outcome.isPartial = !lines.isEmpty
      outcome.restartKeys = loaded.configuration.map(configuration.restartKeys) ?? []
      for line in lines { outcome.report += line + "\n" }
    }
    lastReload = outcome
    return outcome
  }

  /// What is not in force of the configuration that was just taken over; what was told `before` is no news.
  private func faults(since before: (keys: [String], mistakes: [String])) -> [String] {
    let faults = warnings.all.filter {
      $0.key == Self.restartFault || !before.keys.contains($0.key)
    }
    let mistakes = (discovery?.mistakes ?? []).filter { !before.mistakes.contains($0) }
    return faults.map { "\($0.text); \($0.advice)" } + mistakes.map { "subscriptions: \($0)" }
  }

  /// What the warning about keys that need a restart goes by.
  private static let restartFault = "restart"

  /// Takes a configuration over; what is in the way, and then nothing has changed.
  private func commit(_ loaded: Configuration) -> String? {
    let next = loaded.keeping(configuration)
    let move: PortKeeper.Move
    let keys: EncryptionKeys?
    do {
      keys = try next.etcd?.readEncryptionKeys()
      move = try ports.plan(next.listen, workers: workers.count)
    } catch {
      return "\(error)"
    }
    tellRestart(configuration.restartKeys(before: loaded))
    let previous = configuration
    configuration = next
    // Should subscriptions be taken again, their rules decide what is known, and not what was.
    if next.subscriptions == nil {
      applications = Applications(neighbours: plan.neighbours)
    }
    applications.reconfigure(next.upstreams, now: loop.now)
    lookups.follow(next.upstreams.flatMap(\.hosts))
    plan = SnapshotPlan(
      next, applications: applications.tables, neighbours: plan.neighbours,
      hosts: lookups.addresses, previous: plan)
    followNodes()
    let (plan, log) = (plan, next.log)
    AccessLog.check(log, logger: logger, warnings: warnings)
    workers.post {
      $0.install(plan)
      $0.install(log)
    }
    level.set(log.level)
    tellNode()
    ports.commit(move, workers: workers.handles)
    admin?.move(to: next.listen.admin)
    prepareIssuance()
    certificates.reconfigure(next, encryption: keys)
    shareAgain(after: previous, keys)
    certificatesChanged()
    discover()
    followNames()
    issue()
    step()
    return nil
  }

  private func tellRestart(_ keys: [String]) {
    guard !keys.isEmpty else {
      warnings.clear(Self.restartFault)
      return
    }
    let text = "restart needed: \(keys.joined(separator: ", "))"
    let advice = "'systemctl restart edgeproxy'; until then what they were at the start is in force"
    guard warnings.raise(Self.restartFault, text, advice: advice) else { return }
    logger.warning("\(text)", metadata: ["advice": "\(advice)"])
  }

  /// Tells while the certificates are still those of the configuration before.
  func tellSources() {
    let fault = "certificates"
    guard certificates.servesFormerSources, !configuration.listen.https.isEmpty else {
      warnings.clear(fault)
      return
    }
    let text =
      "the sources under 'certificates' have no usable certificate; those of before are served"
    let advice = "'edgeproxy status' names what was refused"
    guard warnings.raise(fault, text, advice: advice) else { return }
    logger.warning("\(text)", metadata: ["advice": "\(advice)"])
  }
}
