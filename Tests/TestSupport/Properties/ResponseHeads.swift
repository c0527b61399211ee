import HTTPCore

/// Heads of answers as applications and this server make them: few fields, or as many of one kind as
/// a head may have.
enum ResponseHeads {
  /// A head from an application's bytes, or one of our own; `false` where the parser refuses it.
  static func make(_ input: inout FuzzInput, into head: inout ResponseHead) -> Bool {
    guard !input.isOnce(in: 4) else {
      own(&input, into: &head)
      return true
    }
    var bytes = input.choice(statusLines)
    let lists = input.list(atMost: 24) { input in
      let name = input.choice(names)
      return lines(input.word([name]), value(of: name, &input), &input)
    }
    for list in lists { bytes += list }
    bytes += octets("\r\n")
    var limits = HeadLimits()
    if input.isOnce(in: 8) { limits.responseHeadBytes = 1 << 18 }
    var parser = ResponseParser()
    return (try? parser.parse(bytes.span, into: &head, limits: limits)) != nil
  }

  private static func own(_ input: inout FuzzInput, into head: inout ResponseHead) {
    let (status, phrase): (Int, StaticString) = input.choice([
      (200, "OK"), (304, "Not Modified"), (500, "Internal Server Error"), (103, "Early Hints"),
    ])
    head.begin(status, phrase)
    let ownNames: [StaticString] = ["Content-Type", "ETag", "Location", "Vary", "Retry-After"]
    for name in input.list(atMost: 8, { $0.choice(ownNames) }) {
      if input.flag() {
        let value = input.choice(anyValues)
        head.add(name, value.span)
      } else {
        head.add(name, decimal: input.number(UInt64.self))
      }
    }
  }

  /// One line, or the same up to 256 times.
  private static func lines(
    _ name: [UInt8], _ value: [UInt8], _ input: inout FuzzInput
  ) -> [UInt8] {
    var line = name + input.choice(colons)
    line += value + octets("\r\n")
    guard input.isOnce(in: 4) else { return line }
    let count = input.choice([2, 100, 200, 240, 254, 256, input.below(256)])
    return (0..<count).flatMap { _ in line }
  }

  private static func value(of name: [UInt8], _ input: inout FuzzInput) -> [UInt8] {
    switch input.byte() {
    case 250...255: return input.raw(input.length(atMost: 66_000))
    // Of which a head can have many, and is then as large as a head may be.
    case 240..<250: return input.raw(input.below(700))
    case 220..<240: return input.word(anyValues)
    default: return input.word(values[name] ?? anyValues)
    }
  }

  // MARK: What is done to a head

  static func rules(_ input: inout FuzzInput) -> FieldRules {
    var rules = FieldRules()
    guard input.flag() else { return rules }
    let field = { (input: inout FuzzInput) in
      FieldRules.Field(name: input.choice(ruled), value: input.choice(anyValues))
    }
    rules.remove = input.list(atMost: 3) { $0.choice(ruled) }
    rules.set = input.list(atMost: 8, field)
    rules.add = input.list(atMost: 8, field)
    return rules
  }

  static func cookies(_ input: inout FuzzInput) -> CookieAttributes {
    var attributes = CookieAttributes()
    attributes.httpOnly = input.flag()
    attributes.secure = input.flag()
    attributes.sameSite = input.choice([nil, .strict, .lax, .some(.none)])
    return attributes
  }

  static func framing(_ input: inout FuzzInput, _ head: borrowing ResponseHead) -> OutputFraming {
    switch input.below(8) {
    case 0: return .none
    case 1: return .chunked
    case 2: return .untilClose
    case 3: return .length(input.number(UInt64.self) >> 1)
    default: break
    }
    switch head.bodyFraming(for: input.flag() ? .head : .get) {
    case .none: return .none
    case .length(let count): return .length(count)
    case .chunked, .perhapsChunked, .untilClose: return .chunked
    }
  }

  // MARK: The dictionary

  private static let statusLines = [
    "HTTP/1.1 200 OK", "HTTP/1.1 200", "HTTP/1.0 200 OK", "HTTP/1.1 206 Partial Content",
    "HTTP/1.1 204 No Content", "HTTP/1.1 304 Not Modified", "HTTP/1.1 404 ", "HTTP/2.0 999 \u{e9}",
    "HTTP/1.1 101 Switching Protocols", "HTTP/1.1 100 Continue", "HTTP/1.1 103 Early Hints",
  ].map { octets($0 + "\r\n") }

  private static let colons = [":", ": ", ":\t ", ":"].map(octets)

  private static let names = text.map { octets($0.0) }
  private static let values = [[UInt8]: [[UInt8]]](
    text.map { (octets($0.0), $0.1.map(octets)) }, uniquingKeysWith: { first, _ in first })
  private static let ruled = [
    "ETag", "vary", "Set-Cookie", "x-one", "Server", "Date", "accept-ranges", "Location",
  ].map(octets)
  private static let anyValues = [
    "", "x", "\"\"", "W/\"\"", "*", "a, b", "accept-encoding", "\u{e9}", "Accept-Encoding, *",
  ].map(octets)

  private static let text: [(String, [String])] = [
    ("ETag", ["\"\"", "\"x\"", "W/\"x\"", "x", ""]), ("Etag", ["\"", "W/"]),
    ("Vary", ["", "*", "Cookie", "accept-encoding", "Cookie, Accept-Encoding"]),
    ("Date", ["Sun, 06 Nov 1994 08:49:37 GMT", ""]), ("Accept-Ranges", ["bytes"]),
    ("Content-Length", ["0", "5", "9223372036854775807"]), ("Transfer-Encoding", ["chunked"]),
    ("Connection", ["close", "keep-alive", "x-one", "etag, vary", "date,,content-length"]),
    ("Set-Cookie", ["a=1", "a=1; HttpOnly", "a=1; secure; SameSite=Lax", ";", ""]),
    ("Content-Type", ["text/html", "image/png"]), ("Content-Encoding", ["gzip"]),
    ("Cache-Control", ["no-transform", "private, no-store"]), ("Content-Range", ["bytes 0-1/2"]),
    ("X-Accel-Redirect", ["/x"]), ("X-Sendfile", ["/x"]), ("Keep-Alive", ["timeout=5"]),
    ("TE", ["x"]), ("Trailer", ["x"]), ("Upgrade", ["websocket"]), ("Proxy-Connection", ["x"]),
    ("Proxy-Authenticate", ["Basic"]), ("Sec-WebSocket-Accept", ["x"]), ("x-one", ["1", ""]),
    ("Location", ["/x"]), ("Link", ["</x>; rel=preload"]), ("Server", ["x"]), ("a", ["", "b"]),
    ("Digest", ["x"]), ("Status", ["200"]), ("X_One", ["1"]),
  ]
}
