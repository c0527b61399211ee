import HTTPCore
import TestSupport
import Testing

@Suite("Heads that are kept")
struct StoredHeadTests {
  private static let date = "Sun, 06 Nov 1994 08:49:37 GMT"

  private func stored(_ fields: String..., status: Int = 200, bodyCount: Int = 7) throws -> String {
    let head = try ResponseHead.of(fields, status: status)
    var kept = head.stored(date: octets("now").span)
    StoredHead.end(&kept, status: status, bodyCount: bodyCount)
    return text(kept.span)
  }

  @Test func `what describes the content stays as it was`() throws {
    #expect(
      try stored(
        "content-type: text/html", "ETag: W/\"a\"", "Date: \(Self.date)", "X-A: 1", "X-A: 2")
        == "HTTP/1.1 200 X\r\ncontent-type: text/html\r\nETag: W/\"a\"\r\nDate: \(Self.date)\r\n"
        + "X-A: 1\r\nX-A: 2\r\nContent-Length: 7\r\n\r\n")
  }

  @Test(arguments: [
    "Connection: keep-alive", "Keep-Alive: timeout=5", "Transfer-Encoding: chunked", "Trailer: x",
    "Upgrade: h2c", "TE: trailers", "Proxy-Authenticate: Basic", "Proxy-Connection: close",
    "Proxy-Authentication-Info: x", "Age: 7", "X-Request-ID: 1", "X-Accel-Redirect: /x",
    "X-Sendfile: /x",
  ])
  func `what was for one hop or one request goes`(field: String) throws {
    #expect(
      try stored(field, "Date: \(Self.date)")
        == "HTTP/1.1 200 X\r\nDate: \(Self.date)\r\nContent-Length: 7\r\n\r\n")
  }

  @Test func `fields that Connection names go too`() throws {
    #expect(try !stored("Connection: X-Hop", "X-Hop: 1").contains("X-Hop"))
  }

  @Test func `the length is that of the body, and an answer without a date gets one`() throws {
    #expect(
      try stored("Content-Length: 9", bodyCount: 0)
        == "HTTP/1.1 200 X\r\nDate: now\r\nContent-Length: 0\r\n\r\n")
    #expect(try stored("Date: a", "Date: b").contains("Date: a\r\nContent-Length"))
    #expect(try stored(status: 204, bodyCount: 0) == "HTTP/1.1 204 X\r\nDate: now\r\n\r\n")
  }

  // MARK: Conditions

  private func has(
    _ stored: [String], _ fields: String..., status: Int = 200, method: String = "GET"
  )
    throws -> Bool
  {
    let lines = fields.map { $0 + "\r\n" }.joined()
    let request = try RequestHead.of("\(method) / HTTP/1.1\r\nHost: a.test\r\n\(lines)\r\n")
    return try request.has(ResponseHead.of(stored, status: status))
  }

  @Test func `a client with the same tag, weak or strong, has it`() throws {
    for tag in ["\"a\"", "W/\"a\""] {
      #expect(try has(["ETag: \(tag)"], "If-None-Match: \"a\""))
      #expect(try has(["ETag: \(tag)"], "If-None-Match: \"b\", W/\"a\""))
      #expect(try has(["ETag: \(tag)"], "If-None-Match: \"b\"", "If-None-Match: \"a\""))
      #expect(try has(["ETag: \(tag)"], "If-None-Match: *", method: "HEAD"))
      #expect(try !has(["ETag: \(tag)"], "If-None-Match: \"b\""))
    }
    #expect(try !has([], "If-None-Match: \"a\""))
    #expect(try !has(["ETag: W/"], "If-None-Match: \"\""))
  }

  @Test func `a date counts only where there is no tag`() throws {
    let changed = ["Last-Modified: \(Self.date)", "Date: Mon, 07 Nov 1994 08:49:37 GMT"]
    #expect(try has(changed, "If-Modified-Since: \(Self.date)"))
    #expect(try !has(changed, "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT"))
    #expect(try !has(changed, "If-Modified-Since: \(Self.date)", "If-None-Match: \"a\""))
    #expect(try !has(changed, "If-Modified-Since: yesterday"))
    #expect(try has(["Date: \(Self.date)"], "If-Modified-Since: \(Self.date)"))
    #expect(try !has([], "If-Modified-Since: \(Self.date)"))
  }

  @Test func `what is for the origin alone is passed over`() throws {
    let stored = ["ETag: \"a\"", "Last-Modified: \(Self.date)"]
    #expect(try !has(stored, "If-Match: \"a\""))
    #expect(try !has(stored, "If-Match: \"b\""))
    #expect(try !has(stored, "If-Unmodified-Since: \(Self.date)"))
  }

  @Test func `only a page has conditions, not an error or a redirect`() throws {
    for status in [301, 404, 410] {
      #expect(try !has(["ETag: \"a\""], "If-None-Match: \"a\"", status: status))
    }
  }

  @Test func `an answer that the client has it names what its cache needs`() throws {
    let fields = [
      "Cache-Control: max-age=1", "Content-Location: /x", "Content-Type: text/html",
      "Content-Length: 5", "Date: now", "ETag: \"a\"", "Expires: 0", "Last-Modified: x", "Vary: A",
      "X-A: 1",
    ]
    var head = try ResponseHead.of(fields)
    head.becomeNotModified()
    var output = ByteBuffer(storage: [UInt8](repeating: 0, count: 4096))
    #expect(
      HeadSerializer.write(
        head, framing: .none, connection: .none, date: octets("now").span, into: &output))
    #expect(
      text(output.readable)
        == "HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=1\r\nContent-Location: /x\r\n"
        + "Date: now\r\nETag: \"a\"\r\nExpires: 0\r\nVary: A\r\n\r\n")
  }

  // MARK: Cache-Status

  @Test(arguments: [(0, "0"), (59, "59"), (-1, "-1"), (Int64.min, "-9223372036854775808")])
  func `what the cache did is told in the form of structured fields`(ttl: Int64, said: String) {
    #expect(
      text(CacheStatus.hit(ttl: ttl, detail: "no-instance").span)
        == "EdgeProxy; hit; ttl=\(said); detail=no-instance")
  }
}
