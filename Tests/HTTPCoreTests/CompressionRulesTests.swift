import HTTPCore
import TestSupport
import Testing

@Suite("Which answers are compressed")
struct CompressionRulesTests {
  static let rules = CompressionRules(
    types: [octets("text/*"), octets("application/json")], bodyBytesMin: 1024,
    codings: [.zstd, .brotli, .gzip])

  /// The coding and the head that the client gets for it.
  struct Answer {
    var coding: BodyCoding
    var head: String
  }

  static func answer(
    _ fields: [String], status: Int = 200, request: String = "GET / HTTP/1.1",
    accepting: String? = "gzip, deflate", sparingCookies: Bool = false
  ) throws -> Answer {
    let accept = accepting.map { "Accept-Encoding: \($0)\r\n" } ?? ""
    let question = octets(request + "\r\nHost: a.test\r\n" + accept + "\r\n")
    var parser = RequestParser()
    var head = RequestHead()
    _ = try parser.parse(question.span, into: &head, limits: HeadLimits())
    let reply = octets(
      "HTTP/1.1 \(status) X\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
    var responseParser = ResponseParser()
    var response = ResponseHead()
    _ = try responseParser.parse(reply.span, into: &response, limits: HeadLimits())
    let coding = rules.coding(of: response, for: head, sparingCookies: sparingCookies)
    var output = ByteBuffer(storage: [UInt8](repeating: 0, count: 4096))
    let date = octets("now")
    #expect(
      HeadSerializer.write(
        response, framing: .chunked, connection: .none, date: date.span, coding: coding,
        into: &output))
    return Answer(coding: coding, head: text(output.readable))
  }

  @Test(arguments: [
    "text/html", "text/html; charset=utf-8", "TEXT/HTML;charset=utf-8", "text/css",
    "application/json", "Application/JSON ; x=y", "text/event-stream",
  ])
  func `listed types are compressed`(type: String) throws {
    let answer = try Self.answer(["Content-Type: \(type)", "Content-Length: 1024"])
    #expect(answer.coding == .compressed(.gzip))
    #expect(answer.head.contains("\r\nContent-Encoding: gzip\r\nVary: Accept-Encoding\r\n"))
    #expect(!answer.head.contains("Content-Length"))
  }

  @Test(arguments: [
    ["Content-Type: image/png"], ["Content-Type: application/jsonp"], ["Content-Type: text"],
    ["Content-Type: text/"], ["Content-Type: "], [],
    ["Content-Type: text/html", "Content-Length: 1023"],
    ["Content-Type: text/html", "Content-Encoding: br"],
    ["Content-Type: text/html", "Content-Encoding: identity"],
    ["Content-Type: text/html", "Content-Range: bytes 0-1/2"],
    ["Content-Type: text/html", "Cache-Control: max-age=1, No-Transform"],
    ["Content-Type: text/html", "Content-MD5: x"], ["Content-Type: text/html", "Digest: x"],
    ["Content-Type: text/html", "Repr-Digest: x"],
    ["Content-Type: text/html", "Content-Digest: x"],
  ])
  func `others go out as they are`(fields: [String]) throws {
    let answer = try Self.answer(fields + ["ETag: \"a\"", "Accept-Ranges: bytes"])
    #expect(answer.coding == .asSent)
    #expect(answer.head.contains("ETag: \"a\"\r\nAccept-Ranges: bytes\r\n"))
    #expect(!answer.head.contains("Vary"))
  }

  @Test(arguments: [204, 205, 206, 304])
  func `answers of which there is no whole body are left alone`(status: Int) throws {
    #expect(try Self.answer(["Content-Type: text/html"], status: status).coding == .asSent)
  }

