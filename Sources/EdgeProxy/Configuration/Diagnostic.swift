/// A place in the configuration file; both numbers begin with 1, columns count characters.
struct Position: Sendable, Equatable, Comparable {
  var line: Int
  var column: Int

  static let start = Position(line: 1, column: 1)

  static func < (left: Position, right: Position) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

/// One thing to tell the operator about the configuration file.
struct Diagnostic: Sendable, Equatable, CustomStringConvertible {
  enum Severity: Sendable, Equatable { case error, warning }

  /// The file as named on the command line.
  var path: String
  var position: Position
  var severity: Severity
  var message: String

  /// As in `edge.yaml:26:5: unknown key 'upstraem' in routes[1]; did you mean 'upstream'?`.
  var description: String {
    let mark = severity == .warning ? "warning: " : ""
    return "\(path):\(position.line):\(position.column): \(mark)\(message)"
  }
}

/// Collects what is found while a file is read, so that one mistake does not hide the next.
final class Findings {
  let path: String
  private var found: [Diagnostic] = []
  private(set) var errorCount = 0

  init(path: String) { self.path = path }

  func error(_ position: Position, _ message: String) {
    errorCount += 1
    add(position, .error, message)
  }

  func warning(_ position: Position, _ message: String) { add(position, .warning, message) }

  private func add(_ position: Position, _ severity: Diagnostic.Severity, _ message: String) {
    // Names from the file are in it, and a message is one line whatever they hold.
    let line = String(
      String.UnicodeScalarView(message.unicodeScalars.map { $0.isControl ? " " : $0 }))
    found.append(Diagnostic(path: path, position: position, severity: severity, message: line))
  }

  /// In the order of the file; what was found at one place stays in the order of finding.
  var diagnostics: [Diagnostic] {
    found.enumerated().sorted {
      ($0.element.position, $0.offset) < ($1.element.position, $1.offset)
    }.map(\.element)
  }
}
