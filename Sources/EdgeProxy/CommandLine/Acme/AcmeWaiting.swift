internal import Configuration
internal import EventLoop

/// Waits until the server has told what a command came to: its reports come in, lines to print go out.
struct AcmeWaiting {
  enum End: Equatable { case done, failed }

  /// What the command is about.
  enum Subject: Equatable {
    /// By what they are called where they are kept.
    case certificates([String])
    case accounts
  }

  private let request: String
  private let subject: Subject
  private let limit: Duration
  private let deadline: Instant
  /// What was said last of a certificate whose turn is not over.
  private var said: [String: String] = [:]
  private var ended: [String: End] = [:]

  /// `reply` is what the server said to the command: the number of the request, and the names of the
  /// certificates that it is about; `nil` where it is something else.
  init?(reply: String, isAboutAccounts: Bool = false, since: Instant, limit: Duration) {
    let words = reply.split { $0 == " " || $0 == "\n" }.map(String.init)
    guard let first = words.first, words.count > 1 || isAboutAccounts else { return nil }
    request = first
    subject = isAboutAccounts ? .accounts : .certificates(Array(words.dropFirst()))
    self.limit = limit
    deadline = since + limit
  }

  mutating func look(at report: AcmeReport, now: Instant) -> (lines: [String], end: End?) {
    var lines: [String] = []
    switch subject {
    case .accounts: lines += conclude("", report.accountOutcome) ?? []
    case .certificates(let names):
      for name in names where ended[name] == nil { lines += look(name, report) }
    }
    if isOver { return (lines, ended.values.contains(.failed) ? .failed : .done) }
    guard now >= deadline else { return (lines, nil) }
    lines.append(
      "not done within \(TimeSpan.text(limit)), and it goes on: see 'edgeproxy acme status'")
    return (lines, .failed)
  }

  private var isOver: Bool {
    switch subject {
    case .accounts: !ended.isEmpty
    case .certificates(let names): names.allSatisfy { ended[$0] != nil }
    }
  }

  private mutating func look(_ name: String, _ report: AcmeReport) -> [String] {
    guard let entry = report.certificates.first(where: { $0.name == name }) else {
      ended[name] = .failed
      return ["\(AcmeText.clean(name)): it is no certificate of the configuration any more"]
    }
    if let lines = conclude(name, entry.outcome) { return lines }
    let line = Self.progress(entry)
    return said.updateValue(line, forKey: name) == line ? [] : [line]
  }

  /// What the command came to; `nil` while it is not over.
  private mutating func conclude(_ name: String, _ outcome: AcmeReport.Outcome?) -> [String]? {
    guard let outcome, outcome.request == request else { return nil }
    ended[name] = outcome.done ? .done : .failed
    let text = AcmeText.clean(outcome.text)
    return [name.isEmpty ? text : "\(AcmeText.clean(name)): \(text)"]
  }

  private static func progress(_ entry: AcmeReport.Entry) -> String {
    let name = AcmeText.clean(entry.name)
    let why = entry.why.map { $0.isEmpty ? "" : ": \(AcmeText.clean($0))" } ?? ""
    return entry.state == .ordering
      ? "\(name) is being ordered\(why)" : "\(name) waits for its turn"
  }
}
