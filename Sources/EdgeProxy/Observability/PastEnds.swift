/// How earlier processes of this server ended since the machine started.
///
/// It is kept as text. Each process begins the file anew:
///
///     edgeproxy ends 1
///     boot 2f1c5e0e-…
///     crashes 2
///     killed 1
///     last 1764473099 SIGSEGV ended by SIGSEGV at=0x1a2b client=192.0.2.7 …
///     started
///
/// At its end it appends `stopped`, or the signal handler does a line like that of `last` which begins
/// with `crashed`. Where neither follows, the process was ended without a word: with SIGKILL, as the
/// watchdog does it, and the kernel when memory is short.
struct PastEnds: Equatable, Sendable {
  struct Crash: Equatable, Sendable {
    /// Seconds since 1970.
    var at: Int64
    /// Its name.
    var signal: String
    /// What the error log had of it, without time and severity.
    var line: String
  }

  private(set) var crashes = 0
  private(set) var kills = 0
  private(set) var last: Crash?
  /// The process before this one was ended without a word.
  private(set) var isAfterKill = false

  private static let title = "edgeproxy ends 1"

  init() {}

  /// What a file says; nothing where it is from before the machine started, or damaged.
  init(text: String, boot: String) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count > 2, lines[0] == Self.title, lines[1] == "boot \(boot)" else { return }
    for line in lines[2...] {
      let words = line.split(separator: " ", maxSplits: 1)
      guard let word = words.first else { continue }
      let rest = words.dropFirst().first ?? ""
      switch word {
      case "crashes": crashes = max(0, Int(rest) ?? 0)
      case "killed": kills = max(0, Int(rest) ?? 0)
      case "last": last = Crash(rest)
      case "started": isAfterKill = true
      case "stopped": isAfterKill = false
      case "crashed":
        isAfterKill = false
        crashes &+= 1
        last = Crash(rest) ?? last
      default: break
      }
    }
    if isAfterKill { kills &+= 1 }
  }

  /// The file as a process begins it.
  func text(boot: String) -> String {
    var lines = [Self.title, "boot \(boot)", "crashes \(crashes)", "killed \(kills)"]
    if let last { lines.append("last \(last.at) \(last.signal) \(last.line)") }
    return (lines + ["started"]).map { $0 + "\n" }.joined()
  }
}

extension PastEnds.Crash {
  /// Time, signal and line; `nil` where they cannot be read.
  fileprivate init?(_ text: Substring) {
    let words = text.split(separator: " ", maxSplits: 2)
    guard words.count == 3, let at = Int64(words[0]) else { return nil }
    self.init(at: at, signal: String(words[1]), line: String(words[2]))
  }
}
