internal import EventLoop

/// How the end of a program that changes a zone is told.
enum HookWords {
  /// Of the program's output: its end, in characters.
  static let toldMax = 400

  static func text(_ end: ChildProcess.End, within timeout: Duration) -> String {
    switch end {
    case .exited(let status): "ended with status \(status)"
    case .signalled(let number): "was ended by signal \(number)"
    case .timedOut: "took longer than \(timeout) and was killed"
    case .notStarted(let error): "could not be started: \(error)"
    case .unknown: "ended, and the system does not say how"
    }
  }

  /// The end of what a program wrote, on one line.
  static func printable(_ text: String) -> String {
    let words = text.split { $0.isWhitespace || $0.isNewline }
    let line = words.joined(separator: " ").unicodeScalars.filter {
      $0.properties.generalCategory != .control
    }
    return String(String.UnicodeScalarView(line).suffix(toldMax))
  }
}
