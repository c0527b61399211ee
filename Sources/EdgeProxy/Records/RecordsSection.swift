internal import Calendar
internal import Configuration

/// What the records at the provider are at, for people, programs and Prometheus.
struct RecordsSection {
  /// One address record of a name.
  struct Row: Equatable {
    enum State: String {
      case there, missing
      /// To be changed, or failed to be.
      case add, remove, failed
      /// Not removed, since too few others are there.
      case kept
      /// Not added before some time, since it has gone too often; or not removed, since its server was known a
      /// moment ago.
      case waits
      /// No server's.
      case foreign
    }

    let record: AddressRecord
    let state: State
    /// When it is changed, in seconds since 1970.
    var until: Int64?
  }

  let provider: String
  let zone: String
  let isDryRun: Bool
  /// The server that changes the records; `nil` where none is known.
  let holder: String?
  /// Whether it is this one.
  let isHolder: Bool
  /// Why nobody can change them.
  let failure: String?
  /// When the provider told last what it has, in seconds since 1970.
  let listed: Int64?
  /// Of the server that changes them; others know none.
  let rows: [Row]
  /// Changes that this server made.
  let counts: [RecordPlan.Change.Action: Int]
  let failures: Int

  /// Every record that is there, or is to be.
  static func rows(
    _ plan: RecordPlan, _ fleet: RecordPlan.Fleet, failed: Set<RecordPlan.Change>, now: Int64
  ) -> [Row] {
    let judgement = plan.judge(fleet, now: now)
    var states: [AddressRecord: Row] = [:]
    for name in plan.names {
      for address in fleet.known {
        let record = AddressRecord(name: name, address: address)
        states[record] = Row(record: record, state: plan.isThere(record) ? .there : .missing)
      }
    }
    for record in judgement.foreign { states[record] = Row(record: record, state: .foreign) }
    for change in judgement.changes {
      let state: Row.State = change.action == .add ? .add : .remove
      states[change.record] = Row(
        record: change.record, state: failed.contains(change) ? .failed : state)
    }
    for held in judgement.held {
      states[held.change.record] =
        switch held.reason {
        case .last: Row(record: held.change.record, state: .kept)
        case .unrest(let until), .unknown(let until):
          Row(record: held.change.record, state: .waits, until: until)
        }
    }
    return plan.names.flatMap { name in
      RecordPlan.sorted(Set(states.keys.filter { $0.name == name }.map(\.address))).compactMap {
        states[AddressRecord(name: name, address: $0)]
      }
    }
  }

  var section: StatusSection {
    StatusSection(name: "records", value: value, text: text, metrics: metrics, warnings: warnings)
  }

  private var value: StatusValue {
    [
      "provider": .text(provider), "zone": .text(zone), "dry_run": .flag(isDryRun),
      "holder": holder.map { .text($0) } ?? .nothing, "kept_here": .flag(isHolder),
      "reason": failure.map { .text($0) } ?? .nothing,
      "listed": listed.map { .time($0) } ?? .nothing, "records": .list(rows.map(Self.value)),
    ]
  }

  private static func value(_ row: Row) -> StatusValue {
    [
      "name": .text("\(row.record.name)"), "type": .text("\(row.record.type)"),
      "address": .text(row.record.addressText), "state": .text(row.state.rawValue),
      "until": row.until.map { .time($0) } ?? .nothing,
    ]
  }

  private var text: [StatusText] {
    let own = isHolder ? "this server" : holder ?? "no server"
    let place = failure.map { "nobody: \($0)" } ?? own
    let run = isDryRun ? ", as a dry run" : ""
    let rows = rows.map { row in
      [
        "\(row.record.name)", "\(row.record.type)", row.record.addressText,
        row.state.rawValue + (row.until.map { " until \(UTC.text($0))" } ?? ""),
      ]
    }
    return [
      .line("records", "of \(zone) at \(provider) are kept by \(place)\(run)"),
      .table("address records", columns: ["NAME", "TYPE", "ADDRESS", "STATE"], rows: rows),
    ]
  }

  private var warnings: [String] {
    failure.map { ["no address record can be changed: \($0)"] } ?? []
  }

  private var metrics: [Metric] {
    var changes = Metric.counter(
      "records_changes_total", "Address records that this server changed at the provider.")
    for action in RecordPlan.Change.Action.allCases {
      changes.add(counts[action] ?? 0, ("action", action.rawValue))
    }
    return [
      changes,
      Metric.counter("records_failures_total", "Calls of the provider of records that failed.")
        .adding(failures),
      Metric.gauge("records_kept_here", "Whether this server is the one that keeps the records.")
        .adding(isHolder ? 1 : 0),
      Metric.gauge("records_dry_run", "Whether changes of records are only logged.")
        .adding(isDryRun ? 1 : 0),
      Metric.gauge("records_pending", "Changes of records that are wanted and not made yet.")
        .adding(rows.count { [.add, .remove, .failed].contains($0.state) }),
    ]
  }
}

extension RecordsSettings.Provider {
  /// As the configuration calls it.
  var word: String {
    switch self {
    case .update: "rfc2136"
    case .cloudns: "cloudns"
    case .hook: "exec"
    }
  }
}
