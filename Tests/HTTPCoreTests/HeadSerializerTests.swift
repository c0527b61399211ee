import HTTPCore
import TestSupport
import Testing

@Suite("Heads for clients, RFC 9110 §7.6 and §6.6.1")
struct HeadSerializerTests {
  private let date = octets("Sun, 06 Nov 1994 08:49:37 GMT")

  /// An application's head as a client gets it, as lines; `nil` where it does not fit.
  private func lines(
    _ answer: String..., framing: OutputFraming = .none, connection: ConnectionToken = .none,
    capacity: Int = 4096, interim: Bool = false
  ) throws -> [String]? {
    var parser = ResponseParser()
    var head = ResponseHead()
    let input = octets(answer.map { $0 + "\r\n" }.joined() + "\r\n")
    let limits = HeadLimits()
    _ = try parser.parse(input.span, into: &head, limits: limits)
    var buffer = ByteBuffer(storage: [UInt8](repeating: 0, count: capacity))
    let fitted =
      interim
      ? HeadSerializer.writeInterim(head, into: &buffer)
      : HeadSerializer.write(
        head, framing: framing, connection: connection, date: date.span, into: &buffer)
    guard fitted else { return nil }
    let output = text(buffer.readable)
    #expect(output.hasSuffix("\r\n\r\n"))
    return output.split(separator: "\r\n").map(String.init)
  }

