/// Lists of header fields as a client of HTTP/2 may send them, in any order.
///
/// Most are requests that are nearly right: whatever waits behind the first checks is reached.
package enum FieldLists {
  package struct Field: Equatable, Sendable {
    package var name: [UInt8]
    package var value: [UInt8]

    package init(_ name: [UInt8], _ value: [UInt8]) {
      self.name = name
      self.value = value
    }
  }

  private static let fieldsMax = 40
  /// Of one value: more than a packet of uwsgi takes.
  private static let valueBytesMax = 70_000

  /// Pseudo-fields and fields, as the input says.
  package static func make(_ input: inout FuzzInput) -> [Field] {
    var fields: [Field] = []
    let kind = Int(input.byte()) % (requests.count + 1)
    if kind < requests.count {
      fields = requests[kind]
      // Any order, now and then one less or one of another value.
      for place in fields.indices { fields.swapAt(place, input.below(fields.count)) }
      if input.isOnce(in: 16) { fields.remove(at: input.below(fields.count)) }
      if input.isOnce(in: 16), !fields.isEmpty {
        let place = input.below(fields.count)
        fields[place].value = value(of: fields[place].name, &input)
      }
    }
    let usual = fields.count
    fields += input.list(atMost: fieldsMax) { input in
      // Without a request before them pseudo-fields come as often as others.
      isPseudoNext(&input, usual) ? pseudoField(&input) : regularField(&input)
    }
    return fields
  }

  private static func isPseudoNext(_ input: inout FuzzInput, _ usual: Int) -> Bool {
    usual == 0 ? input.flag() : input.isOnce(in: 64)
  }

  private static func pseudoField(_ input: inout FuzzInput) -> Field {
    let name = input.word(pseudoNames)
    return Field(name, value(of: name, &input))
  }

  private static func regularField(_ input: inout FuzzInput) -> Field {
    let known = input.choice(regular)
    let name = input.word([known.name])
    return Field(name, value(of: known.name, &input))
  }

  /// One that is usual for the name; seldom any, or a long one.
  private static func value(of name: [UInt8], _ input: inout FuzzInput) -> [UInt8] {
    switch input.byte() {
    case 255: return input.raw(input.length(atMost: valueBytesMax))
    case 240...254: return input.word(anyValues)
    default: return input.word(usualValues[name] ?? anyValues)
    }
  }

  // MARK: The dictionary

  private static func request(_ pairs: (String, String)...) -> [Field] {
    pairs.map { Field(octets($0.0), octets($0.1)) }
  }

  private static let requests: [[Field]] = [
    request((":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "a.test")),
    request(
      (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":path", "/"),
      (":authority", "a.test")),
    request(
      (":method", "POST"), (":scheme", "https"), (":path", "/b/./c//%2e%2E/d;e?f=g&%20"),
      (":authority", "a.test:8443")),
    request(
      (":method", "CONNECT"), (":protocol", "edgeproxy-node"), (":scheme", "https"),
      (":path", "/"), (":authority", "a.test")),
    request((":method", "OPTIONS"), (":scheme", "https"), (":path", "*"), (":authority", "a.test")),
    request((":method", "HEAD"), (":scheme", "http"), (":path", "/%C3%A9/%2f\\x")),
    request((":method", "BREW"), (":scheme", "https"), (":path", "//x"), (":authority", "[::1]:1")),
  ]

  private static let pseudoNames = [
    ":method", ":scheme", ":path", ":authority", ":protocol", ":status", ":", ":Method",
  ].map(octets)

  private static let regular: [(name: [UInt8], values: [[UInt8]])] = regularText.map {
    (octets($0.0), $0.1.map(octets))
  }

  private static let usualValues = [[UInt8]: [[UInt8]]](
    (regular + pseudoText.map { (octets($0.0), $0.1.map(octets)) }).map { ($0.name, $0.values) },
    uniquingKeysWith: { first, _ in first })

  private static let anyValues = [
    "", "x", "a, b", "1", "*", ",", ";=", "a=b; c=\"d\"", "trailers", "100-continue", "websocket",
    "upgrade", "\u{e9}\u{ff}", " x", "x\t", "a\u{0}b", "a\r\nb: c", "http://a.test/x", "0",
    "18446744073709551616", "a.test",
  ].map(octets)

  private static let pseudoText: [(String, [String])] = [
    (":method", ["GET", "POST", "CONNECT", "OPTIONS", "get", "G T", "X"]),
    (":scheme", ["https", "http", "HTTPS", "ftp", ""]),
    (
      ":path",
      ["/", "*", "", "/?", "/..", "/%00", "/%", "x", "/a#b", "//a//", "/%2e%2e/%2F", "/;"]
    ),
    (
      ":authority",
      ["a.test", "b.test", "A.TEST:443", "a.test:", "u@a.test", "[::1]", "a..b", "."]
    ),
    (":protocol", ["websocket", "WebSocket", "edgeproxy-node", "connect-udp", ""]),
  ]

  private static let regularText: [(String, [String])] = [
    (
      "host",
      ["a.test", "A.test:8443", "a.test.", "[::1]:1", "b.test", "a.test:65536", "a..b", ""]
    ),
    ("cookie", ["a=1", "b=2; c=3", "", ";", "=", "node=10.0.0.1:3031", "a"]),
    ("te", ["trailers", "Trailers", "gzip", "trailers, gzip", ""]),
    ("connection", ["close", "keep-alive", "upgrade", "host", "x-one"]),
    ("keep-alive", ["timeout=5"]), ("proxy-connection", ["close"]), ("upgrade", ["websocket"]),
    ("transfer-encoding", ["chunked", "gzip, chunked"]), ("trailer", ["x-one"]),
    (
      "content-length",
      ["0", "5", "05", "9223372036854775807", "9223372036854775808", "-1", "5, 5", ""]
    ),
    ("content-type", ["text/plain", "application/json; charset=utf-8"]),
    ("expect", ["100-continue", "100-Continue", "202-ok"]),
    ("sec-websocket-key", ["dGhlIHNhbXBsZSBub25jZQ==", "x", ""]),
    ("sec-websocket-version", ["13", "8", ""]), ("sec-websocket-protocol", ["chat, superchat"]),
    ("sec-websocket-extensions", ["permessage-deflate"]), ("sec-websocket-accept", ["x"]),
    (
      "x-forwarded-for",
      ["10.0.0.1", "192.0.2.7, 10.0.0.1", "[2001:db8::1]:1, unknown", ",", "10.0.0.1:99999"]
    ),
    ("x-forwarded-proto", ["https", "http", "ws"]), ("x-forwarded-host", ["c.test", "a b"]),
    ("x-forwarded-", ["x"]), ("forwarded", ["for=10.0.0.1;host=c.test"]),
    ("x-real-ip", ["10.0.0.1"]), ("x-request-id", ["0123-abc", "a b", ""]),
    ("max-forwards", ["0", "1", "x"]),
    ("node", ["127.0.0.1:3031", "https-port", "unix:/run/a", ""]),
    ("range", ["bytes=0-", "bytes=-1", "bytes=9-1", "bytes=0-0,2-9223372036854775807,-5"]),
    ("if-range", ["\"t\"", "Sun, 06 Nov 1994 08:49:37 GMT"]), ("if-match", ["*", "\"t\"", "W/"]),
    ("if-none-match", ["\"t\", W/\"u\"", "\"", "W"]),
    ("if-modified-since", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "0"]),
    ("if-unmodified-since", ["Sunday, 06-Nov-94 08:49:37 GMT"]),
    ("accept-encoding", ["gzip;q=0.5, br", "*;q=0", "gzip;q=1.0000", ";q=1", "identity"]),
    ("accept", ["application/json", "*/*", "text/html,application/jso"]),
    ("user-agent", ["a \"b\" \\c", "\u{c3}\u{a9}\u{e9}"]), ("referer", ["https://r.test/"]),
    ("proxy", ["http://p.test"]), ("proxy-authorization", ["Basic x"]), ("authorization", ["x"]),
    ("x-accel-redirect", ["/etc"]), ("x_one", ["1"]), ("x-one", ["1", "2"]), ("x--one", ["3"]),
    ("X-Upper", ["1"]), ("", ["1"]), ("a b", ["1"]), ("a:b", ["1"]), ("\u{e9}", ["1"]),
    ("priority", ["u=1"]), ("idempotency-key", ["k"]), ("uwsgi-file", ["/etc/passwd"]),
  ]
}
