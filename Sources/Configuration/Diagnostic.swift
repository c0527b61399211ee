/// A place in the configuration file; both numbers begin with 1, columns count characters.
package struct Position: Sendable, Hashable, Comparable {
  package var line: Int
  package var column: Int

  package static let start = Position(line: 1, column: 1)

  package static func < (left: Position, right: Position) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

/// One thing to tell the operator about the configuration file.
package struct Diagnostic: Sendable, Hashable, CustomStringConvertible {
  package enum Severity: Sendable, Equatable {
    case error, warning
    /// What could not be looked at, and how it was looked.
    case note
  }

  /// The file as named on the command line.
  package var path: String
  package var position: Position
  package var severity: Severity
  package var message: String

  /// As in `edge.yaml:26:5: unknown key 'upstraem' in routes[1]; did you mean 'upstream'?`.
  package var description: String {
    let mark =
      switch severity {
      case .error: ""
      case .warning: "warning: "
      case .note: "note: "
      }
    return "\(path):\(position.line):\(position.column): \(mark)\(message)"
  }
}

/// Collects what is found while a file is read, so that one mistake does not hide the next.
package final class Findings {
  package let path: String
  private var found: [Diagnostic] = []
  private(set) var errorCount = 0
  private var all: Set<Diagnostic> = []
  /// Where something was told that is read again, with the gravest of it.
  private var told: [Position: Diagnostic.Severity] = [:]

  package init(path: String) { self.path = path }

  package func error(_ position: Position, _ message: String) { add(position, .error, message) }

  package func warning(_ position: Position, _ message: String) { add(position, .warning, message) }

  package func note(_ position: Position, _ message: String) { add(position, .note, message) }

  /// What `read` finds is not told again at the same place by what reads it after that, unless it is
  /// graver.
  func tellOnce(_ read: () -> Void) {
    let start = found.count
    read()
    for diagnostic in found[start...] where told[diagnostic.position] != .error {
      told[diagnostic.position] = diagnostic.severity
    }
  }

  /// What is found once more is one thing: an address that is tried over UDP and over TCP, or a setting
  /// that several routes share.
  private func add(_ position: Position, _ severity: Diagnostic.Severity, _ message: String) {
    // Names from the file are in it, and a message is one line whatever they hold.
    let line = String(
      String.UnicodeScalarView(message.unicodeScalars.map { $0.isControl ? " " : $0 }))
    let diagnostic = Diagnostic(
      path: path, position: position, severity: severity, message: line)
    if let before = told[position], before == .error || severity != .error { return }
    guard all.insert(diagnostic).inserted else { return }
    if severity == .error { errorCount += 1 }
    found.append(diagnostic)
  }

  /// In the order of the file; what was found at one place stays in the order of finding.
  package var diagnostics: [Diagnostic] {
    found.enumerated().sorted {
      ($0.element.position, $0.offset) < ($1.element.position, $1.offset)
    }.map(\.element)
  }
}
