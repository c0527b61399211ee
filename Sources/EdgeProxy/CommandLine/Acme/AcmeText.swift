internal import Calendar
internal import CertStore
internal import Configuration

/// What people read about certificates that are ordered.
enum AcmeText {
  /// One line for who orders, and one for each certificate; `now` is in seconds since 1970.
  static func table(_ report: AcmeReport, now: Int64) -> String {
    var lines = [holder(report)]
    lines += report.certificates.map { line($0, now: now) }
    lines += report.refusedRecords.map {
      "the record acme/\(clean($0.record)) cannot be read: \(clean($0.reason))"
    }
    return lines.map { $0 + "\n" }.joined()
  }

  /// As in `edge-2 orders certificates`.
  private static func holder(_ report: AcmeReport) -> String {
    if let reason = report.reason { return "no certificate can be ordered: \(clean(reason))" }
    if report.isHere { return "this server orders certificates" }
    return report.holder.map { "\(clean($0)) orders certificates" }
      ?? "no server orders certificates yet"
  }

  /// One line for each account.
  static func accounts(_ report: AcmeReport) -> String {
    let lines = report.accounts.map {
      "\(clean($0.issuer))  \($0.url.map(clean) ?? "none yet: it is made with the first order")"
    }
    return lines.isEmpty
      ? "no account yet: it is made with the first order\n" : lines.map { $0 + "\n" }.joined()
  }

  /// One certificate in one line, as `edgeproxy cert list` has them.
  static func line(_ entry: AcmeReport.Entry, now: Int64) -> String {
    var parts = [
      clean(entry.name), entry.names.map(clean).joined(separator: " "), clean(entry.key),
    ]
    parts.append(served(entry, now: now))
    parts.append(step(entry, now: now))
    if let failure = entry.lastFailure, entry.attempts > 0 {
      let count = entry.attempts == 1 ? "1 attempt" : "\(entry.attempts) attempts"
      let place = failure.issuer.map { " at \(clean($0))" } ?? ""
      parts.append(
        "\(count) failed, the last\(place) on \(UTC.text(failure.at)): \(clean(failure.problem))")
    }
    return parts.joined(separator: "  ")
  }

  private static func served(_ entry: AcmeReport.Entry, now: Int64) -> String {
    guard let end = entry.expires else { return "none yet" }
    let issuer = entry.issuer.map { " from \(clean($0))" } ?? ""
    guard end > now else { return "ended at \(UTC.text(end))\(issuer)" }
    return "until \(UTC.text(end)) (\(RemainingTime.text(difference(end, now))))\(issuer)"
  }

  private static func step(_ entry: AcmeReport.Entry, now: Int64) -> String {
    let why = entry.why.map { $0.isEmpty ? "" : ": \(clean($0))" } ?? ""
    switch entry.state {
    case .ordering: return "being ordered\(why)"
    case .due: return "due now\(why)"
    case .served: return entry.next.map { "renewal \(time($0, now))\(why)" } ?? "served\(why)"
    case .waiting:
      return entry.next.map { "next attempt \(time($0, now))\(why)" } ?? "waiting\(why)"
    case .other(let word): return "\(clean(word))\(why)"
    }
  }

  /// As in `2026-12-24T10:00:00Z (in 24 days)`.
  private static func time(_ seconds: Int64, _ now: Int64) -> String {
    let text = UTC.text(seconds)
    return seconds > now ? "\(text) (in \(RemainingTime.text(difference(seconds, now))))" : text
  }

  private static func difference(_ later: Int64, _ earlier: Int64) -> Int64 {
    let (value, overflow) = later.subtractingReportingOverflow(earlier)
    return overflow ? .max : value
  }

  /// Text of a CA without what breaks a line or moves a cursor.
  static func clean(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { $0.isControl ? " " : $0 }))
  }

  /// What the server said to a command, without its line end.
  static func oneLine(_ text: String) -> String {
    clean(text.split(separator: "\n").joined(separator: "; "))
  }
}
