internal import Configuration
internal import EventLoop
internal import Glibc
internal import HTTPCore
internal import Logging

/// A worker's access log as the configuration wants it, or none.
///
/// What goes wrong with it is a warning of the whole server, told once in the error log; that it goes on
/// is told as well.
struct AccessLog: ~Copyable {
  private var writer: AccessLogWriter?
  private var settings: LogSettings
  private let logger: Logger
  private let warnings: Warnings

  /// What the warning goes by.
  static let fault = "log access"

  init(_ settings: LogSettings, logger: Logger, warnings: Warnings) {
    self.settings = settings
    self.logger = logger
    self.warnings = warnings
    open(settings)
  }

  /// Takes over where lines go; the same place is opened anew.
  mutating func install(_ next: LogSettings) {
    if let writer, next == settings {
      let report = writer.reopen()
      if report == nil, !writer.isFailing { warnings.clear(Self.fault) }
      return tell(report)
    }
    flush()
    open(next)
  }

  /// Tells whether the log can be opened where the settings say, for those who cannot wait for a worker.
  static func check(_ settings: LogSettings, logger: Logger, warnings: Warnings) {
    guard case .file(let path) = settings.access else { return }
    do throws(SystemError) {
      _ = try AccessLogWriter(path: path, format: settings.format)
    } catch {
      tell(error, path, logger: logger, warnings: warnings)
    }
  }

  /// A log that cannot be opened leaves the one there is in use.
  private mutating func open(_ next: LogSettings) {
    switch next.access {
    case .off: writer = nil
    case .standardOutput: writer = AccessLogWriter(sharing: 1, format: next.format)
    case .file(let path):
      do throws(SystemError) {
        writer = try AccessLogWriter(path: path, format: next.format)
      } catch {
        return Self.tell(error, path, logger: logger, warnings: warnings)
      }
    }
    warnings.clear(Self.fault)
    settings = next
  }

  /// Writes what has been collected; to be called once a second.
  func flush() { tell(writer?.flush()) }

  /// Adds the line of a finished exchange.
  func append(_ record: borrowing AccessRecord, _ head: borrowing RequestHead) {
    guard let writer, settings.health || !record.isHealth else { return }
    tell(writer.append(record, head))
  }

  /// Adds the line of a TCP session that has ended.
  func append(_ record: borrowing AccessRecord) {
    guard let writer else { return }
    tell(writer.append(record, RequestHead()))
  }

  private func tell(_ change: AccessLogWriter.Report?) {
    switch change {
    case .none: break
    case .failed(let error):
      var path = "standard output"
      if case .file(let name) = settings.access { path = name }
      Self.tell(error, path, logger: logger, warnings: warnings)
    case .recovered(let dropped):
      warnings.clear(Self.fault)
      logger.notice("the access log goes on", metadata: ["dropped": "\(dropped)"])
    }
  }

  /// One line, however many workers have the same trouble.
  private static func tell(
    _ error: SystemError, _ path: String, logger: Logger, warnings: Warnings
  ) {
    let advice = advice(error)
    let text = "the access log \(path) is not written: \(error)"
    guard warnings.raise(fault, text, advice: advice) else { return }
    logger.error(
      "the access log is not written",
      metadata: ["path": "\(path)", "error": "\(error)", "advice": "\(advice)"])
  }

  private static func advice(_ error: SystemError) -> String {
    switch error.code {
    case EACCES, EPERM, EROFS:
      "this user must be able to write the file and its directory; then 'edgeproxy reload'"
    case ENOENT, ENOTDIR: "its directory has to be made; then 'edgeproxy reload'"
    case ENOSPC, EDQUOT: "lines are dropped until there is room"
    default: "lines are dropped until it can be written; 'edgeproxy reload' opens it anew"
    }
  }
}
