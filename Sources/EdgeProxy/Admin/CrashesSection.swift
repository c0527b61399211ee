internal import Calendar

/// How earlier processes of this server ended since the machine started.
struct CrashesSection {
  var past: PastEnds
  /// Seconds since 1970.
  var now: Int64

  /// So long a crash is worth a warning, in seconds.
  private static let recent: Int64 = 24 * 3600

  var section: StatusSection {
    StatusSection(
      name: "crashes",
      value: [
        "count": .number(past.crashes), "killed": .number(past.kills),
        "last": past.last.map(Self.value) ?? .nothing,
      ],
      text: text,
      metrics: [
        Metric.counter(
          "crashes_total", "Processes of this server that crashed since the machine started."
        )
        .adding(past.crashes),
        Metric.counter(
          "killed_total",
          "Processes of this server that were ended without a word since the machine started."
        )
        .adding(past.kills),
      ],
      warnings: warnings)
  }

  private static func value(_ crash: PastEnds.Crash) -> StatusValue {
    ["at": .time(crash.at), "signal": .text(crash.signal), "line": .text(crash.line)]
  }

  private var text: [StatusText] {
    var lines: [StatusText] = []
    if past.crashes > 0 {
      let last = past.last.map { ", the last by \($0.signal) at \(UTC.text($0.at))" } ?? ""
      lines.append(.line("crashes", "\(past.crashes) since the machine started\(last)"))
    }
    if let last = past.last { lines.append(.line("", last.line)) }
    if past.kills > 0 {
      lines.append(.line("killed", "\(past.kills) since the machine started, without a word"))
    }
    return lines
  }

  private var warnings: [String] {
    guard let last = past.last else { return [] }
    // The time is from a file, and clocks are set.
    let (age, isBeyond) = now.subtractingReportingOverflow(last.at)
    guard !isBeyond, age < Self.recent else { return [] }
    return ["the server crashed \(Age.text(max(0, age))) ago by \(last.signal)"]
  }
}