  @Test func `the agreement to WebSocket goes on with our own fields for the hop`() throws {
    var parser = ResponseParser()
    var head = ResponseHead()
    let input = octets(
      "HTTP/1.0 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\n"
        + "Connection: Upgrade, X-Hop\r\nX-Hop: 1\r\nSec-WebSocket-Accept: s3p\r\n"
        + "Content-Length: 5\r\nX-Sendfile: /x\r\n\r\n")
    let limits = HeadLimits()
    _ = try parser.parse(input.span, into: &head, limits: limits)
    var buffer = ByteBuffer(storage: [UInt8](repeating: 0, count: 4096))
    #expect(HeadSerializer.writeSwitch(head, into: &buffer))
    #expect(
      text(buffer.readable)
        == "HTTP/1.1 101 Web Socket Protocol Handshake\r\nConnection: Upgrade\r\n"
        + "Upgrade: websocket\r\nSec-WebSocket-Accept: s3p\r\n\r\n")
    var small = ByteBuffer(storage: [UInt8](repeating: 0, count: buffer.count - 1))
    #expect(!HeadSerializer.writeSwitch(head, into: &small))
  }

  private let dateLine = "Date: Sun, 06 Nov 1994 08:49:37 GMT"

  @Test func `an answer is passed on with our framing and date`() throws {
    let output = try lines(
      "HTTP/1.0 200 All fine", "Content-Type:text/plain", "Content-Length: 5", "Set-Cookie: a=1",
      "Set-Cookie: b=2", "X-Empty:", framing: .length(5), connection: .keepAlive)
    #expect(
      output == [
        "HTTP/1.1 200 All fine", "Content-Type: text/plain", "Set-Cookie: a=1", "Set-Cookie: b=2",
        "X-Empty: ", dateLine, "Content-Length: 5", "Connection: keep-alive",
      ])
  }

  @Test func `fields for one hop stay here`() throws {
    let output = try lines(
      "HTTP/1.1 200 OK", "Connection: close", "Keep-Alive: timeout=5", "Proxy-Authenticate: x",
      "Proxy-Authorization: x", "Proxy-Connection: x", "TE: x", "Trailer: x",
      "Transfer-Encoding: chunked", "UPGRADE: x", "X-Accel-Redirect: /secret",
      "x-accel-buffering: no", "X-Sendfile: /secret", "X-Kept: 1", framing: .chunked,
      connection: .close)
    #expect(
      output == [
        "HTTP/1.1 200 OK", "X-Kept: 1", dateLine, "Transfer-Encoding: chunked",
        "Connection: close",
      ])
  }

  @Test func `what Connection names stays here too`() throws {
    let output = try lines(
      "HTTP/1.1 200 OK", "X-One: 1", "Connection: x-one, ,close", "X-Two: 2", "X-On: 3",
      "Connection:\tX-TWO", "Content-Length: 1", "Connection: content-length", framing: .length(1))
    #expect(output == ["HTTP/1.1 200 OK", "X-On: 3", dateLine, "Content-Length: 1"])
  }

  @Test func `there is one date, the application's if it has one`() throws {
    let theirs = "Date: Mon, 07 Nov 1994 08:49:37 GMT"
    #expect(
      try lines("HTTP/1.1 200 OK", theirs, framing: .untilClose) == ["HTTP/1.1 200 OK", theirs])
    #expect(
      try lines("HTTP/1.1 200 OK", theirs, "date: x", framing: .untilClose)
        == ["HTTP/1.1 200 OK", theirs])
    #expect(
      try lines("HTTP/1.1 200 OK", theirs, "Connection: date", framing: .untilClose)
        == ["HTTP/1.1 200 OK", dateLine])
  }

  @Test(arguments: [
    (OutputFraming.none, [String]()), (.length(0), ["Content-Length: 0"]),
    (.length(.max), ["Content-Length: 18446744073709551615"]),
    (.chunked, ["Transfer-Encoding: chunked"]), (.untilClose, []),
  ])
  func `the framing is ours, whatever the application said`(
    framing: OutputFraming, expected: [String]
  ) throws {
    let said = ["Transfer-Encoding: chunked", "X-A: 1"]
    let output = try lines("HTTP/1.1 200 OK", said[0], framing: framing)
    #expect(output == ["HTTP/1.1 200 OK", dateLine] + expected)
  }

  @Test func `an answer without a body keeps the length that it announces`() throws {
    for status in ["200 OK", "404 Not Found", "304 Not Modified"] {
      #expect(
        try lines("HTTP/1.1 \(status)", "Content-Length: 23")
          == ["HTTP/1.1 \(status)", "Content-Length: 23", dateLine])
    }
    #expect(
      try lines("HTTP/1.1 200 OK", "Content-Length: 0")
        == ["HTTP/1.1 200 OK", "Content-Length: 0", dateLine])
    #expect(
      try lines("HTTP/1.1 204 No Content", "Content-Length: 0")
        == ["HTTP/1.1 204 No Content", dateLine])
  }

  @Test func `no length is made up for an answer to HEAD`() throws {
    // Only HEAD, 1xx, 204 and 304 have no body and may have no length either.
    for status in ["200 OK", "204 No Content", "304 Not Modified"] {
      #expect(try lines("HTTP/1.1 \(status)") == ["HTTP/1.1 \(status)", dateLine])
      #expect(
        try lines("HTTP/1.1 \(status)", "Transfer-Encoding: chunked")
          == ["HTTP/1.1 \(status)", dateLine])
    }
  }

  @Test func `interim heads have neither date nor framing`() throws {
    #expect(
      try lines(
        "HTTP/1.0 103 Early Hints", "Link: </a>; rel=preload", "Connection: x-a", "X-A: 1",
        "Content-Length: 5", "X-Accel-Redirect: /x", interim: true)
        == ["HTTP/1.1 103 Early Hints", "Link: </a>; rel=preload"])
  }

  @Test func `an answer of our own`() {
    var buffer = ByteBuffer(storage: [UInt8](repeating: 0, count: 1024))
    let value = octets("text/plain")
    #expect(
      HeadSerializer.begin(status: 503, reason: "Unavailable", date: date.span, into: &buffer)
        == true)
    #expect(HeadSerializer.field("Content-Type", value.span, into: &buffer) == true)
    HeadSerializer.end(.length(3), .close, into: &buffer)
    #expect(
      text(buffer.readable) == "HTTP/1.1 503 Unavailable\r\n\(dateLine)\r\n"
        + "Content-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\n")
  }

  @Test func `a head that does not fit is taken back`() throws {
    for capacity in 0..<56 {
      #expect(try lines("HTTP/1.1 200 OK", capacity: capacity) == nil)
    }
    #expect(try lines("HTTP/1.1 200 OK", capacity: 56) == ["HTTP/1.1 200 OK", dateLine])
    for capacity in 0..<18 {
      #expect(try lines("HTTP/1.1 103 X", capacity: capacity, interim: true) == nil)
    }
    #expect(try lines("HTTP/1.1 103 X", capacity: 18, interim: true) == ["HTTP/1.1 103 X"])
    let long = "X: " + String(repeating: "a", count: 4100)
    #expect(try lines("HTTP/1.1 200 OK", long) == nil)
  }

  @Test func `an answer of our own fits whole or is not there`() {
    var fitted: [Int] = []
    for capacity in 0..<200 {
      var buffer = ByteBuffer(storage: [UInt8](repeating: 0, count: capacity))
      let isWhole = buffer.appendWhole { buffer in
        var fits = HeadSerializer.begin(
          status: 503, reason: "x", date: date.span, into: &buffer)
        fits = fits && HeadSerializer.field("X", date.span, into: &buffer)
        if fits { HeadSerializer.end(.length(.max), .close, into: &buffer) }
        return fits
      }
      #expect(isWhole == !buffer.isEmpty)
      if isWhole { fitted.append(buffer.count) }
    }
    #expect(Set(fitted).count == 1)
    #expect(fitted.count == 200 - (fitted.first ?? 0))
  }

  @Test(arguments: [false, true])
  func `a head of many short fields fits or is refused, at every size`(interim: Bool) throws {
    // Each of these becomes one byte longer on its way: a space behind the colon.
    let count = FixedLimits.responseFields
    let input = octets(
      "HTTP/1.1 103 X\r\n" + String(repeating: "a:b\r\n", count: count) + "\r\n")
    var parser = ResponseParser()
    var head = ResponseHead()
    let limits = HeadLimits()
    _ = try parser.parse(input.span, into: &head, limits: limits)
    #expect(head.fields.count == count)
    var sizes: [Int] = []
    for capacity in stride(from: input.count, to: input.count + count + 1000, by: 7) {
      var buffer = ByteBuffer(storage: [UInt8](repeating: 0, count: capacity))
      let fitted =
        interim
        ? HeadSerializer.writeInterim(head, into: &buffer)
        : HeadSerializer.write(
          head, framing: .untilClose, connection: .close, date: date.span, into: &buffer)
      if fitted { sizes.append(buffer.count) }
    }
    #expect(Set(sizes).count == 1)
    #expect(sizes.allSatisfy { $0 >= input.count + count })
  }

  @Test(arguments: [0, 64_700])
  func `a validator that becomes weak fits or the head is refused`(bytes: Int) throws {
    // Each becomes three bytes longer: a space and the mark of a weak one.
    let tags = String(repeating: "ETag:\"\"\r\n", count: 254)
    let start = "HTTP/1.1 200 OK\r\n" + tags + "X: "
    let fill = String(repeating: "x", count: max(0, bytes - start.utf8.count - 4))
    let input = octets(start + fill + "\r\n\r\n")
    var parser = ResponseParser()
    var head = ResponseHead()
    let limits = HeadLimits()
    _ = try parser.parse(input.span, into: &head, limits: limits)
    var sizes: Set<Int> = []
    for capacity in stride(from: input.count, through: input.count + 1000, by: 4) {
      var buffer = ByteBuffer(storage: [UInt8](repeating: 0, count: capacity))
      let fitted = HeadSerializer.write(
        head, framing: .chunked, connection: .close, date: date.span, coding: .compressed(.gzip),
        into: &buffer)
      #expect(fitted == !buffer.isEmpty)
      if fitted { sizes.insert(buffer.count) }
    }
    #expect(sizes.count == 1)
  }
}
