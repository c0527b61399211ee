import HTTPCore
import TestSupport
import Testing

@Suite("Field lines, RFC 9112 §5")
struct RequestFieldTests {
  @Test(arguments: [" X: folded", "\tX: folded", " ", "\t"])
  func `folded lines are refused`(line: String) {
    #expect(request(get("X-A: 1", line)).refusal == .fieldFolded)
    #expect(request("GET / HTTP/1.1\r\n\(line)\r\n\r\n").refusal == .fieldFolded)
  }

  @Test(arguments: [
    "X : 1", "X\t: 1", ": 1", ":", "X", "X Y: 1", "X(: 1", "X\"Y: 1", "X/Y: 1", "X{}: 1",
    "X\u{0}: 1", "X\u{1}Y: 1", "X\u{7f}: 1", "X\u{e9}: 1", "X@Y: 1", "X,Y: 1", "X;Y: 1", "X=Y: 1",
    "Content-Length : 3", "Transfer-Encoding\t: chunked", "Transfer-Encoding\u{b}: chunked",
  ])
  func `a name that is no token, or none, is refused`(line: String) {
    #expect(request(get(line)).refusal == .fieldMalformed)
  }

  @Test func `control bytes are refused in values`() {
    for number in UInt8(0)...0x1f where ![0x09, 0x0a, 0x0d].contains(number) {
      let reading = request(get("X: a\(Unicode.Scalar(number))b"))
      #expect(reading.refusal == .fieldMalformed, "\(number)")
    }
    #expect(request(get("X: \u{7f}")).refusal == .fieldMalformed)
    #expect(request(get("X:\u{0}")).refusal == .fieldMalformed)
    #expect(request(get("X: a\u{0}")).refusal == .fieldMalformed)
  }

  @Test(arguments: [
    ("X:", "X: "), ("X: ", "X: "), ("X:\t \t", "X: "), ("X:a", "X: a"), ("X: \ta b\t ", "X: a b"),
    ("X: \u{80}\u{ff}", "X: \u{80}\u{ff}"), ("X::", "X: :"), ("!#$%&'*+-.^_`|~09: x", nil),
  ])
  func `white space around a value is not part of it`(line: String, field: String?) {
    let reading = request(get(line))
    #expect(reading.refusal == nil)
    #expect(reading.fields.last == field ?? line)
  }

  @Test(arguments: [
    ("HOST: a.test", FieldName.host), ("content-LENGTH: 1", .contentLength), ("te: x", .te),
    ("X-FORWARDED-FOR: 1", .xForwarded), ("X-Forwarded-: 1", .xForwarded),
    ("X-Accel-Redirect: /x", .serverInstruction), ("X-Accel-A: 1", .serverInstruction),
    ("X-Accel-Ab: 1", .serverInstruction), ("X-Accel-: 1", .serverInstruction),
    ("X-Sendfile: /x", .serverInstruction),
    ("X-Real-IP: 1", .xRealIP), ("X-Request-ID: 1", .xRequestID), ("Proxy: x", .proxy),
    ("Proxy-Connection: x", .proxyConnection), ("Cookie: a", .cookie), ("Date: x", .date),
    ("Keep-Alive: x", .keepAlive), ("Trailer: x", .trailer), ("Upgrade: x", .upgrade),
    ("Idempotency-Key: x", .idempotencyKey), ("Forwarded: for=x", .forwarded),
    ("Proxy-Authorization: x", .proxyAuthorization), ("Accept: */*", .accept),
    ("Proxy-Authenticate: x", .proxyAuthenticate), ("Content-Type: x", .contentType),
    ("User-Agent: x", .userAgent), ("Referer: x", .referer), ("Hosts: x", .other),
    ("Content_Length: 1", .other),
  ])
  func `names are known whatever their case`(line: String, known: FieldName) throws {
    var parser = RequestParser()
    var head = RequestHead()
    let input = octets("GET / HTTP/1.1\r\n\(line)\r\n\r\n")
    let limits = HeadLimits()
    _ = try parser.parse(input.span, into: &head, limits: limits)
    #expect(head.fields.first?.known == known)
    if let value = head.first(known), known != .other {
      #expect(line.hasSuffix(text(head.span(value))))
    }
  }

