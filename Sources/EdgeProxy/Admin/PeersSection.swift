/// The other servers of the fleet, and what went through pipes to and from them.
struct PeersSection {
  var peering: Peering
  var counters: [PeerCounters]
  /// What somebody should look after.
  var warning: String?

  var section: StatusSection {
    let others = peering.directory.all
    return StatusSection(
      name: "peers",
      value: [
        "joined": .flag(peering.credentials != nil),
        "servers": .list(
          others.map { ["name": .text($0.name), "address": .text($0.address.description)] }),
        "sessions": .number(sum { $0.sessions.now }),
        "sessions_begun": .number(sum { $0.sessionsBegun.now }),
        "stalls": .number(sum { $0.stalls.now }),
        "pipes_out": .number(sum { $0.pipesOut.now }),
        "pipes_in": .number(sum { $0.pipesIn.now }),
        "refused": .number(sum { $0.refused.now }),
      ],
      text: [
        .line(
          "peers",
          others.isEmpty
            ? "no other server" : others.map { "\($0.name) \($0.address)" }.joined(separator: ", ")),
        .line(
          "pipes",
          "\(sum { $0.pipesOut.now }) out over \(sum { $0.sessions.now }) connections,"
            + " \(sum { $0.pipesIn.now }) in"),
      ],
      metrics: metrics(others.count), warnings: warning.map { [$0] } ?? [])
  }

  private func metrics(_ others: Int) -> [Metric] {
    [
      Metric.gauge("peers", "Other servers of the fleet that are known.").adding(others),
      Metric.gauge("peer_connections", "Connections to other servers that are open.")
        .adding(sum { $0.sessions.now }),
      Metric.counter("peer_connections_total", "Connections to other servers that were begun.")
        .adding(sum { $0.sessionsBegun.now }),
      Metric.counter("peer_stalls_total", "Connections to other servers that fell silent.")
        .adding(sum { $0.stalls.now }),
      Metric.counter("peer_pipes_out_total", "Connections to instances of other servers.")
        .adding(sum { $0.pipesOut.now }),
      Metric.counter("peer_pipes_in_total", "Connections of other servers to instances here.")
        .adding(sum { $0.pipesIn.now }),
      Metric.counter(
        "peer_pipes_refused_total", "Connections of other servers that no instance here took."
      )
      .adding(sum { $0.refused.now }),
    ]
  }

  private func sum(_ number: (PeerCounters) -> Int) -> Int {
    counters.reduce(0) { $0 + number($1) }
  }
}
