internal import EventLoop
internal import TLS

/// The upstreams and what is known of their nodes.
struct UpstreamsSection {
  var upstreams: [UpstreamState]
  /// The same moment on the clock of the nodes and on the calendar, in seconds since 1970.
  var now: Instant
  var time: Int64

  var section: StatusSection {
    StatusSection(
      name: "upstreams",
      value: .list(
        upstreams.map { upstream in
          [
            "name": .text(upstream.settings.name),
            "nodes": .list(upstream.nodes.map(value)),
          ]
        }),
      text: [
        .table(
          "upstreams", columns: ["UPSTREAM", "NODE", "STATE", "IN FLIGHT", "FAILURES"],
          rows: upstreams.flatMap { upstream in
            upstream.nodes.map { row(upstream.settings.name, $0) }
          })
      ],
      metrics: metrics)
  }

  private func value(_ node: NodeState) -> StatusValue {
    let condition = node.condition
    return [
      "address": .text(node.address.description), "backup": .flag(node.isBackup),
      "state": .text(Self.state(condition)), "in_flight": .number(node.inFlight),
      "out_until": condition.isOut ? .time(outUntil(condition)) : .nothing,
      "failures": .fields(
        NodeFailure.allCases.map {
          .init(name: "\($0)", value: .number(node.failureCount($0)))
        }),
    ]
  }

  private func row(_ upstream: String, _ node: NodeState) -> [String] {
    let condition = node.condition
    let failures = NodeFailure.allCases.filter { node.failureCount($0) > 0 }
      .map { "\($0) \(node.failureCount($0))" }
    var state = Self.state(condition)
    if condition.isOut { state += " until \(UTC.text(outUntil(condition)))" }
    return [
      upstream, node.address.description + (node.isBackup ? " (backup)" : ""), state,
      "\(node.inFlight)", failures.isEmpty ? "none" : failures.joined(separator: ", "),
    ]
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
        let (name, address) = (("upstream", upstream.settings.name), ("node", "\(node.address)"))
        let condition = node.condition
        up.add(condition.isOut ? 0 : 1, name, address)
        failing.add(condition.lastFailed ? 1 : 0, name, address)
        inFlight.add(node.inFlight, name, address)
        for failure in NodeFailure.allCases {
          failures.add(node.failureCount(failure), name, address, ("cause", "\(failure)"))
        }
      }
    }
    return [up, failing, inFlight, failures]
  }
}
