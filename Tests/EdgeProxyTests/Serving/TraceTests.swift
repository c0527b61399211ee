import Testing

@testable import EdgeProxy

/// Whose word about a trace is believed, what applications get and what the log says.
@Suite("Traces of requests")
struct TraceTests {
  private static let id = "0af7651916cd43dd8448eb211c80319c"
  private static let parent = "00-\(id)-b7ad6b7169203331-00"

  /// What an application hears of traces, and the trace of the log's line.
  private func ask(
    _ more: String, _ fields: String, speaks: String = "http"
  ) throws -> (heard: [String], logged: String?) {
    let app = try ScriptedApplication(more: more, speaks: speaks)
    let client = try app.ask("GET", "/", fields)
    let asked = try #require(try app.asking())
    asked.call.answer()
    try app.server.settle()
    #expect(client.answer()?.status == 200)
    let heard = asked.text.split(separator: "\r\n").map(String.init)
      .filter { $0.hasPrefix("trace") }
    return (heard, try app.server.accessLines().first?["trace_id"])
  }

  @Test(arguments: ["", "traces: { mode: make }"])
  func `a trace that a client names goes on as it came and is in the log`(more: String) throws {
    let fields = "traceparent: \(Self.parent)\r\ntracestate: a=1\r\n"
    let (heard, logged) = try ask(more, fields)
    #expect(heard == ["traceparent: \(Self.parent)", "tracestate: a=1"])
    #expect(logged == Self.id)
  }

  @Test(arguments: [
    "traceparent: 00-x\r\ntracestate: a=1\r\n", "tracestate: a=1\r\n",
    "traceparent: \(parent)\r\ntraceparent: \(parent)\r\n",
  ])
  func `a broken one does not go on, nor what belongs to it`(fields: String) throws {
    let (heard, logged) = try ask("", fields)
    #expect(heard == [] && logged == nil)
  }

  @Test func `a request without one has none unless traces begin here`() throws {
    let (heard, logged) = try ask("", "")
    #expect(heard == [] && logged == nil)
  }

  @Test(arguments: ["", "traceparent: 00-x\r\ntracestate: a=1\r\n"], [true, false])
  func `a request without a good one begins a trace`(fields: String, sampled: Bool) throws {
    let (heard, logged) = try ask("traces: { mode: make, sampled: \(sampled) }", fields)
    let id = try #require(logged)
    #expect(id.count == 32 && id != Self.id)
    #expect(heard.count == 1)
    #expect(heard.first?.hasPrefix("traceparent: 00-\(id)-") == true)
    #expect(heard.first?.hasSuffix(sampled ? "-01" : "-00") == true)
  }

  @Test func `each request begins a trace of its own`() throws {
    let app = try ScriptedApplication(more: "traces: { mode: make }")
    for _ in 0..<20 { _ = try app.serve(try app.ask()) { $0.call.answer() } }
    let ids = try app.server.accessLines().compactMap { $0["trace_id"] }
    #expect(ids.count == 20 && Set(ids).count == 20)
  }

  @Test func `applications that speak uwsgi hear of it too`() throws {
    let app = try ScriptedApplication(speaks: "uwsgi")
    _ = try app.ask("GET", "/", "traceparent: \(Self.parent)\r\ntracestate: a=1\r\n")
    let asked = try #require(try app.asking())
    #expect(asked.text.contains("HTTP_TRACEPARENT") && asked.text.contains(Self.parent))
    #expect(asked.text.contains("HTTP_TRACESTATE"))
  }

  @Test func `with trusted nobody else is believed`() throws {
    let fields = "traceparent: \(Self.parent)\r\ntracestate: a=1\r\n"
    let (heard, logged) = try ask("traces: { from: trusted }", fields)
    #expect(heard == [] && logged == nil)
    let trusted = try ask("trusted: [198.51.100.0/24]\ntraces: { from: trusted }", fields)
    #expect(trusted.heard.count == 2 && trusted.logged == Self.id)
  }

  @Test func `with off none goes on`() throws {
    let (heard, logged) = try ask("traces: { mode: off }", "traceparent: \(Self.parent)\r\n")
    #expect(heard == [] && logged == nil)
  }
}

@Suite("Requests for the health in the access log")
struct LoggedHealthTests {
  @Test(arguments: [true, false])
  func `they are left out where health is false, and counted all the same`(logged: Bool) throws {
    let server = try InProcessServer(
      "routes: [{ host: a.test, respond: { body: x } }]", logging: true, log: "health: \(logged)")
    for path in ["/healthz", "/", "/healthz/x"] {
      let client = try server.connect()
      client.send("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\r\n")
      try server.settle()
    }
    let targets = try server.accessLines().compactMap { $0["target"] }
    #expect(targets == (logged ? ["/healthz", "/", "/healthz/x"] : ["/", "/healthz/x"]))
    #expect(server.worker.counters.requests == 3)
  }
}
