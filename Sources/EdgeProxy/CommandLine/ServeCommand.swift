internal import Configuration
internal import Glibc
internal import TLS

/// Reads the configuration and serves until told to stop.
struct ServeCommand {
  let path: String
  /// `nil`: one for each processor.
  let workers: Int?

  /// The exit status, of `ExitStatus` where the server cannot start.
  func run() -> Int32 {
    ProcessEnd.leaveLibrary()
    guard let configuration = Self.load(path).configuration else {
      return Self.failed(ExitStatus.configuration)
    }
    do {
      try Program.run(configuration, workers: workers ?? 0) {
        Self.load(path)
      }
      return 0
    } catch {
      StandardError.write("edgeproxy: \(error)\n")
      return Self.failed(ExitStatus.of(error))
    }
  }

  /// The status of a server that cannot start, after a while.
  ///
  /// A service manager starts it again at once, which is right after a crash; where something is in the
  /// way it shall not keep a processor busy with that.
  private static func failed(_ status: Int32) -> Int32 {
    if Environment.current()["NOTIFY_SOCKET"] != nil { usleep(500_000) }
    return status
  }

  /// Reads the file and says on standard error what is wrong with it.
  private static func load(_ path: String) -> LoadedConfiguration {
    let environment = Environment.current()
    let loaded = ConfigurationLoader.load(path: path, environment: environment)
    let report =
      loaded.configuration == nil
      ? Report.text(loaded.diagnostics) : Report.lines(loaded.diagnostics)
    StandardError.write(report)
    return LoadedConfiguration(configuration: loaded.configuration, report: report)
  }
}

/// Text for people, past the log: it may not be there yet.
enum StandardError {
  static func write(_ text: String) {
    let bytes = Array(text.utf8)
    var written = 0
    while written < bytes.count {
      let rest = Array(bytes[written...])
      // SAFETY: the array lends as many bytes as it has for the length of the call.
      let count = unsafe Glibc.write(STDERR_FILENO, rest, rest.count)
      guard count > 0 else { return }
      written += count
    }
  }
}
