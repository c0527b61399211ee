internal import Calendar
internal import Configuration

/// The process: what it is, since when, and its last reload.
struct ServerSection {
  var node: String
  var processNumber: Int32
  /// Seconds since 1970, as are all times here.
  var startedAt: Int64
  var now: Int64
  /// `nil` before the first reload.
  var reload: ReloadOutcome?

  var section: StatusSection {
    let uptime = max(0, now - startedAt)
    return StatusSection(
      name: "server",
      value: [
        "version": .text(Version.number), "node": .text(node), "pid": .number(Int(processNumber)),
        "started": .time(startedAt), "uptime_seconds": .number(Int(uptime)),
        "last_reload": reload.map(Self.value) ?? .nothing,
      ],
      text: [
        .line("node", "\(node), \(Version.text), pid \(processNumber), up \(Age.text(uptime))")
      ] + (reload.map(text) ?? []),
      metrics: metrics)
  }

  private static func value(_ reload: ReloadOutcome) -> StatusValue {
    var fields: [StatusValue.Field] = [
      .init(name: "at", value: .time(reload.at)),
      .init(name: "ok", value: .flag(!reload.isRefused)),
      .init(name: "messages", value: .texts(lines(reload))),
    ]
    if !reload.isRefused {
      fields += [
        .init(name: "partial", value: .flag(reload.isPartial)),
        .init(name: "restart_needed", value: .texts(reload.restartKeys)),
      ]
    }
    return .fields(fields)
  }

  private static func lines(_ reload: ReloadOutcome) -> [String] {
    reload.report.split(separator: "\n").map(String.init)
  }

  private func text(_ reload: ReloadOutcome) -> [StatusText] {
    let when = "\(UTC.text(reload.at)), \(Age.text(now - reload.at)) ago"
    let result: StatusText =
      .line(
        "last reload",
        (reload.isRefused ? "refused, " : reload.isPartial ? "in part, " : "ok, ") + when)
    return [result] + Self.lines(reload).map { .line("", $0) }
  }

  private var metrics: [Metric] {
    var metrics = [
      Metric.gauge("info", "What this server is.")
        .adding(1, ("version", Version.number), ("node", node)),
      Metric.gauge("start_time_seconds", "When the process started, in seconds since 1970.")
        .adding(Int(startedAt)),
    ]
    guard let reload else { return metrics }
    metrics += [
      Metric.gauge("last_reload_successful", "Whether the last reload was carried out.")
        .adding(reload.isRefused ? 0 : 1),
      Metric.gauge("last_reload_timestamp_seconds", "When the last reload was asked for.")
        .adding(Int(reload.at)),
    ]
    return metrics
  }
}
