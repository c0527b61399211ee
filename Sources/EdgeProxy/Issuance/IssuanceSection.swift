internal import ACME
internal import Calendar
internal import Configuration

/// What the fleet's orders are at, for people, programs and Prometheus.
struct IssuanceSection {
  /// One certificate that the fleet is to have.
  struct Row {
    var name: String
    var names: [String]
    var key: String
    /// `served`, `due`, `ordering` or `waiting`.
    var state: String
    /// What people call the CA; empty where it is not known.
    var issuer: String
    /// When the certificate that is there ends; `nil` where there is none.
    var expires: Int64?
    /// When something is to be done next.
    var next: Int64
    var why: String
    /// Failures in a row.
    var attempts: Int
    var lastFailure: IssuanceAttempts.Failure?
    var outcome: IssuanceRecords.Outcome?
    /// A command waits to be done.
    var isAsked: Bool
  }

  /// The server that issues; `nil` where none is known.
  var holder: String?
  /// Whether it is this one.
  var isHolder: Bool
  /// Why nobody can issue.
  var failure: String?
  /// Records that cannot be read, and why.
  var refusals: [String: String]
  var accounts: [(issuer: String, url: String?)]
  var rows: [Row]
  var counts: [IssuanceCount: Int]
  /// What the last command about accounts came to.
  var accountOutcome: IssuanceRecords.Outcome?

  var section: StatusSection {
    StatusSection(
      name: "issuance", value: value { .time($0) }, text: text, metrics: metrics,
      warnings: warnings)
  }

  /// As `GET /acme` gives it, with times in seconds since 1970.
  var document: StatusValue { value { .number(Int($0)) } }

  private func value(_ time: (Int64) -> StatusValue) -> StatusValue {
    [
      "holder": holder.map { .text($0) } ?? .nothing, "issues_here": .flag(isHolder),
      "reason": failure.map { .text($0) } ?? .nothing,
      "accounts": .list(
        accounts.map {
          ["issuer": .text($0.issuer), "url": $0.url.map { .text($0) } ?? .nothing]
        }),
      "account_outcome": Self.value(accountOutcome, time),
      "refused_records": .list(
        refusals.sorted { $0.key < $1.key }.map {
          ["record": .text($0.key), "reason": .text($0.value)]
        }),
      "certificates": .list(rows.map { Self.value($0, time) }),
    ]
  }

  private static func value(_ row: Row, _ time: (Int64) -> StatusValue) -> StatusValue {
    let failure: StatusValue =
      row.lastFailure.map {
        ["at": time($0.at), "issuer": .text($0.issuer), "problem": .text($0.problem)]
      } ?? .nothing
    return [
      "name": .text(row.name), "names": .texts(row.names), "key": .text(row.key),
      "state": .text(row.state), "issuer": row.issuer.isEmpty ? .nothing : .text(row.issuer),
      "expires": row.expires.map(time) ?? .nothing, "next": time(row.next),
      "why": .text(row.why), "attempts": .number(row.attempts), "last_failure": failure,
      "asked": .flag(row.isAsked), "outcome": value(row.outcome, time),
    ]
  }

  private static func value(
    _ outcome: IssuanceRecords.Outcome?, _ time: (Int64) -> StatusValue
  ) -> StatusValue {
    outcome.map {
      [
        "request": .text($0.request), "at": time($0.at), "done": .flag($0.isDone),
        "text": .text($0.text),
      ]
    } ?? .nothing
  }

  private var text: [StatusText] {
    let place = isHolder ? "this server" : holder ?? "no server"
    return [
      .line("issues certificates", failure.map { "nobody: \($0)" } ?? place),
      .table(
        "ordered certificates", columns: ["NAME", "KEY", "STATE", "NEXT", "WHY"],
        rows: rows.map { [$0.name, $0.key, $0.state, UTC.text($0.next), $0.why] }),
    ]
  }

  private var warnings: [String] {
    refusals.sorted { $0.key < $1.key }.map {
      "the record acme/\($0.key) cannot be read: \($0.value)"
    }
      + (failure.map { ["no certificate can be issued: \($0)"] } ?? [])
  }

  private var metrics: [Metric] {
    var orders = Metric.counter(
      "acme_orders_total", "Orders of certificates that this server brought to an end.")
    for (count, number) in counts.sorted(by: { $0.key.text < $1.key.text }) {
      orders.add(number, ("issuer", count.issuer), ("result", count.result.rawValue))
    }
    var next = Metric.gauge(
      "acme_next_renewal_timestamp_seconds",
      "When a certificate is to be ordered next, in seconds since 1970.")
    var failed = Metric.gauge(
      "acme_last_failure_timestamp_seconds",
      "When an order failed last that no success has followed, in seconds since 1970; else 0.")
    for row in rows {
      next.add(Int(row.next), ("name", row.name))
      failed.add(Int(row.lastFailure?.at ?? 0), ("name", row.name))
    }
    return [
      orders, next, failed,
      Metric.gauge("acme_issues_here", "Whether this server is the one that issues.")
        .adding(isHolder ? 1 : 0),
    ]
  }
}

extension IssuanceCount {
  fileprivate var text: String { "\(issuer) \(result.rawValue)" }
}
