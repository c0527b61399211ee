internal import Configuration
internal import DNSCore
internal import EventLoop

/// Whether the provider of `records` tells what it has to the account, or the key, of the configuration.
///
/// A provider may be away for a while, so what is wrong is a warning.
struct LiveRecordsCheck {
  let check: LiveCheck
  let settings: RecordsSettings
  let loop: EventLoop

  /// For all that it takes to list the records of some names.
  private static let patience = Duration.seconds(30)

  typealias Outcome = Result<Set<AddressRecord>?, RecordFailure>

  func run() throws(SystemError) {
    let provider = RecordProviders.make(
      settings, environment: Environment.current(), on: loop, logger: LiveCheck.silent)
    defer { provider.close() }
    tell(try list(provider))
  }

  /// `nil` where no answer came in time.
  private func list(_ provider: any RecordProvider) throws(SystemError) -> Outcome? {
    var outcome: Outcome?
    var isOverdue = false
    let alarm = Alarm(on: loop) { isOverdue = true }
    alarm.set(after: Self.patience)
    defer { alarm.cancel() }
    provider.list(settings.names) { outcome = $0 }
    while outcome == nil, !isOverdue { try loop.turn(mayWait: true) }
    return outcome
  }

  private func tell(_ outcome: Outcome?) {
    guard let finding = Self.judge(outcome, of: settings.zone) else { return }
    let position = check.named.dns.provider ?? .start
    switch finding.verdict {
    case .ok: break
    case .wrong: check.findings.warning(position, finding.text)
    case .unknown: check.findings.note(position, finding.text)
    }
  }

  /// What is to be said of a provider; `nil` where it lists what it has.
  static func judge(_ outcome: Outcome?, of zone: DNSName) -> NamesFinding? {
    switch outcome {
    case nil: return .wrong("the provider of '\(zone)' did not list its records within \(patience)")
    case .success(nil):
      return .unknown(
        "whether the provider of '\(zone)' takes changes was not looked at: it cannot list its records;"
          + " 'edgeproxy status' says what came of the first change")
    case .success: return nil
    case .failure(let failure):
      let advice = failure.advice.map { "; \($0)" } ?? ""
      return .wrong(
        "the provider of '\(zone)' does not list its records: \(failure.description)\(advice)")
    }
  }
}
