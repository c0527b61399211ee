internal import Configuration
internal import EventLoop
internal import Glibc
internal import Logging

/// A configuration as read for a start or a reload, and what was said about it.
struct LoadedConfiguration {
  /// `nil` where it has mistakes.
  var configuration: Configuration?
  /// A line for each mistake and warning.
  var report: String
}

/// Runs the server in the foreground until it is told to stop.
enum Program {
  /// `workers` 0 means one for each processor; `loader` reads the configuration again for a reload.
  static func run(
    _ configuration: Configuration, workers: Int, loader: @escaping () -> LoadedConfiguration
  ) throws {
    // Before any thread starts, so that every thread has them blocked.
    Signals.block([SIGTERM, SIGINT, SIGHUP, SIGUSR1])
    Signals.ignoreBrokenPipes()
    let files = Descriptor.raiseLimit()
    let environment = Environment.current()
    let isJournal = StandardErrorLog.isJournal(
      STDERR_FILENO, environment: environment["JOURNAL_STREAM"])
    let level = LogLevel(configuration.log.level)
    let logger = Logger(label: "edgeproxy") { _ in
      StandardErrorLog(level: level, isJournal: isJournal)
    }
    tell(of: files, for: configuration.limits.connections, logger)
    let ends = EndsFile.begin(
      in: EndsFile.directory(state: configuration.state, environment: environment), logger: logger)
    defer { ends?.stopped() }
    CrashReport.begin(
      log: STDERR_FILENO, isJournal: isJournal, record: ends?.descriptor ?? -1,
      environment: environment)
    let server = try Server(
      configuration, workers: workers > 0 ? workers : processorCount(), logger: logger,
      level: level, loader: loader)
    server.pastEnds = ends?.past ?? PastEnds()
    try server.run()
  }

  /// Besides those for connections: for listeners, logs, etcd, questions of DNS and the loops of the workers.
  private static let otherFiles = 400

  /// Says how many connections fit into the file descriptors, where that is less than was configured: a
  /// connection of a client has one, and the one to its node another.
  private static func tell(of files: Int, for wanted: Int, _ logger: Logger) {
    let connections = max(0, files - otherFiles) / 2
    guard connections < wanted else { return }
    logger.warning(
      "fewer connections than limits.connections fit into the file descriptors; raise LimitNOFILE",
      metadata: ["files": "\(files)", "connections": "\(connections)", "wanted": "\(wanted)"])
  }
}
