internal import ACME
internal import DNS
internal import DNSCore
internal import EventLoop
internal import Logging

/// Has a program change the zone, which is called as lego calls that of its `exec` provider.
///
///     HOOK present _acme-challenge.NAME. VALUE
///     HOOK cleanup _acme-challenge.NAME. VALUE
///
/// One runs at a time: programs that change a zone by reading and writing all of it would undo each other's work.
final class HookSolver: ChallengeSolver {
  struct Settings: Equatable {
    /// The path of the program.
    var command: String
    /// For each call of it.
    var timeout: Duration
    /// How long the servers of the zone take to have what it wrote.
    var wait: Duration = .zero
  }

  enum Verb: String { case present, cleanup }

  private struct Job {
    let verb: Verb
    /// One call of the program for each.
    var calls: [Call]
    let done: (SolverFailure?) -> Void
  }

  private struct Call {
    let name: DNSName
    let text: [UInt8]
  }

  private let settings: Settings
  private let environment: [String]
  private let loop: EventLoop
  private let logger: Logger
  private var jobs: [Job] = []
  private var process: ChildProcess?
  private var work: (any DNSWork)?
  private var pause: Alarm?

  /// `environment` is that of this process; the program gets it without what is between this process and its
  /// service manager.
  init(
    _ settings: Settings, environment: [String: String], on loop: EventLoop, logger: Logger
  ) {
    self.settings = settings
    self.environment = Self.environment(environment)
    self.loop = loop
    self.logger = logger
  }

  static func environment(_ own: [String: String]) -> [String] {
    var variables = own.filter { !managers.contains($0.key) }
    if variables["PATH"] == nil { variables["PATH"] = "/usr/local/bin:/usr/bin:/bin" }
    return variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
  }

  /// systemd.exec(5) and sd_notify(3).
  private static let managers: Set<String> = [
    "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID",
    "LISTEN_FDNAMES", "JOURNAL_STREAM", "INVOCATION_ID", "MAINPID", "MANAGERPID", "FDSTORE",
    "CREDENTIALS_DIRECTORY", "MEMORY_PRESSURE_WATCH", "MEMORY_PRESSURE_WRITE",
  ]

  func present(_ values: [ChallengeValue], _ done: @escaping (SolverFailure?) -> Void) {
    add(.present, values, done)
  }

  func remove(_ values: [ChallengeValue], _ done: @escaping () -> Void) {
    add(.cleanup, values) { _ in done() }
  }

  /// A program that runs is killed.
  deinit { process?.cancel() }

  func close() {
    jobs = []
    process?.cancel()
    process = nil
    work?.cancel()
    work = nil
    pause?.cancel()
  }

  private func add(
    _ verb: Verb, _ values: [ChallengeValue], _ done: @escaping (SolverFailure?) -> Void
  ) {
    let calls = ChallengeRecord.records(of: values).flatMap { record in
      record.texts.map { Call(name: record.name, text: $0) }
    }
    jobs.append(Job(verb: verb, calls: calls, done: done))
    // Never told from within the call.
    if jobs.count == 1 { work = DNSLater(on: loop) { [unowned self] in next() } }
  }

  private func next() {
    guard let job = jobs.first else { return }
    guard let call = job.calls.first else { return settle() }
    let arguments = [
      settings.command, job.verb.rawValue, call.name.absolute,
      String(decoding: call.text, as: UTF8.self),
    ]
    do throws(SystemError) {
      process = try ChildProcess(
        arguments, environment: environment, within: settings.timeout, on: loop
      ) { [unowned self] end, output in
        process = nil
        ended(end, output, job.verb, call)
      }
    } catch {
      ended(.notStarted(error), [], job.verb, call)
    }
  }

  private func ended(
    _ end: ChildProcess.End, _ output: [UInt8], _ verb: Verb, _ call: Call
  ) {
    let text = String(decoding: output, as: UTF8.self)
    let place: Logger.Metadata = [
      "hook": "\(settings.command)", "task": "\(verb.rawValue)", "name": "\(call.name)",
      "output": "\(text)",
    ]
    guard end != .exited(0) else {
      logger.info("the hook has ended", metadata: place)
      jobs[0].calls.removeFirst()
      return next()
    }
    let reason = HookWords.text(end, within: settings.timeout)
    logger.warning("the hook failed", metadata: place.merging(["end": "\(reason)"]) { $1 })
    guard verb == .cleanup else {
      let last = HookWords.printable(text)
      return finish(
        SolverFailure(
          "the hook '\(settings.command) \(verb.rawValue) \(call.name.absolute)' \(reason)"
            + (last.isEmpty ? "" : ": \(last)")))
    }
    // The others can be taken away all the same.
    jobs[0].calls.removeFirst()
    next()
  }

  /// All calls are over.
  private func settle() {
    guard let job = jobs.first else { return }
    guard job.verb == .present, settings.wait > .zero else { return finish(nil) }
    let pause = Alarm(on: loop) { [unowned self] in finish(nil) }
    pause.set(after: settings.wait)
    self.pause = pause
  }

  private func finish(_ failure: SolverFailure?) {
    guard !jobs.isEmpty else { return }
    let job = jobs.removeFirst()
    if !jobs.isEmpty { work = DNSLater(on: loop) { [unowned self] in next() } }
    job.done(failure)
  }
}
