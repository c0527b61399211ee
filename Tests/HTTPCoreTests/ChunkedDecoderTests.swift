import HTTPCore
import TestSupport
import Testing

@Suite("Chunked bodies, RFC 9112 §7.1")
struct ChunkedDecoderTests {
  @Test(arguments: [
    ("0\r\n\r\n", ""), ("5\r\nhello\r\n0\r\n\r\n", "hello"),
    ("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"),
    ("00005\r\nhello\r\n000\r\n\r\n", "hello"),
    ("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"), ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
    ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"), ("3\r\n0\r\n\r\n0\r\n\r\n", "0\r\n"),
    ("5;a\r\nhello\r\n0;b=c\r\n\r\n", "hello"), ("5;\r\nhello\r\n0\r\n\r\n", "hello"),
    ("5;a=\"b;c\"; d\t\r\nhello\r\n0\r\n\r\n", "hello"), ("1\r\n\u{0}\r\n0\r\n\r\n", "\u{0}"),
    ("000000000000001\r\nx\r\n0\r\n\r\n", "x"),
  ])
  func `a body is decoded, and what follows is left`(input: String, body: String) {
    let whole = octets(input).count
    for rest in ["", "GET / HTTP/1.1\r\n", "\r\n", "0\r\n\r\n"] {
      let reading = chunked(input + rest)
      #expect(reading.refusal == nil)
      #expect(text(reading.body.span) == body)
      #expect(reading.end == whole)
    }
    // A body that breaks off has no end, wherever it does.
    for count in 0..<whole {
      let reading = ChunkedReading.read(Array(octets(input).prefix(count)), ends: [count])
      #expect(reading.end == nil)
      #expect(reading.refusal == nil)
    }
  }

  @Test(arguments: [
    "\r\n", "\r\nhello", "x\r\n", "-1\r\n", "+1\r\n", " 1\r\n", "1 \r\n", "\t1\r\n", "0x1\r\n",
    "1h\r\n",
    "1 ;a\r\n", ";a\r\n", "1,1\r\n", "1.0\r\n", "\u{0}", "1\u{0}\r\n", "\u{b9}\r\n", "g",
    "0000000000000001\r\n", "ffffffffffffffff\r\n", "10000000000000000\r\n", "8000000000000000\r\n",
  ])
  func `a size is 1 to 15 hexadecimal digits`(line: String) {
    #expect(chunked(line + "x\r\n0\r\n\r\n").refusal == .chunkMalformed)
    #expect(chunked("1\r\nx\r\n" + line).refusal == .chunkMalformed)
  }

  @Test func `the largest size waits for its bytes and allocates nothing`() {
    let reading = chunked("fffffffffffffff\r\nabc")
    #expect(reading.refusal == nil)
    #expect(text(reading.body.span) == "abc")
    #expect(reading.end == nil)
  }

  @Test(arguments: [
    "1\nx", "1\r\rx", "1\rx", "1\r\nx\n", "1\r\nx\r\r", "1\r\nxy", "1\r\nx0\r\n\r\n", "1;a\nx",
    "1;a\rb", "1;a\r\rb", "0\n\r\n", "0\r\n\n", "0\r\n\rx", "0\r\n\r\r", "1;\u{0}\r\n",
    "1;\u{1b}\r\n",
    "1;a\u{7f}\r\n", "5\r\nhello\r\n0\n", "1\r\nx\r\n\r\n", "0\r\nX: a\rb", "0\r\nX: a\r\r",
  ])
  func `lines end with CRLF and hold no control bytes`(input: String) {
    let reading = chunked(input)
    #expect([.chunkMalformed, .trailerMalformed].contains(reading.refusal))
    #expect(reading.end == nil)
    #expect(reading.refusal?.status == 400)
  }

  @Test func `an extension has 1024 bytes and no more`() {
    let limit = FixedLimits.chunkExtensionBytes
    let cuts = [0, 1, 2, limit, limit + 1, limit + 2, limit + 3, limit + 4]
    let longest = "1;" + String(repeating: "e", count: limit - 1)
    let reading = chunked(longest + "\r\nx\r\n" + longest + "\r\ny\r\n0\r\n\r\n", around: cuts)
    #expect(text(reading.body.span) == "xy")
    #expect(reading.end != nil)
    for input in [longest + "e", longest + "e\r\nx\r\n0\r\n\r\n"] {
      let refused = chunked(input, around: cuts)
      #expect(refused.refusal == .chunkExtensionTooLong(limit: 1024))
    }
  }

  @Test(arguments: [
    "X: y\r\n", "X:\r\n", "X-Long: a b\tc \u{ff}\r\n", "A: 1\r\nB: 2\r\n", "Content-Length: 9\r\n",
    "!#$%&'*+-.^_`|~: x\r\n",
  ])
  func `trailers are read and dropped`(trailers: String) {
    let reading = chunked("1\r\nx\r\n0\r\n\(trailers)\r\nGET")
    #expect(reading.refusal == nil)
    #expect(text(reading.body.span) == "x")
    #expect(reading.end == octets("1\r\nx\r\n0\r\n\(trailers)\r\n").count)
  }

  @Test(arguments: [
    " X: y", "\tX: y", "X : y", ": y", "X", "X Y: z", "X: \u{0}", "X: a\u{7f}", "X\u{0}: a",
    "X: a\nY",
    "(X): y", "X\u{e9}: y", "X: y\r\n folded", "\nX: y", "GET / HTTP/1.1",
  ])
  func `malformed trailers are refused`(trailer: String) {
    let reading = chunked("0\r\n\(trailer)\r\n\r\n")
    #expect(reading.refusal == .trailerMalformed)
    #expect(reading.end == nil)
  }

  @Test func `a trailer section has 8192 bytes and 100 fields`() {
    let limit = FixedLimits.trailerBytes
    func section(bytes: Int) -> String {
      "0\r\nX: " + String(repeating: "a", count: bytes - 7) + "\r\n\r\n"
    }
    let cuts = [limit - 4, limit - 1, limit, limit + 1, limit + 2]
    #expect(chunked(section(bytes: limit), around: cuts).end == limit + 3)
    #expect(
      chunked(section(bytes: limit + 1), around: cuts).refusal == .trailerTooLarge(limit: limit))
    let fields = String(repeating: "X: y\r\n", count: FixedLimits.trailerFields)
    #expect(chunked("0\r\n\(fields)\r\n", around: cuts).end != nil)
    #expect(chunked("0\r\n\(fields)X: y\r\n\r\n", around: cuts).refusal == .trailerMalformed)
  }
}
