internal import Configuration
internal import EventLoop

/// What passes connections on as they are: where, and what has been counted.
struct SessionsSection {
  var configuration: Configuration
  var counters: [WorkerCounters]

  var section: StatusSection {
    let listeners = configuration.listen.tcp
    let (open, begun) = (sum { $0.sessions.now }, sum { $0.sessionsBegun.now })
    return StatusSection(
      name: "tcp",
      value: [
        "sessions": .number(open), "begun": .number(begun),
        "listeners": .list(
          listeners.map { listener in
            [
              "address": .text(listener.address.description), "upstream": .text(name(listener)),
            ]
          }),
      ],
      text: listeners.isEmpty
        ? []
        : [
          .line("tcp sessions", "\(open) open, \(begun) since the start"),
          .table(
            "tcp listeners", columns: ["ADDRESS", "UPSTREAM"],
            rows: listeners.map { [$0.address.description, name($0)] }),
        ],
      metrics: metrics(open, begun))
  }

  private func metrics(_ open: Int, _ begun: Int) -> [Metric] {
    [
      Metric.gauge("tcp_sessions", "TCP sessions that are open.").adding(open),
      Metric.counter("tcp_sessions_total", "TCP sessions that were begun.").adding(begun),
      Metric.counter("tcp_received_bytes_total", "Bytes from clients of ended TCP sessions.")
        .adding(sum { $0.sessionBytesIn.now }),
      Metric.counter("tcp_sent_bytes_total", "Bytes to clients of ended TCP sessions.")
        .adding(sum { $0.sessionBytesOut.now }),
    ]
  }

  private func name(_ listener: TCPListenSettings) -> String {
    configuration.upstreams[listener.upstream].name
  }

  private func sum(_ number: (WorkerCounters) -> Int) -> Int {
    counters.reduce(0) { $0 + number($1) }
  }
}
