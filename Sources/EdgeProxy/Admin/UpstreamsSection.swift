internal import Calendar
internal import EventLoop

/// The upstreams and what is known of their nodes.
struct UpstreamsSection {
  var upstreams: [UpstreamState]
  /// The same moment on the clock of the nodes and on the calendar, in seconds since 1970.
  var now: Instant
  var time: Int64
  /// What the last check of a node found; `nil` where it was not checked.
  var check: (NodeState) -> CheckRecord.Last? = { _ in nil }

  var section: StatusSection {
    StatusSection(
      name: "upstreams",
      value: .list(
        upstreams.map { upstream in
          [
            "name": .text(upstream.settings.name),
            "key": upstream.key.isEmpty ? .nothing : .text(Self.key(upstream)),
            "hedges": .number(upstream.lasting.hedges),
            "hedges_won": .number(upstream.lasting.hedgesWon),
            "hedge_delay_ms": .number(Int(upstream.lasting.latency.delay / 1_000_000)),
            "nodes": .list(zip(upstream.nodes, upstream.roles).map(value)),
          ]
        }),
      text: [
        .table(
          "upstreams", columns: ["UPSTREAM", "NODE", "STATE", "CHECK", "IN FLIGHT", "FAILURES"],
          rows: upstreams.flatMap { upstream in
            zip(upstream.nodes, upstream.roles).map { row(upstream, $0, $1) }
          })
      ],
      metrics: metrics)
  }

  private static func key(_ upstream: UpstreamState) -> String {
    String(decoding: upstream.key, as: UTF8.self)
  }

  private func value(_ node: NodeState, _ role: NodeRole) -> StatusValue {
    let condition = node.condition
    return [
      "address": .text(node.address.description),
      "server": node.server.map { .text($0) } ?? .nothing, "backup": .flag(node.isBackup),
      "local": .flag(role.isLocal), "doubtful": .flag(role.isDoubtful),
      "weight": .number(role.weight), "cores": .number(role.cores),
      "state": .text(Self.state(condition)), "in_flight": .number(node.inFlight),
      "out_until": condition.isOut ? .time(outUntil(condition)) : .nothing,
      "failures": .fields(
        NodeFailure.allCases.map {
          .init(name: "\($0)", value: .number(node.failureCount($0)))
        }),
      "last_failure": node.lastFailure.map { value($0) } ?? .nothing,
      "check": check(node).map(Self.value) ?? .nothing,
    ]
  }

  private func row(_ upstream: UpstreamState, _ node: NodeState, _ role: NodeRole) -> [String] {
    let condition = node.condition
    var failures = NodeFailure.allCases.filter { node.failureCount($0) > 0 }
      .map { "\($0) \(node.failureCount($0))" }.joined(separator: ", ")
    if let last = node.lastFailure {
      failures += "; last \(last.failure) at \(UTC.text(moment(last.at)))"
    }
    var state = Self.state(condition)
    if condition.isOut { state += " until \(UTC.text(outUntil(condition)))" }
    let kinds = [(node.isBackup, "backup"), (role.isLocal, "local"), (role.isDoubtful, "doubtful")]
    let kind = kinds.filter(\.0).map(\.1).joined(separator: ", ")
    let name = upstream.settings.name
    return [
      upstream.key.isEmpty ? name : "\(name) \(Self.key(upstream))",
      "\(node)" + (kind.isEmpty ? "" : " (\(kind))"), state,
      check(node).map(Self.text) ?? "none", "\(node.inFlight)",
      failures.isEmpty ? "none" : failures,
    ]
  }

  private static func value(_ check: CheckRecord.Last) -> StatusValue {
    [
      "result": .text(check.outcome.description),
      "milliseconds": .number(Int(check.milliseconds)), "at": .time(check.at),
    ]
  }

  private func value(_ last: (failure: NodeFailure, at: Int64)) -> StatusValue {
    ["cause": .text("\(last.failure)"), "at": .time(moment(last.at))]
  }

  /// Seconds since 1970 of a time on the clock of the nodes.
  private func moment(_ nanoseconds: Int64) -> Int64 {
    time - max(0, now.nanoseconds - nanoseconds) / 1_000_000_000
  }

  private static func text(_ check: CheckRecord.Last) -> String {
    "\(check.outcome.description) in \(check.milliseconds) ms at \(UTC.text(check.at))"
  }

  /// `up`, `failing` after a failure that did not put it out, `out`, or `trial` while one request
  /// finds out whether it is back.
  private static func state(_ condition: NodeCondition) -> String {
    if condition.isOnTrial { return "trial" }
    if condition.isOut { return "out" }
    return condition.lastFailed ? "failing" : "up"
  }

  /// When the next trial may be, in seconds since 1970.
  private func outUntil(_ condition: NodeCondition) -> Int64 {
    let wait = condition.due - now.nanoseconds / 1_000_000
    return time + (max(0, wait) + 999) / 1000
  }

  private var metrics: [Metric] {
    var up = Metric.gauge("node_up", "Whether a node is not taken out of its upstream.")
    var failing = Metric.gauge("node_failing", "Whether the last try or check of a node failed.")
    var inFlight = Metric.gauge("node_in_flight", "Tries at a node that have not ended.")
    var failures = Metric.counter("node_failures_total", "Tries at a node that failed, by cause.")
    for upstream in upstreams {
      for node in upstream.nodes {
        var labels = [("upstream", upstream.settings.name), ("node", "\(node)")]
        if !upstream.key.isEmpty { labels.append(("key", Self.key(upstream))) }
        let condition = node.condition
        up.add(condition.isOut ? 0 : 1, labels: labels)
        failing.add(condition.lastFailed ? 1 : 0, labels: labels)
        inFlight.add(node.inFlight, labels: labels)
        // Thousands of instances may be known: what never failed is not listed cause by cause.
        for failure in NodeFailure.allCases
        where upstream.key.isEmpty || node.failureCount(failure) > 0 {
          failures.add(
            node.failureCount(failure), labels: labels + [("cause", "\(failure)")])
        }
      }
    }
    return [up, failing, inFlight, failures] + hedgeMetrics
  }

  private var hedgeMetrics: [Metric] {
    var hedges = Metric.counter("hedges_total", "Tries beside silent ones.")
    var won = Metric.counter("hedges_won_total", "Tries beside silent ones that answered first.")
    var delay = Metric.gauge(
      milliseconds: "hedge_delay_seconds", "How long a try may be silent before another is begun.")
    for upstream in upstreams {
      var labels = [("upstream", upstream.settings.name)]
      if !upstream.key.isEmpty { labels.append(("key", Self.key(upstream))) }
      hedges.add(upstream.lasting.hedges, labels: labels)
      won.add(upstream.lasting.hedgesWon, labels: labels)
      delay.add(Int(upstream.lasting.latency.delay / 1_000_000), labels: labels)
    }
    return [hedges, won, delay]
  }
}
