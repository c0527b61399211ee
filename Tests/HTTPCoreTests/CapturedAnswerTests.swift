import HTTPCore
import TestSupport
import Testing

/// See Tests/Vectors/README.md.
@Suite("Answers captured from uWSGI")
struct CapturedAnswerTests {
  private func captured(_ name: String) throws -> String {
    let content = try #require(RepositoryFiles.read("Tests/Vectors/uwsgi-resp-\(name).bin"))
    return text(content.span)
  }

  @Test(arguments: [
    ("min-get", 200, "OK", 23 as UInt64?, "hello from A pid 22030\n"),
    ("proto-http2", 200, "OK", 23, "hello from A pid 22029\n"),
    ("app-nolen", 200, "OK", nil, "aaaaaaaaaabbbbbbbbbb"),
    ("head-nolen", 200, "OK", nil, "aaaaaaaaaabbbbbbbbbb"),
    ("post-cl11", 200, "OK", nil, "got 11: hello world"),
    ("chunked-raw", 200, "OK", nil, "[b'hello', b' world']"),
    ("app-status", 299, "Weird Reason Here", 2, "hi"),
    ("app-204body", 204, "No Content", nil, "xx"),
    ("app-304", 304, "Not Modified", nil, ""), ("app-short", 200, "OK", 100, "short"),
    ("app-long", 200, "OK", 3, "toolongbody"), ("app-excmid", 200, "OK", 100, "part1"),
    ("app-crlf", 200, "OK", 2, "hi"),
  ])
  func `heads are read as documented`(
    name: String, status: Int, reason: String, length: UInt64?, rest: String
  ) throws {
    let input = try captured(name)
    let reading = response(input)
    #expect(reading.refusal == nil)
    #expect(reading.status == status)
    #expect(reading.reason == reason)
    #expect(reading.contentLength == length)
    #expect(!reading.isChunked)
    let end = try #require(reading.consumed)
    #expect(text(octets(input).span.extracting(end...)) == rest)
  }

  @Test func `the fields are there`() throws {
    #expect(
      response(try captured("app-status")).fields == ["Status: 418 Teapot", "Content-Length: 2"])
    // What an application injects is a field like any other by the time that it arrives.
    #expect(
      response(try captured("app-crlf")).fields == ["X-A: a", "X-Inject: 1", "Content-Length: 2"])
    #expect(response(try captured("app-304")).fields == ["ETag: \"x\""])
  }

  @Test func `an application's own chunks are decoded`() throws {
    let input = try captured("app-te")
    let reading = response(input)
    #expect(reading.isChunked)
    let end = try #require(reading.consumed)
    let body = chunked(text(octets(input).span.extracting(end...)))
    #expect(text(body.body.span) == "hello")
    #expect(body.end == octets(input).count - end)
  }

  @Test func `a switch of protocols ends with its head`() throws {
    let input = try captured("websocket")
    let reading = response(input)
    #expect(reading.status == 101)
    #expect(reading.fields.first == "Upgrade: WebSocket")
    let end = try #require(reading.consumed)
    #expect(octets(input)[end...].prefix(7).elementsEqual([0x81, 5] + octets("hello")))
  }

  @Test func `a body without a head is not taken for one`() throws {
    // It ends before its first line does.
    let reading = response(try captured("app-nostart"))
    #expect(reading.consumed == nil)
    #expect(reading.refusal == nil)
    #expect(response(try captured("app-nostart") + "\r\n").refusal == .statusLineMalformed)
  }

  @Test func `a PONG is no answer to a request`() throws {
    let reading = response(try captured("ping"))
    #expect(reading.consumed == nil)
  }
}
