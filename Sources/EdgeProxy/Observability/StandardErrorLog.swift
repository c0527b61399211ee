internal import Calendar
internal import Configuration
internal import EventLoop
internal import Glibc
internal import HTTPCore
internal import Logging
internal import Synchronization

/// The error log: one line per event on standard error.
///
/// Under systemd the journal keeps the time and takes the severity from a `<N>` in front; elsewhere
/// the line begins with both. A reader of standard error that is behind costs lines, never time:
/// a worker must not wait for a terminal.
struct StandardErrorLog: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level {
    get { ownLevel ?? level.present }
    set { ownLevel = newValue }
  }
  var metadataProvider: Logger.MetadataProvider?

  private let descriptor: Int32
  private let isJournal: Bool
  /// That of all loggers, unless this one has its own.
  private let level: LogLevel
  private var ownLevel: Logger.Level?

  init(level: LogLevel, descriptor: Int32 = STDERR_FILENO, isJournal: Bool) {
    self.level = level
    self.descriptor = descriptor
    self.isJournal = isJournal
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var fields = metadata
    if let provider = metadataProvider { fields.merge(provider.get()) { $1 } }
    if let own = event.metadata { fields.merge(own) { $1 } }
    if let error = event.error { fields["error"] = "\(error)" }
    let line = LogLine.make(
      event.level, "\(event.message)", fields, time: isJournal ? nil : WallTime.microseconds)
    var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    // SAFETY: the kernel reads and fills the one entry, in this frame.
    guard unsafe poll(&entry, 1, 0) == 1 else { return }
    _ = Descriptor.write(descriptor, line.bytes)
  }

  /// Whether a descriptor leads to the journal, systemd.exec(5): `JOURNAL_STREAM` names its inode.
  static func isJournal(_ descriptor: Int32, environment value: String?) -> Bool {
    guard let value else { return false }
    var status = stat()
    // SAFETY: the kernel fills a value of this frame within the call.
    guard unsafe fstat(descriptor, &status) == 0 else { return false }
    return value == "\(status.st_dev):\(status.st_ino)"
  }
}

/// The least severity that the error log takes, for all threads; a reload may change it.
final class LogLevel: Sendable {
  private let index: Atomic<Int>
  /// Made once: this is asked for lines that are not written.
  private static let levels = Logger.Level.allCases

  init(_ level: LogSettings.Level) { index = Atomic(Self.index(of: level)) }

  var present: Logger.Level {
    let index = index.load(ordering: .relaxed)
    return Self.levels.indices.contains(index) ? Self.levels[index] : .info
  }

  func set(_ level: LogSettings.Level) {
    index.store(Self.index(of: level), ordering: .relaxed)
  }

  private static func index(of level: LogSettings.Level) -> Int {
    levels.firstIndex(of: Logger.Level(level)) ?? 0
  }
}

/// How one event of the error log reads.
enum LogLine {
  /// A longer line is cut; what a pipe takes in one piece (`PIPE_BUF`).
  static let bytesMax = 4096

  /// The message and its metadata in the order of their keys, ended by a line feed.
  ///
  /// `time` is in microseconds since 1970; without one the line is for the journal.
  static func make(
    _ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata, time: Int64?
  ) -> TextBuffer {
    var line = TextBuffer(capacity: 256)
    if let time {
      append(time: time, to: &line)
      line.append(UInt8(ascii: " "))
      line.append(string: level.rawValue)
      line.append(UInt8(ascii: " "))
    } else {
      line.append(UInt8(ascii: "<"))
      line.append(decimal: severity(level))
      line.append(UInt8(ascii: ">"))
    }
    append(text: message, to: &line)
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      line.append(UInt8(ascii: " "))
      append(text: key, to: &line)
      line.append(UInt8(ascii: "="))
      append(value: "\(value)", to: &line)
    }
    line.truncate(to: bytesMax - 1)
    line.append(UInt8(ascii: "\n"))
    return line
  }

  /// The severity of syslog(3).
  private static func severity(_ level: Logger.Level) -> Int {
    switch level {
    case .critical: 2
    case .error: 3
    case .warning: 4
    case .notice: 5
    case .info: 6
    case .debug, .trace: 7
    }
  }

  private static func append(time: Int64, to line: inout TextBuffer) {
    let micro = time % 1_000_000
    let civil = CivilTime(seconds: time / 1_000_000 - (micro < 0 ? 1 : 0))
    let date = civil.date
    line.append(date.year, digits: 4)
    line.append(UInt8(ascii: "-"))
    line.append(date.month, digits: 2)
    line.append(UInt8(ascii: "-"))
    line.append(date.day, digits: 2)
    line.append(UInt8(ascii: "T"))
    line.append(civil.hour, digits: 2)
    line.append(UInt8(ascii: ":"))
    line.append(civil.minute, digits: 2)
    line.append(UInt8(ascii: ":"))
    line.append(civil.second, digits: 2)
    line.append(UInt8(ascii: "."))
    line.append(Int((micro + 1_000_000) % 1_000_000 / 1000), digits: 3)
    line.append(UInt8(ascii: "Z"))
  }

  /// Text as it is, but for what could end the line or move a terminal.
  private static func append(text: String, to line: inout TextBuffer) {
    for scalar in text.unicodeScalars {
      if scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) {
        line.append("\\x")
        line.append(ASCII.digit(UInt8(scalar.value >> 4)))
        line.append(ASCII.digit(UInt8(scalar.value & 15)))
      } else {
        for byte in UTF8.encode(scalar) ?? .init() { line.append(byte) }
      }
    }
  }

  /// A value as it is when it is one plain word, else as a JSON string.
  private static func append(value: String, to line: inout TextBuffer) {
    let isWord = value.utf8.allSatisfy { byte in
      byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
        && byte != UInt8(ascii: "=")
    }
    if isWord, !value.isEmpty {
      line.append(string: value)
      return
    }
    line.append(UInt8(ascii: "\""))
    let bytes = Array(value.utf8)
    line.append(json: bytes.span)
    line.append(UInt8(ascii: "\""))
  }
}

extension Logger.Level {
  /// The level of the configuration.
  init(_ level: LogSettings.Level) {
    self =
      switch level {
      case .debug: .debug
      case .info: .info
      case .notice: .notice
      case .warning: .warning
      case .error: .error
      }
  }
}
