import Testing

@testable import EdgeProxy

@Suite("Metrics in Prometheus' text format, version 0.0.4")
struct MetricTests {
  private func text(_ metric: Metric) -> [String] {
    var buffer = TextBuffer(capacity: 0)
    metric.write(to: &buffer)
    return buffer.text.split(separator: "\n").map(String.init)
  }

  @Test func `a family has its help, its type and its samples`() {
    var metric = Metric.counter("requests_total", "Requests.")
    metric.add(3, ("code", "2xx"), ("node", "a"))
    metric.add(0)
    #expect(
      text(metric) == [
        "# HELP edgeproxy_requests_total Requests.",
        "# TYPE edgeproxy_requests_total counter",
        #"edgeproxy_requests_total{code="2xx",node="a"} 3"#,
        "edgeproxy_requests_total 0",
      ])
  }

  @Test func `what names bring can neither end a label nor a line`() {
    let metric = Metric.gauge("node_up", "A \\ and\na line.")
      .adding(1, ("node", "a\"} 1\nedgeproxy_fake 2\\\u{1b}[2J\u{9b}é"))
    #expect(
      text(metric) == [
        #"# HELP edgeproxy_node_up A \\ and\na line."#,
        "# TYPE edgeproxy_node_up gauge",
        #"edgeproxy_node_up{node="a\"} 1\nedgeproxy_fake 2\\"# + "\u{fffd}[2J\u{fffd}é\"} 1",
      ])
  }

  @Test(arguments: [(1000, "1.000"), (250, "0.250"), (10_007, "10.007"), (0, "0.000")])
  func `a time is told in seconds`(milliseconds: Int, said: String) {
    let metric = Metric.gauge(milliseconds: "delay_seconds", "A.").adding(milliseconds)
    #expect(text(metric).last == "edgeproxy_delay_seconds \(said)")
  }

  @Test func `a histogram has its buckets, its sum in seconds and its count`() {
    var durations = DurationReading()
    durations.buckets[0] = 3
    durations.buckets[2] = 1
    durations.buckets[15] = 1
    durations.microseconds = 61_004_200
    var metric = Metric.histogram("request_duration_seconds", "Requests.")
    metric.add(durations, ("route", "a.test"))
    let lines = text(metric)
    #expect(lines[1] == "# TYPE edgeproxy_request_duration_seconds histogram")
    let bucket = #"edgeproxy_request_duration_seconds_bucket{route="a.test",le="#
    #expect(
      lines[2...5] == [
        bucket + #""0.001"} 3"#, bucket + #""0.0025"} 3"#, bucket + #""0.005"} 4"#,
        bucket + #""0.01"} 4"#,
      ])
    #expect(
      lines.suffix(4) == [
        bucket + #""60"} 4"#, bucket + #""+Inf"} 5"#,
        #"edgeproxy_request_duration_seconds_sum{route="a.test"} 61.004200"#,
        #"edgeproxy_request_duration_seconds_count{route="a.test"} 5"#,
      ])
  }

  @Test func `no family comes twice and counters are named as such`() throws {
    let upstream = try makeUpstream(primaries: 1)
    let sections = [
      ServerSection(
        node: "n", processNumber: 1, startedAt: 0, now: 9,
        reload: ReloadOutcome(at: 5, isRefused: false, report: "")
      ).section,
      WorkersSection(workers: [.init(counters: WorkerCounters(), silentSeconds: 0)]).section,
      RoutesSection([WorkerCounters()]).section, TriesSection([WorkerCounters()]).section,
      UpstreamsSection(
        upstreams: [upstream], now: .init(nanoseconds: 0), time: 0
      ).section,
      CertificatesSection(served: [], refusals: [], now: 0).section,
      TicketsSection(isShared: false, generation: 1).section,
      EtcdSection(endpoint: "", isReachable: false, isSynced: false).section,
    ]
    let metrics = sections.flatMap(\.metrics)
    #expect(Set(metrics.map(\.name)).count == metrics.count)
    for metric in metrics {
      #expect(metric.name.hasSuffix("_total") == (metric.kind == .counter), "\(metric.name)")
      #expect(metric.help.hasSuffix("."), "\(metric.name)")
      #expect(!metric.name.contains("milliseconds"), "\(metric.name)")
    }
  }
}
