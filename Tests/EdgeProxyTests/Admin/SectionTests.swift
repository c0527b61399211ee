import Calendar
import CertStore
import EventLoop
import Testing
import TLS

@testable import Configuration
@testable import EdgeProxy

@Suite("What the owners tell")
struct SectionTests {
  private func json(_ section: StatusSection) -> String {
    var buffer = TextBuffer(capacity: 0)
    section.value.write(to: &buffer)
    return buffer.text
  }

  private func text(_ section: StatusSection) -> String {
    String(decoding: StatusText.render(section.text), as: UTF8.self)
  }

  @Test func `a node that is out tells until when`() throws {
    let upstream = try makeUpstream(primaries: 2)
    let now = seconds(100)
    upstream.nodes[0].failUntilOut(now: now)
    upstream.nodes[1].begin()
    let first = upstream.nodes[0]
    let section = UpstreamsSection(
      upstreams: [upstream], now: Instant(nanoseconds: now), time: 1000,
      check: { $0 === first ? .init(outcome: .passed, milliseconds: 3, at: 7) : nil }
    ).section
    let condition = upstream.nodes[0].condition
    let due = 1000 + (condition.due - now / 1_000_000 + 999) / 1000
    let whole = json(section)
    #expect(
      whole.contains(
        #""address":"127.0.0.1:3000","server":null,"backup":false,"local":false,"doubtful":false,"weight":1,"cores":0,"state":"out","trouble":"it cannot be connected to","in_flight":0,"out_until":""#
          + UTC.text(due)))
    #expect(whole.contains(#""state":"up","trouble":null,"in_flight":1,"out_until":null"#))
    #expect(whole.contains(#""failures":{"connect":3,"refused":0,"#))
    #expect(
      whole.contains(#""check":{"result":"ok","milliseconds":3,"at":"1970-01-01T00:00:07Z"}"#))
    #expect(whole.contains(#""last_failure":null,"check":null"#))
    #expect(whole.contains(#""hedges":0,"hedges_won":0,"hedge_delay_ms":1000"#))
    let check = "ok in 3 ms at 1970-01-01T00:00:07Z"
    let state = "out until \(UTC.text(due)): it cannot be connected to"
    #expect(text(section).contains("\(state)  \(check)  0          connect 3"))
    let up = try #require(section.metrics.first { $0.name == "node_up" })
    #expect(up.samples.map(\.value) == [0, 1])
  }

  @Test func `a failure that does not put a node out is told`() throws {
    let upstream = try makeUpstream(primaries: 1)
    upstream.nodes[0].recordFailure(.reset, began: 0, now: 0, random: 0)
    let section = UpstreamsSection(
      upstreams: [upstream], now: Instant(nanoseconds: 0), time: 0
    ).section
    #expect(json(section).contains(#""state":"failing""#))
    #expect(
      json(section).contains(
        #""last_failure":{"cause":"reset","error":"connection reset before an answer","#
          + #""at":"1970-01-01T00:00:00Z"}"#))
  }

  @Test func `the last node of an upstream is down, though it is not taken out`() throws {
    let upstream = try makeUpstream(primaries: 1)
    upstream.nodes[0].recordFailure(.refused, began: 0, now: 0, random: 0)
    let section = UpstreamsSection(
      upstreams: [upstream], now: Instant(nanoseconds: 0), time: 0
    ).section
    #expect(json(section).contains(#""state":"down","trouble":"connection refused""#))
    #expect(text(section).contains("down: connection refused"))
    func values(_ name: String) -> [Int] {
      section.metrics.first { $0.name == name }?.samples.map(\.value) ?? []
    }
    #expect(values("node_up") == [0] && values("node_failing") == [1])
    let failures = try #require(section.metrics.first { $0.name == "node_failures_total" })
    #expect(
      failures.samples.filter { $0.value > 0 }.flatMap(\.labels).map(\.value)
        == ["apps", "127.0.0.1:3000", "refused"])
    upstream.nodes[0].recordCheck(succeeded: true)
    #expect(!upstream.nodes[0].isDown)
  }

