import EventLoop
import Logging

/// A log that a test reads: level, message and metadata of each line.
final class KeptLog: Sendable {
  struct Line: Sendable {
    let level: Logger.Level
    let message: String
    let metadata: [String: String]
  }

  private let kept = Guarded<[Line]>([])

  var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

  /// What came since the last call.
  func take() -> [Line] {
    kept.withLock { lines in
      defer { lines = [] }
      return lines
    }
  }

  private struct Handler: LogHandler {
    let log: KeptLog
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let line = Line(
        level: event.level, message: "\(event.message)",
        metadata: (event.metadata ?? [:]).mapValues { "\($0)" })
      log.kept.withLock { $0.append(line) }
    }
  }
}
