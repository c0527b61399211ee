import HTTPCore
import TestSupport
import Testing

@Suite("Requests for applications that speak HTTP/1.1, RFC 9112 §3 and RFC 9110 §7.6")
struct HTTP1RequestTests {
  /// What is written for a request, as lines.
  private func lines(
    _ input: String, facts: ForwardedFacts = exampleFacts(), closing: Bool = false
  ) throws -> [String] {
    var parser = RequestParser()
    var head = RequestHead()
    let bytes = octets(input)
    let limits = HeadLimits()
    #expect(try parser.parse(bytes.span, into: &head, limits: limits) == bytes.count)
    var request = HTTP1Request()
    request.encode(head, facts: facts, closing: true)
    // The second time shows that nothing of the first is left.
    request.encode(head, facts: facts, closing: closing)
    let output = text(request.bytes)
    #expect(output.hasSuffix("\r\n\r\n") && request.count == output.utf8.count)
    return output.split(separator: "\r\n").map(String.init)
  }

  private static let forwarded = [
    "X-Forwarded-For: 127.0.0.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: a.example",
    "X-Request-ID: r-1",
  ]

  @Test func `an awkward request has exactly these lines`() throws {
    var facts = exampleFacts()
    facts.bodyLength = 7
    let output = try lines(
      "PUT /a%20b/%2e%2e//c?x=%20y&z HTTP/1.1\r\nX-First: 1\r\nHost: A.Example:443\r\n"
        + "Cookie: a=1\r\nX-Dup: 1\r\nCookie: b=2\r\nx-dup: 2\r\nX_Under_Score: evil\r\n"
        + "Proxy: http://evil/\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Port: 1\r\n"
        + "Forwarded: for=9.9.9.9\r\nX-Real-IP: 9.9.9.9\r\nX-Request-ID: evil\r\n"
        + "Authorization: Basic YTpi\r\nConnection: keep-alive, X-Hop\r\nX-Hop: hopval\r\n"
        + "Keep-Alive: 300\r\nTE: trailers\r\nTrailer: X\r\nProxy-Connection: close\r\n"
        + "Proxy-Authorization: secret\r\nTransfer-Encoding: chunked\r\nUpgrade: h2c\r\n"
        + "Content-Type: text/x\r\nX-Empty:\r\nExpect: 100-continue\r\n\r\n",
      facts: facts)
    #expect(
      output == [
        "PUT /a%20b/%2e%2e//c?x=%20y&z HTTP/1.1", "Host: A.Example:443", "X-First: 1",
        "X-Dup: 1", "x-dup: 2", "Authorization: Basic YTpi", "Content-Type: text/x", "X-Empty: ",
        "Cookie: a=1; b=2", "X-Forwarded-For: 127.0.0.9", "X-Forwarded-Proto: https",
        "X-Forwarded-Host: A.Example:443", "X-Request-ID: r-1", "Content-Length: 7",
      ])
  }

  @Test(
    arguments: [
      ("GET / HTTP/1.1", "GET / HTTP/1.1"), ("OPTIONS * HTTP/1.1", "OPTIONS * HTTP/1.1"),
      ("GET https://a.example HTTP/1.1", "GET / HTTP/1.1"),
      ("GET http://a.example?q HTTP/1.1", "GET /?q HTTP/1.1"),
      ("PURGE /? HTTP/1.0", "PURGE /? HTTP/1.1"),
    ])
  func `the target is in origin form`(_ line: String, written: String) throws {
    let output = try lines(line + "\r\nHost: a.example\r\n\r\n")
    #expect(output == [written, "Host: a.example"] + Self.forwarded)
  }

  @Test func `Connection takes neither the host nor our own fields away`() throws {
    let output = try lines(
      "GET / HTTP/1.1\r\nHost: a.example\r\n"
        + "Connection: Host, X-Forwarded-For, Content-Length, X-Request-ID\r\n\r\n")
    #expect(output == ["GET / HTTP/1.1", "Host: a.example"] + Self.forwarded)
  }

  @Test func `the last request of a connection says so`() throws {
    let output = try lines("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", closing: true)
    #expect(output.last == "Connection: close")
  }

  @Test func `an empty body has a length, no body has none`() throws {
    var facts = exampleFacts()
    facts.bodyLength = 0
    let input = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 00\r\n\r\n"
    #expect(try lines(input, facts: facts).last == "Content-Length: 0")
    #expect(try !lines(input).contains { $0.hasPrefix("Content-Length") })
  }

  @Test func `a request for WebSocket is asked for anew`() throws {
    var facts = exampleFacts()
    facts.asksForWebSocket = true
    let output = try lines(
      "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: h2c, websocket\r\n"
        + "Sec-WebSocket-Key: k\r\n\r\n", facts: facts, closing: true)
    #expect(
      output == ["GET / HTTP/1.1", "Host: a.example", "Sec-WebSocket-Key: k"] + Self.forwarded
        + ["Connection: Upgrade", "Upgrade: websocket"])
  }
}