  @Test func `a name that leads nowhere is told as a node that is not there`() throws {
    let host = try #require(HostAndPort("app.internal:3031"))
    let section = UpstreamsSection(
      upstreams: [makeUpstream([NodeSettings(address: .named(host), backup: false)])],
      now: Instant(nanoseconds: 0), time: 0, lookupFailure: { _ in "no such host" }
    ).section
    #expect(json(section).contains(#""address":"app.internal:3031""#))
    #expect(json(section).contains(#""state":"unresolved","trouble":"not resolved, no such host""#))
    let up = try #require(section.metrics.first { $0.name == "node_up" })
    #expect(up.samples.map(\.value) == [0])
  }

  @Test func `workers are told one by one and counted together`() throws {
    let counters = [WorkerCounters(), WorkerCounters()]
    var record = AccessRecord()
    record.status = 503
    record.bytesIn = 5
    record.bytesOut = 7
    for _ in 0..<3 { record.addTry(node: [], outcome: "connect", microseconds: 1) }
    for each in counters { each.count(record) }
    record.reset()
    counters[0].count(record)
    record.status = 999
    counters[0].count(record)
    counters[1].refused(.memory)
    counters[1].memory.set(65_536)
    let section = WorkersSection(
      workers: [
        .init(counters: counters[0], silentSeconds: 0),
        .init(counters: counters[1], silentSeconds: 12),
      ]
    ).section
    func values(_ name: String) throws -> [Int] {
      try #require(section.metrics.first { $0.name == name }).samples.map(\.value)
    }
    #expect(try values("requests_total") == [2, 0, 0, 0, 0, 2])
    #expect(try values("tries_total") == [6])
    #expect(try values("retries_total") == [4])
    #expect(try values("request_body_bytes_total") == [10])
    #expect(try values("response_body_bytes_total") == [14])
    #expect(try values("refused_total") == [0, 0, 0, 1, 0, 0])
    #expect(try values("worker_silence_seconds") == [0, 12])
    #expect(text(section).contains("1         0     64KiB   0KiB   silent for 12s"))
  }

  @Test func `a refused reload is told with its mistakes`() {
    let section = ServerSection(
      node: "n1", processNumber: 7, startedAt: 0, now: 100,
      reload: ReloadOutcome(at: 40, isRefused: true, report: "e:1:1: a\ne:2:1: b\n2 errors\n")
    ).section
    #expect(
      json(section).contains(
        #""uptime_seconds":100,"last_reload":{"at":"1970-01-01T00:00:40Z","ok":false,"#
          + #""messages":["e:1:1: a","e:2:1: b","2 errors"]}"#))
    #expect(text(section).contains("last reload  refused, 1970-01-01T00:00:40Z, 1m ago"))
    #expect(text(section).contains("e:2:1: b"))
  }

  @Test func `a reload that is not in force as a whole names the keys that need a restart`() {
    var reload = ReloadOutcome(at: 40, isRefused: false, report: "restart needed: node\n")
    reload.isPartial = true
    reload.restartKeys = ["node"]
    let section = ServerSection(
      node: "n1", processNumber: 7, startedAt: 0, now: 100, reload: reload
    ).section
    #expect(json(section).contains(#""ok":true,"messages":["restart needed: node"],"#))
    #expect(json(section).contains(#""partial":true,"restart_needed":["node"]}"#))
    #expect(text(section).contains("last reload  in part, 1970-01-01T00:00:40Z"))
  }

  @Test func `an etcd that is away is told with the reason`() {
    var etcd = EtcdSection(
      endpoint: "https://10.0.0.1:2379", isReachable: false, isSynced: false, revision: 42,
      failure: "refused")
    #expect(
      json(etcd.section)
        == #"{"endpoint":"https://10.0.0.1:2379","reachable":false,"synced":false,"#
        + #""revision":42,"failure":"refused"}"#)
    #expect(
      text(etcd.section) == "etcd  not connected to https://10.0.0.1:2379, revision 42: refused\n")
    etcd = EtcdSection(
      endpoint: "http://e:1", isReachable: true, isSynced: true, revision: nil, failure: nil)
    #expect(text(etcd.section) == "etcd  synced with http://e:1\n")
  }

  @Test func `ticket keys are told by their generation`() {
    let tickets = TicketsSection(isShared: true, generation: .max, failure: nil)
    #expect(
      json(tickets.section) == #"{"shared":true,"generation":9223372036854775807,"failure":null}"#)
    #expect(text(tickets.section).hasPrefix("ticket keys  the fleet's, generation 9223"))
  }
}
