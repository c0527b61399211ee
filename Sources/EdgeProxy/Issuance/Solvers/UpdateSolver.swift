internal import ACME
internal import DNSCore
internal import EventLoop
internal import Logging

/// Changes the zone by dynamic updates, RFC 2136, signed by a key, RFC 8945.
///
/// All values of an order go out in one update for each zone: the values of `*.NAME` and NAME are in one set,
/// and a resolver that has seen one of them keeps it.
final class UpdateSolver: ChallengeSolver {
  struct Settings: Equatable {
    /// Servers that take updates, in the order in which they are tried.
    var servers: [SocketAddress]
    var zone: DNSName
    var keyName: DNSName
    /// The secret: in Base64, or as tsig-keygen writes it.
    var keyFile: String
    var algorithm: TSIGAlgorithm
    /// Servers that have to have the values before a CA is told to look.
    var secondaries: [SocketAddress] = []
    /// Asked whether a name is an alias; without one, the servers of resolv.conf.
    var resolver: SocketAddress?
    /// How long a value may be kept.
    var seconds: UInt32 = 60
  }

  static let secondariesTimeout = Duration.seconds(60)

  private let settings: Settings
  private let loop: EventLoop
  private let logger: Logger
  private var jobs: [UpdateJob] = []
  /// Where the values are that were put there: an alias may be another by the time they are taken away.
  private var targets: UpdateJob.Targets = [:]

  init(_ settings: Settings, on loop: EventLoop, logger: Logger) {
    self.settings = settings
    self.loop = loop
    self.logger = logger
  }

  func present(_ values: [ChallengeValue], _ done: @escaping (SolverFailure?) -> Void) {
    begin(.present, values, known: [:]) { [unowned self] outcome in
      switch outcome {
      case .success(let found):
        targets.merge(found) { $1 }
        done(nil)
      case .failure(let failure): done(failure)
      }
    }
  }

  func remove(_ values: [ChallengeValue], _ done: @escaping () -> Void) {
    begin(.remove, values, known: targets) { [unowned self] outcome in
      if case .failure(let failure) = outcome {
        logger.warning(
          "values for a CA stay in DNS; they do no harm until there are many",
          metadata: ["zone": "\(settings.zone)", "error": "\(failure)"])
      }
      done()
    }
  }

  func close() {
    for job in jobs { job.cancel() }
    jobs = []
  }

  private func begin(
    _ task: UpdateJob.Task, _ values: [ChallengeValue], known: UpdateJob.Targets,
    _ done: @escaping (UpdateJob.Outcome) -> Void
  ) {
    let wanted = ChallengeRecord.records(of: values)
    let names = Set(wanted.map(\.name))
    let job = UpdateJob(
      task, wanted, known: known.filter { names.contains($0.key) }, settings, on: loop
    ) { [unowned self] job, outcome in
      jobs.removeAll { $0 === job }
      done(outcome)
    }
    jobs.append(job)
    job.begin()
  }
}
