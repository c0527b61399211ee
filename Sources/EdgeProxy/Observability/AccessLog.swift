internal import Configuration
internal import EventLoop
internal import HTTPCore
internal import Logging

/// A worker's access log as the configuration wants it, or none.
///
/// What goes wrong with it, and that it goes on, is told once in the error log.
struct AccessLog {
  private var writer: AccessLogWriter?
  private var settings: LogSettings
  private let logger: Logger

  init(_ settings: LogSettings, logger: Logger) {
    self.settings = settings
    self.logger = logger
    open(settings)
  }

  /// Takes over where lines go; the same place is opened anew.
  mutating func install(_ next: LogSettings) {
    if let writer, next == settings { return tell(writer.reopen()) }
    flush()
    open(next)
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
        return logger.error("opening the access log failed", metadata: ["error": "\(error)"])
      }
    }
    settings = next
  }

  /// Writes what has been collected; to be called once a second.
  func flush() { tell(writer?.flush()) }

  /// Adds the line of a finished exchange.
  func append(_ record: borrowing AccessRecord, _ head: borrowing RequestHead) {
    guard let writer else { return }
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
      logger.error("writing the access log failed", metadata: ["error": "\(error)"])
    case .recovered(let dropped):
      logger.notice("the access log goes on", metadata: ["dropped": "\(dropped)"])
    }
  }
}
