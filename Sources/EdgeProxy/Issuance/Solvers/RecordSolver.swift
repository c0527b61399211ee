internal import ACME
internal import Configuration
internal import DNSCore
internal import EventLoop
internal import Logging

/// Puts what a CA asks for into the zone whose address records are kept at a provider.
///
/// The provider is asked for one thing at a time. The settings are read for each: another key or provider holds
/// from the next order on.
final class RecordSolver: ChallengeSolver {
  private enum Task { case present, withdraw }

  private struct Job {
    let task: Task
    let texts: [DNSName: [[UInt8]]]
    let done: (RecordFailure?) -> Void
  }

  private let settings: () -> RecordsSettings?
  private let make: (RecordsSettings) -> any RecordProvider
  private let loop: EventLoop
  private let logger: Logger
  private var jobs: [Job] = []
  private var used: (settings: RecordsSettings, provider: any RecordProvider)?
  private var isClosed = false

  /// `settings` tells what is configured now, and `make` its provider.
  init(
    _ settings: @escaping () -> RecordsSettings?, on loop: EventLoop, logger: Logger,
    make: @escaping (RecordsSettings) -> any RecordProvider
  ) {
    self.settings = settings
    self.make = make
    self.loop = loop
    self.logger = logger
  }

  func present(_ values: [ChallengeValue], _ done: @escaping (SolverFailure?) -> Void) {
    add(.present, values) { done($0.map { SolverFailure($0.description) }) }
  }

  func remove(_ values: [ChallengeValue], _ done: @escaping () -> Void) {
    add(.withdraw, values) { [unowned self] failure in
      if let failure {
        logger.warning(
          "values for a CA stay in DNS; they do no harm until there are many",
          metadata: ["error": "\(failure.description)"])
      }
      done()
    }
  }

  func close() {
    isClosed = true
    jobs = []
    used?.provider.close()
    used = nil
  }

  private func add(
    _ task: Task, _ values: [ChallengeValue], _ done: @escaping (RecordFailure?) -> Void
  ) {
    var texts: [DNSName: [[UInt8]]] = [:]
    for record in ChallengeRecord.records(of: values) { texts[record.name] = record.texts }
    jobs.append(Job(task: task, texts: texts, done: done))
    if jobs.count == 1 { nextSoon() }
  }

  private func nextSoon() {
    loop.soon { [weak self] in self?.next() }
  }

  private func next() {
    guard !isClosed, let job = jobs.first else { return }
    do throws(RecordFailure) {
      let provider = try provider(of: job.texts.keys)
      let finished: (RecordFailure?) -> Void = { [weak self] in self?.finish($0) }
      switch job.task {
      case .present: provider.present(job.texts, finished)
      case .withdraw: provider.withdraw(job.texts, finished)
      }
    } catch {
      finish(error)
    }
  }

  private func provider(
    of names: some Sequence<DNSName>
  ) throws(RecordFailure) -> any RecordProvider {
    guard let settings = settings() else {
      throw RecordFailure(description: "'acme.dns' is 'records', and there is no section 'records'")
    }
    if let outside = names.first(where: { !$0.isWithin(settings.zone) }) {
      throw RecordFailure(
        description: "'\(outside)' is not in '\(settings.zone)', the zone of 'records'")
    }
    if let used, used.settings == settings { return used.provider }
    used?.provider.close()
    let provider = make(settings)
    used = (settings, provider)
    return provider
  }

  private func finish(_ failure: RecordFailure?) {
    guard !isClosed, !jobs.isEmpty else { return }
    let job = jobs.removeFirst()
    if !jobs.isEmpty { nextSoon() }
    job.done(failure)
  }
}

@available(*, unavailable) extension RecordSolver: Sendable {}
