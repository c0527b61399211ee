import Configuration
import HTTPCore
import Testing

@testable import EdgeProxy

@Suite("Lines of the access log in the operator's form")
struct AccessTextTests {
  private func record() -> AccessRecord {
    var record = AccessRecord()
    record.time = 1_795_395_723_000_456
    record.client = Array("192.0.2.7".utf8)
    record.user = Array("ada".utf8)
    record.requestID = Array("0f1e".utf8)
    record.traceID = Array("0af7651916cd43dd8448eb211c80319c".utf8)
    record.tlsVersion = "TLSv1.3"
    record.serverName = Array("a.test".utf8)
    record.status = 200
    record.bytesIn = 5
    record.bytesOut = 1024
    record.route = Array("*.test".utf8)
    record.upstream = Array("apps".utf8)
    record.totalMicroseconds = 1_500_042
    record.firstByteMicroseconds = 1200
    record.upstreamMicroseconds = 1100
    record.addTry(node: Array("unix:/run/a.sock".utf8), outcome: "refused", microseconds: 40)
    record.addTry(node: Array("10.0.0.2:3031".utf8), outcome: "ok", microseconds: 1060)
    return record
  }

  private func line(
    _ format: String, _ record: AccessRecord, _ fields: String = "", target: String = "/a?b=c"
  ) throws -> String {
    var head = RequestHead()
    var parser = RequestParser()
    let text = "GET \(target) HTTP/1.1\r\nHost: a.test\r\n\(fields)\r\n"
    _ = try parser.parse(Array(text.utf8).span, into: &head, limits: HeadLimits())
    return try line(format, record, head)
  }

  private func line(
    _ format: String, _ record: AccessRecord, _ head: borrowing RequestHead
  ) throws -> String {
    var buffer = TextBuffer(capacity: 16)
    var access = AccessFormat(.text(try LogFormat.pieces(of: format)))
    access.append(record, head, to: &buffer)
    return buffer.text
  }

  @Test(arguments: [
    ("{time}", "2026-11-23T01:02:03.000456Z"), ("[{time_apache}]", "[23/Nov/2026:01:02:03 +0000]"),
    ("{time_epoch}", "1795395723.000456"), ("{status}", "200"), ("{id}", "0f1e"),
    ("{client}", "192.0.2.7"), ("{user}", "ada"), ("{listener}", "-"), ("{host}", "a.test"),
    ("{method}", "GET"), ("{target}", "/a?b=c"), ("{path}", "/a"), ("{query}", "b=c"),
    ("{protocol}", "HTTP/1.1"), ("\"{request}\"", "\"GET /a?b=c HTTP/1.1\""), ("{referer}", "-"),
    ("{user_agent}", "curl"), ("{tls}", "TLSv1.3"), ("{resumed}", "false"), ("{sni}", "a.test"),
    ("{bytes_in}", "5"), ("{bytes_out}", "1024"), ("{duration}", "1.500042"),
    ("{total_us}", "1500042"), ("{first_byte_us}", "1200"), ("{upstream_us}", "1100"),
    ("{route}", "*.test"), ("{upstream}", "apps"), ("{attempts}", "2"),
    ("{node}", "10.0.0.2:3031"),
    ("{tries}", "unix:/run/a.sock=refused/40,10.0.0.2:3031=ok/1060"), ("{cause}", "-"),
    ("{trace_id}", "0af7651916cd43dd8448eb211c80319c"), ("{header:X-A}", "one"),
    ("{{{status}}}", "{200}"),
  ])
  func `each field`(format: String, expected: String) throws {
    #expect(
      try line(format, record(), "User-Agent: curl\r\nX-A: one\r\nX-A: two\r\n") == expected + "\n")
  }

  @Test func `what there is not is a dash, for each field there is`() throws {
    for field in LogField.allCases where !field.rawValue.hasPrefix("time") {
      let format = "{\(field.rawValue)} \"{\(field.rawValue)}\""
      let line = try line(format, AccessRecord(), RequestHead())
      let isNumber = ["0 \"0\"\n", "0.000000 \"0.000000\"\n"].contains(line)
      #expect(line == "- \"-\"\n" || isNumber, "\(field.rawValue)")
    }
    #expect(try line("{header:X-A} \"{header:X-A}\"", AccessRecord(), RequestHead()) == "- \"-\"\n")
  }

  @Test func `an empty field is empty between quotation marks and a dash elsewhere`() throws {
    #expect(try line("{referer} \"{referer}\"", record(), "Referer:\r\n") == "- \"\"\n")
  }

  @Test func `a TCP session has a listener`() throws {
    var record = AccessRecord()
    record.listener = Array("127.0.0.1:4000".utf8)
    let line = try line("{protocol} {listener} \"{request}\"", record, RequestHead())
    #expect(line == "TCP 127.0.0.1:4000 \"TCP\"\n")
  }

  @Test func `what a client sends moves no column, ends no quotation and no line`() throws {
    let evil = "x\" 500 \\ \u{9b}[2J\té"
    var record = record()
    record.serverName = Array("a\n\u{1b} \u{7f}".utf8)
    let line = try line(
      "{sni} \"{sni}\" {user_agent} {header:X-A} \"{header:X-A}\" {status}", record,
      "User-Agent: \(evil)\r\nX-A: \(evil)\r\n")
    let word = #"x\"\x20500\x20\\\x20\xc2\x9b[2J\t\xc3\xa9"#
    let quoted = #"x\" 500 \\ \xc2\x9b[2J\t\xc3\xa9"#
    let name = #"a\n\x1b\x20\x7f "a\n\x1b \x7f""#
    #expect(line == "\(name) \(word) \(word) \"\(quoted)\" 200\n")
    #expect(line.dropLast().utf8.allSatisfy { (0x20..<0x7f).contains($0) })
  }
}