  @Test(arguments: [
    ("1.1", [String](), true), ("1.1", ["close"], false), ("1.1", ["Close"], false),
    ("1.1", ["keep-alive, close"], false), ("1.1", ["close, keep-alive"], false),
    ("1.1", ["close", "keep-alive"], false), ("1.1", ["x-close"], true),
    ("1.1", [",, close ,"], false), ("1.0", [], false), ("1.0", ["keep-alive"], true),
    ("1.0", ["Keep-Alive"], true), ("1.0", ["close"], false),
    ("1.0", ["keep-alive, close"], false), ("1.0", ["close, keep-alive"], false),
    ("1.0", ["close", "keep-alive"], false),
  ])
  func `close wins, and 1.0 closes unless asked`(
    version: String, values: [String], keepAlive: Bool
  ) {
    let lines = values.map { "Connection: \($0)\r\n" }.joined()
    let reading = request("GET / HTTP/\(version)\r\nHost: a\r\n\(lines)\r\n")
    #expect(reading.consumed != nil)
    #expect(reading.keepAlive == keepAlive)
  }

  @Test(arguments: [
    "", "100-continue, x", "x", "100", "100-continu", "100-continue;q=1", "\"100-continue\"",
  ])
  func `expectations that we do not know are refused`(value: String) {
    let reading = request(post("Expect: \(value)"))
    #expect(reading.refusal == .expectationUnsupported)
    #expect(reading.refusal?.status == 417)
  }

  @Test func `a client may wait for 100, but not an old one`() {
    #expect(request(post("Expect: 100-continue")).expectsContinue)
    #expect(request(post("expect:\t100-Continue ")).expectsContinue)
    #expect(!request(post()).expectsContinue)
    let old = request(post("Expect: 100-continue", version: "1.0"))
    #expect(old.consumed != nil)
    #expect(!old.expectsContinue)
  }

  @Test func `what a client accepts decides the form of errors`() throws {
    for (line, accepted) in [
      ("Accept: text/html, Application/JSON;q=0.9", true), ("Accept: application/jso", false),
      ("Accept: */*", false), ("X-Accept: application/json", false),
    ] {
      var parser = RequestParser()
      var head = RequestHead()
      let input = octets(get(line))
      let limits = HeadLimits()
      _ = try parser.parse(input.span, into: &head, limits: limits)
      #expect(head.acceptsJSON == accepted, "\(line)")
    }
  }

  @Test func `so many names in Connection, and no more`() {
    let most = FixedLimits.nominations
    let names = (0...most).map { "x-\($0)" }
    for separator in [",", ", ,,\t", "\r\nConnection: "] {
      let few = "keep-alive\(separator)" + names.dropLast().joined(separator: separator)
      #expect(request(get("Connection: \(few)"), around: []).consumed != nil)
      let many = "close\(separator)" + names.joined(separator: separator)
      let reading = request(get("Connection: \(many)"), around: [100, 200])
      #expect(reading.refusal == .tooManyNominations(limit: most))
      #expect(reading.refusal?.status == 431)
    }
    let long = "a," + String(repeating: "b,", count: 14_000)
    #expect(
      request(get("Connection: \(long)"), around: []).refusal == .tooManyNominations(limit: most))
  }

  @Test func `a field that a rule sets or adds stays, though Connection names it`() throws {
    let input = octets(
      get(
        "Connection: x-set, X-Added, x-theirs", "X-Set: a", "x-added: b", "x-theirs: c",
        "x-removed: d"))
    var parser = RequestParser()
    var head = RequestHead()
    let limits = HeadLimits()
    _ = try parser.parse(input.span, into: &head, limits: limits)
    var rules = FieldRules()
    rules.remove = [octets("X-Removed")]
    rules.set = [.init(name: octets("x-set"), value: octets("ours"))]
    rules.add = [.init(name: octets("x-added"), value: octets("ours"))]
    head.apply(rules)
    var message = HTTP1Request()
    message.encode(head, facts: exampleFacts(), closing: false)
    let lines = text(message.bytes).split(separator: "\r\n").filter { $0.hasPrefix("x-") }
    #expect(lines == ["x-added: b", "x-set: ours", "x-added: ours"])
  }
}
