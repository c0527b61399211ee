internal import Calendar
internal import Configuration
internal import EventLoop

/// The upstreams and what is known of their nodes.
struct UpstreamsSection {
  var upstreams: [UpstreamState]
  /// The same moment on the clock of the nodes and on the calendar, in seconds since 1970.
  var now: Instant
  var time: Int64
  /// What the last check of a node found; `nil` where it was not checked.
  var check: (NodeState) -> CheckRecord.Last? = { _ in nil }
  /// What an operator has ordered of a node.
  var order: (NodeState) -> Order? = { _ in nil }
  /// Why an instance is not announced any more.
  var doubt: (UpstreamState, NodeState) -> KnownInstance.Doubt? = { _, _ in nil }
  /// Why a host name is not resolved.
  var lookupFailure: (HostAndPort) -> String? = { _ in nil }

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
            "nodes": .list(
              zip(upstream.nodes, upstream.roles).map { value(upstream, $0, $1) }
                + upstream.unresolved.map(value)),
          ]
        }),
      text: [
        .table(
          "upstreams",
          columns: ["UPSTREAM", "NODE", "STATE", "CHECK", "IN FLIGHT", "FAILURES", "LATENCY"],
          rows: upstreams.flatMap { upstream in
            zip(upstream.nodes, upstream.roles).map { row(upstream, $0, $1) }
              + upstream.unresolved.map { row(upstream, $0) }
          })
      ],
      metrics: metrics)
  }

  private func failure(of host: HostAndPort) -> String {
    "not resolved, \(lookupFailure(host) ?? "no answer yet")"
  }

  private static func name(_ upstream: UpstreamState) -> String {
    let name = upstream.settings.name
    return upstream.key.isEmpty ? name : "\(name) \(key(upstream))"
  }

  private static func key(_ upstream: UpstreamState) -> String {
    String(decoding: upstream.key, as: UTF8.self)
  }

  private func value(
    _ upstream: UpstreamState, _ node: NodeState, _ role: NodeRole
  ) -> StatusValue {
    let condition = node.condition
    return [
      "address": .text(node.address.description),
      "server": node.server.map { .text($0) } ?? .nothing, "backup": .flag(node.isBackup),
      "local": .flag(role.isLocal), "doubtful": .flag(role.isDoubtful),
      "weight": .number(role.weight), "cores": .number(role.cores),
      "state": .text(Self.state(node, condition)),
      "trouble": node.trouble.map { .text($0.text) } ?? .nothing,
      "in_flight": .number(node.inFlight),
      "out_until": condition.isOut ? .time(outUntil(condition)) : .nothing,
      "failures": .fields(
        NodeFailure.allCases.map {
          .init(name: "\($0.word)", value: .number(node.failureCount($0)))
        }),
      "last_failure": node.lastFailure.map { value($0) } ?? .nothing,
      "check": check(node).map(Self.value) ?? .nothing,
      "administration": .text("\(node.standing)"),
      "why": why(upstream, node, role).map { .text($0) } ?? .nothing,
      "latency_ms": NodeLatency(summary: node.latency.summary).value,
    ]
  }

  private func why(_ upstream: UpstreamState, _ node: NodeState, _ role: NodeRole) -> String? {
    let condition = node.condition
    return NodeWhy(
      node: node, role: role, order: order(node),
      doubt: role.isDoubtful ? doubt(upstream, node) : nil,
      check: check(node), outUntil: condition.isOut ? outUntil(condition) : nil
    ).text
  }

  private func row(_ upstream: UpstreamState, _ node: NodeState, _ role: NodeRole) -> [String] {
    let condition = node.condition
    var failures = NodeFailure.allCases.filter { node.failureCount($0) > 0 }
      .map { "\($0.word) \(node.failureCount($0))" }.joined(separator: ", ")
    if let last = node.lastFailure {
      failures += "; last \(last.failure.word) at \(UTC.text(moment(last.at)))"
    }
    var state = Self.state(node, condition)
    if condition.isOut { state += " until \(UTC.text(outUntil(condition)))" }
    let kinds = [(node.isBackup, "backup"), (role.isLocal, "local"), (role.isDoubtful, "doubtful")]
    let kind = kinds.filter(\.0).map(\.1).joined(separator: ", ")
    if let trouble = node.trouble { state += ": \(trouble.text)" }
    if node.standing != .enabled || role.isDoubtful {
      state = "\(Self.state(node, condition)): \(why(upstream, node, role) ?? "")"
    }
    return [
      Self.name(upstream),
      "\(node)" + (kind.isEmpty ? "" : " (\(kind))"), state,
      check(node).map(Self.text) ?? "none", "\(node.inFlight)",
      failures.isEmpty ? "none" : failures, NodeLatency(summary: node.latency.summary).text,
    ]
  }

  /// A name that leads nowhere, told as a node that is not there.
  private func value(_ host: HostAndPort) -> StatusValue {
    let failure = failure(of: host)
    return [
      "address": .text(host.description), "server": .nothing, "backup": .flag(false),
      "local": .flag(false), "doubtful": .flag(false), "weight": .number(0), "cores": .number(0),
      "state": .text("unresolved"), "trouble": .text(failure), "in_flight": .number(0),
      "out_until": .nothing, "failures": .fields([]),
      "last_failure": ["cause": .text("unresolved"), "error": .text(failure), "at": .nothing],
      "check": .nothing, "administration": .text("enabled"), "why": .text(failure),
      "latency_ms": .nothing,
    ]
  }

  private func row(_ upstream: UpstreamState, _ host: HostAndPort) -> [String] {
    [
      Self.name(upstream), "\(host)", "unresolved: \(failure(of: host))", "none", "0", "none",
      "none",
    ]
  }

  private static func value(_ check: CheckRecord.Last) -> StatusValue {
    [
      "result": .text(check.outcome.description),
      "milliseconds": .number(Int(check.milliseconds)), "at": .time(check.at),
    ]
  }

  private func value(_ last: (failure: NodeFailure, at: Int64)) -> StatusValue {
    [
      "cause": .text("\(last.failure.word)"), "error": .text(last.failure.sentence),
      "at": .time(moment(last.at)),
    ]
  }

  /// Seconds since 1970 of a time on the clock of the nodes.
  private func moment(_ nanoseconds: Int64) -> Int64 {
    time - max(0, now.nanoseconds - nanoseconds) / 1_000_000_000
  }

  private static func text(_ check: CheckRecord.Last) -> String {
    "\(check.outcome.description) in \(check.milliseconds) ms at \(UTC.text(check.at))"
  }

  /// All that `state` says.
  static let states = ["up", "failing", "down", "out", "trial", "disabled", "draining"]

  /// `disabled` or `draining` by an operator, else `up`, `failing` after a failure that may be no more than one request's, `down` where it is of no
  /// use and asked all the same, `out` where it is not asked, or `trial` while one request finds out
  /// whether it is back.
  private static func state(_ node: NodeState, _ condition: NodeCondition) -> String {
    if node.standing != .enabled { return "\(node.standing)" }
    if condition.isOnTrial { return "trial" }
    if condition.isOut { return "out" }
    if node.isDown { return "down" }
    return condition.lastFailed ? "failing" : "up"
  }

  /// When the next trial may be, in seconds since 1970.
  private func outUntil(_ condition: NodeCondition) -> Int64 {
    let wait = condition.due - now.nanoseconds / 1_000_000
    return time + (max(0, wait) + 999) / 1000
  }

  private var metrics: [Metric] {
    var up = Metric.gauge("node_up", "Whether a node is neither down, nor out, nor disabled.")
    var state = Metric.gauge("node_state", "1 for the state that a node is in, 0 for the others.")
    var failing = Metric.gauge("node_failing", "Whether the last try or check of a node failed.")
    var inFlight = Metric.gauge("node_in_flight", "Tries at a node that have not ended.")
    var failures = Metric.counter("node_failures_total", "Tries at a node that failed, by cause.")
    for upstream in upstreams {
      for host in upstream.unresolved {
        let labels = [("upstream", upstream.settings.name), ("node", host.description)]
        up.add(0, labels: labels)
        state.add(1, labels: labels + [("state", "unresolved")])
      }
      for node in upstream.nodes {
        var labels = [("upstream", upstream.settings.name), ("node", "\(node)")]
        if !upstream.key.isEmpty { labels.append(("key", Self.key(upstream))) }
        let condition = node.condition
        up.add(
          condition.isOut || node.isDown || node.standing == .disabled ? 0 : 1, labels: labels)
        let present = Self.state(node, condition)
        // Thousands of instances may be known: of each only the state that it is in is listed.
        for each in Self.states where upstream.key.isEmpty || each == present {
          state.add(each == present ? 1 : 0, labels: labels + [("state", each)])
        }
        failing.add(condition.lastFailed ? 1 : 0, labels: labels)
        inFlight.add(node.inFlight, labels: labels)
        // Thousands of instances may be known: what never failed is not listed cause by cause.
        for failure in NodeFailure.allCases
        where upstream.key.isEmpty || node.failureCount(failure) > 0 {
          failures.add(
            node.failureCount(failure), labels: labels + [("cause", "\(failure.word)")])
        }
      }
    }
    return [up, state, failing, inFlight, failures] + hedgeMetrics
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