@Suite("Asking for and agreeing to WebSocket, RFC 6455 §4")
struct WebSocketAgreementTests {
  private func asks(_ lines: String) throws -> Bool {
    var parser = RequestParser()
    var head = RequestHead()
    let bytes = octets(lines.replacing("\n", with: "\r\n") + "\r\n\r\n")
    let limits = HeadLimits()
    _ = try parser.parse(bytes.span, into: &head, limits: limits)
    return head.asksForWebSocket
  }

  @Test(
    arguments: [
      "GET / HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: websocket",
      "GET / HTTP/1.1\nHost: a\nConnection: keep-alive, UPGRADE\nUpgrade: WebSocket",
      "GET / HTTP/1.1\nHost: a\nConnection: keep-alive\nConnection: upgrade\nUpgrade: x, websocket",
    ])
  func `a client asks with both fields`(_ lines: String) throws {
    #expect(try asks(lines))
  }

  @Test(
    arguments: [
      "GET / HTTP/1.1\nHost: a\nUpgrade: websocket",
      "GET / HTTP/1.1\nHost: a\nConnection: Upgrade",
      "GET / HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: h2c",
      "GET / HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: websocket/13x",
      "GET / HTTP/1.0\nHost: a\nConnection: Upgrade\nUpgrade: websocket",
      "POST / HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: websocket",
      "GET / HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: websocket\nContent-Length: 0",
      "GET / HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: websocket\nTransfer-Encoding: chunked",
    ])
  func `everything else is an ordinary request`(_ lines: String) throws {
    #expect(try !asks(lines))
  }

  private func parse<Result>(
    _ lines: String, _ body: (borrowing ResponseHead) -> Result
  ) throws -> Result {
    var parser = ResponseParser()
    var head = ResponseHead()
    let bytes = octets(lines.replacing("\n", with: "\r\n") + "\r\n\r\n")
    let limits = HeadLimits()
    _ = try parser.parse(bytes.span, into: &head, limits: limits)
    return body(head)
  }

  @Test func `an application agrees with a 101 and both fields`() throws {
    let agreed = "HTTP/1.1 101 Web Socket Protocol Handshake\nUpgrade: WebSocket\n"
    #expect(try parse(agreed + "Connection: Upgrade") { $0.opensWebSocket })
    for other in [
      agreed, agreed + "Connection: close", agreed + "Connection: Upgrade\nUpgrade: h2c",
      "HTTP/1.1 200 OK\nUpgrade: websocket\nConnection: Upgrade",
      "HTTP/1.1 101 X\nUpgrade: h2c\nConnection: Upgrade", "HTTP/1.1 101 X\nConnection: Upgrade",
    ] {
      #expect(try !parse(other) { $0.opensWebSocket }, "\(other)")
    }
  }

  @Test(
    arguments: [
      ("HTTP/1.1 200 OK", true), ("HTTP/1.1 200 OK\nConnection: keep-alive", true),
      ("HTTP/1.1 200 OK\nConnection: close", false),
      ("HTTP/1.1 200 OK\nConnection: x\nConnection: y, Close", false),
      ("HTTP/1.0 200 OK\nConnection: keep-alive", false), ("HTTP/2.0 200 OK", false),
    ])
  func `an answer says whether its connection goes on`(_ lines: String, keeps: Bool) throws {
    #expect(try parse(lines) { $0.keepsConnection } == keeps)
  }
}