  @Test(arguments: [200, 201, 301, 403, 404, 500, 503])
  func `pages of any other status are compressed`(status: Int) throws {
    #expect(
      try Self.answer(["Content-Type: text/html"], status: status).coding == .compressed(.gzip))
  }

  @Test(arguments: [nil, "", "deflate", "gzip;q=0", "*;q=0", "identity, gzip;q=0.5", "compress"])
  func `caches hear of it where this client does not want it`(accepting: String?) throws {
    let answer = try Self.answer(["Content-Type: text/html"], accepting: accepting)
    #expect(answer.coding == .varying)
    #expect(answer.head.contains("\r\nVary: Accept-Encoding\r\n"))
    #expect(!answer.head.contains("Content-Encoding"))
  }

  @Test(arguments: [
    ("gzip, deflate, br, zstd", ContentCoding.zstd), ("gzip, deflate, br", .brotli),
    ("gzip;q=1, br;q=0.9, zstd;q=0.8", .gzip), ("zstd;q=0.5, br;q=0.6", .brotli),
    ("br, *;q=0", .brotli), ("identity;q=0, zstd;q=0.001", .zstd),
    ("gzip;q=0.5, identity;q=0.5", .gzip),
    // What is named comes before what `*` may mean, and gzip before the others of those.
    ("*", .gzip), ("br, *", .brotli), ("gzip;q=0, *", .zstd), ("gzip;q=0.1, *;q=0.5", .zstd),
    ("*;q=0.5, gzip;q=0.5", .gzip),
  ])
  func `the client's choice counts, and the configured order where it has none`(
    accepting: String, coding: ContentCoding
  ) throws {
    let answer = try Self.answer(["Content-Type: text/html", "ETag: \"a\""], accepting: accepting)
    #expect(answer.coding == .compressed(coding))
    #expect(answer.head.contains("\r\nContent-Encoding: \(coding.name)\r\n"))
    #expect(answer.head.contains("\r\nETag: W/\"a\"\r\n"))
  }

  @Test func `a coding that is not available leaves the answer to the next one`() throws {
    let accepts = AcceptEncoding(octets("gzip, br, zstd").span)
    let codings = Self.rules.codings
    #expect(accepts.best(of: codings, where: { $0 != .zstd }) == .brotli)
    #expect(accepts.best(of: codings, where: { $0 == .gzip }) == .gzip)
    #expect(accepts.best(of: codings, where: { _ in false }) == nil)
    #expect(accepts.best(of: [.gzip, .zstd], where: { _ in true }) == .gzip)
  }

  @Test(arguments: ["HEAD / HTTP/1.1", "GET / HTTP/1.0"])
  func `HEAD and HTTP 1.0 get no gzip`(request: String) throws {
    #expect(
      try Self.answer(["Content-Type: text/html", "Content-Length: 5000"], request: request).coding
        == .varying)
  }

  @Test func `answers that set cookies can be spared`() throws {
    let fields = ["Content-Type: text/html", "Set-Cookie: a=b"]
    #expect(try Self.answer(fields, sparingCookies: true).coding == .asSent)
    #expect(try Self.answer(fields).coding == .compressed(.gzip))
    #expect(
      try Self.answer(["Content-Type: text/html"], sparingCookies: true).coding
        == .compressed(.gzip))
  }

  @Test(arguments: [
    ("Vary: Cookie", "Vary: Cookie, Accept-Encoding"), ("Vary: accept-encoding", nil),
    ("Vary: Cookie, Accept-Encoding", nil), ("vary: *", nil),
  ])
  func `what varies already is kept`(given: String, written: String?) throws {
    let head = try Self.answer(["Content-Type: text/html", given]).head
    #expect(head.contains("\r\n\(written ?? given)\r\n"))
    #expect(head.lowercased().split(separator: "vary:").count == 2)
  }

  @Test func `of several lines one is added to`() throws {
    let head = try Self.answer(["Vary: Cookie", "Content-Type: text/html", "Vary: Origin"]).head
    #expect(head.contains("\r\nVary: Cookie, Accept-Encoding\r\n"))
    #expect(head.contains("\r\nVary: Origin\r\n"))
  }

  @Test(arguments: [("\"a\"", "W/\"a\""), ("W/\"a\"", "W/\"a\""), ("odd", "odd"), ("", "")])
  func `a validator of the plain bytes becomes a weak one`(given: String, written: String) throws {
    let head = try Self.answer(
      ["Content-Type: text/html", "ETag: \(given)", "Accept-Ranges: bytes"]
    ).head
    #expect(head.contains("\r\nETag: \(written)\r\n"))
    #expect(!head.contains("Accept-Ranges"))
  }
}
