import HTTPCore
import TestSupport
import Testing

@Suite("The trace of a request, W3C Trace Context §3.2")
struct TraceContextTests {
  private static let id = "0af7651916cd43dd8448eb211c80319c"
  private static let parent = "00-\(id)-b7ad6b7169203331-01"

  private func head(_ fields: String) throws -> RequestHead {
    var parser = RequestParser()
    var head = RequestHead()
    let bytes = octets("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
    _ = try parser.parse(bytes.span, into: &head, limits: HeadLimits())
    return head
  }

  private func traceID(_ fields: String) throws -> String? {
    let head = try head(fields)
    return head.traceID.map { text(head.span($0)) }
  }

  /// The fields as an application that speaks HTTP/1.1 gets them.
  private func forwarded(_ head: borrowing RequestHead) -> [String] {
    var request = HTTP1Request()
    request.encode(head, facts: exampleFacts(), closing: false)
    return text(request.bytes).split(separator: "\r\n").map(String.init)
      .filter { $0.lowercased().hasPrefix("trace") }
  }

  @Test(arguments: [
    parent, "00-\(id)-b7ad6b7169203331-00", "00-\(id)-b7ad6b7169203331-ff",
    "01-\(id)-b7ad6b7169203331-01", "fe-\(id)-b7ad6b7169203331-01",
    // A later version may add something.
    "cc-\(id)-b7ad6b7169203331-01-what-the-future-will-be-like",
    "cc-\(id)-b7ad6b7169203331-01-",
  ])
  func `a well-formed traceparent names its trace`(value: String) throws {
    #expect(try traceID("Traceparent: \(value)\r\n") == Self.id)
  }

  @Test(arguments: [
    "", "00", String(parent.dropLast()), parent + "0", parent + "-", parent + "-01",
    "ff-\(id)-b7ad6b7169203331-01", "0x-\(id)-b7ad6b7169203331-01",
    "00-\(id.uppercased())-b7ad6b7169203331-01", "00-\(id)-B7AD6B7169203331-01",
    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    "00-\(id)-0000000000000000-01", "00-\(id)-b7ad6b7169203331-0g", "00_\(id)-b7ad6b7169203331-01",
    "00-\(id)_b7ad6b7169203331-01", "00-\(id)-b7ad6b7169203331_01",
    "cc-\(id)-b7ad6b7169203331-01.what", "00-\(id.dropLast())z-b7ad6b7169203331-01",
  ])
  func `a malformed traceparent names none`(value: String) throws {
    #expect(try traceID("traceparent: \(value)\r\n") == nil)
  }

  @Test func `two traceparents name none, and none names none`() throws {
    let line = "traceparent: \(Self.parent)\r\n"
    #expect(try traceID(line + line) == nil)
    #expect(try traceID("X-Other: 1\r\n") == nil)
    #expect(try !head("X-Other: 1\r\n").namesTrace)
    #expect(try head("tracestate: a=1\r\n").namesTrace)
  }

  @Test func `both fields go on as they came`() throws {
    let head = try head(
      "traceparent: \(Self.parent)\r\ntracestate: congo=t61rcWkgMzE\r\ntracestate: rojo=1\r\n")
    #expect(
      forwarded(head) == [
        "traceparent: \(Self.parent)", "tracestate: congo=t61rcWkgMzE", "tracestate: rojo=1",
      ])
  }

  @Test func `a trace that is forgotten leaves nothing`() throws {
    var head = try head("traceparent: x\r\nTracestate: a=1\r\nX-Trace: 1\r\n")
    head.removeTrace()
    #expect(forwarded(head) == [])
    #expect(head.fields.count == 2)
  }

  @Test(arguments: [true, false])
  func `a trace that begins here is well-formed, whatever Connection names`(sampled: Bool) throws {
    var head = try head("Connection: traceparent\r\n")
    head.beginTrace(id: octets(Self.id), parent: octets("b7ad6b7169203331"), isSampled: sampled)
    #expect(head.traceID.map { text(head.span($0)) } == Self.id)
    #expect(
      forwarded(head) == ["traceparent: 00-\(Self.id)-b7ad6b7169203331-\(sampled ? "01" : "00")"])
  }
}
