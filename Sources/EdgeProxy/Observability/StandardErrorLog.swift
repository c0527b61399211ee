import Glibc
import Logging

/// Where swift-log's lines go: standard error, one line each, for a terminal or the journal.
///
/// Under systemd the journal adds the time; elsewhere the line begins with it. Values come from
/// outside, so control characters in them are written as escapes.
struct StandardErrorLog: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level
  private let hasJournal: Bool

  init(level: Logger.Level) {
    logLevel = level
    hasJournal = unsafe getenv("JOURNAL_STREAM") != nil
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var line = hasJournal ? "" : Self.time() + " "
    line += "\(event.level): \(Self.escaped("\(event.message)"))"
    let all = metadata.merging(event.metadata ?? [:]) { $1 }
    for (key, value) in all.sorted(by: { $0.key < $1.key }) {
      line += " \(key)=\(Self.quoted("\(value)"))"
    }
    line += "\n"
    let bytes = Array(line.utf8)
    // One write for a line keeps lines of several threads whole.
    _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
  }

  private static func quoted(_ value: String) -> String {
    let text = escaped(value)
    return text.contains(" ") || text.isEmpty ? "\"\(text)\"" : text
  }

  static func escaped(_ value: String) -> String {
    var text = ""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\\": text += "\\\\"
      case "\"": text += "\\\""
      case _ where scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value):
        text += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }

  private static func time() -> String {
    var now = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &now)
    var parts = unsafe tm()
    unsafe gmtime_r(&now.tv_sec, &parts)
    var text = [CChar](repeating: 0, count: 32)
    let count = unsafe strftime(&text, text.count, "%Y-%m-%dT%H:%M:%S", &parts)
    let millisecond = now.tv_nsec / 1_000_000
    let fraction = String(1000 + millisecond).dropFirst()
    return String(decoding: text.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
      + ".\(fraction)Z"
  }
}
