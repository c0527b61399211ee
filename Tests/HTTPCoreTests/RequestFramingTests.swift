import HTTPCore
import TestSupport
import Testing

@Suite("Where a request's body ends, RFC 9112 §6")
struct RequestFramingTests {
  @Test(arguments: [
    ("0", 0 as UInt64), ("1", 1), ("007", 7), ("9223372036854775807", 9_223_372_036_854_775_807),
    ("0000000000000000001", 1),
  ])
  func `a length is digits`(value: String, length: UInt64) {
    let reading = request(post("Content-Length: \(value)"))
    #expect(reading.consumed != nil)
    #expect(reading.framing == .length(length))
  }

  @Test(arguments: [
    "", "+1", "-1", "-0", "0x10", "1a", "a", "1 2", "1,1", "1, 1", "1,", ",1", "1.0", "1e3",
    "\"1\"",
    "1;", "\u{b2}", "9223372036854775808", "9999999999999999999", "18446744073709551615",
    "18446744073709551616", "00000000000000000001", "1_000",
  ])
  func `anything else that could be read as a length is refused`(value: String) {
    let reading = request(post("Content-Length: \(value)"))
    #expect(reading.refusal == .contentLengthMalformed)
    #expect(reading.refusal?.status == 400)
  }

  @Test(arguments: ["3", "4", "", "x"])
  func `a second length is refused, be it the same`(value: String) {
    let reading = request(post("Content-Length: 3", "content-length: \(value)"))
    #expect(reading.refusal == .contentLengthRepeated)
  }

  @Test func `no framing means no body`() {
    #expect(request(get()).framing == .none)
    #expect(request(post()).framing == .none)
  }

  @Test func `chunked is understood in any case`() {
    for value in ["chunked", "Chunked", "CHUNKED", "\tchunked  "] {
      let reading = request(post("Transfer-Encoding: \(value)"))
      #expect(reading.consumed != nil, "\(value)")
      #expect(reading.framing == .chunked, "\(value)")
    }
  }

  @Test(arguments: [
    ["Content-Length: 3", "Transfer-Encoding: chunked"],
    ["Transfer-Encoding: chunked", "Content-Length: 3"],
    ["Transfer-Encoding: chunked", "Content-Length: 0"],
  ])
  func `both framings at once are refused`(lines: [String]) {
    #expect(request(post(lines[0], lines[1])).refusal == .lengthAndChunked)
    #expect(request(post(lines[0], lines[1], version: "1.0")).refusal == .lengthAndChunked)
  }

  @Test(arguments: [
    "", "identity", "gzip", "chunked, gzip", "chunked, chunked", "gzip, chunked, chunked",
    "xchunked", "chunkedx", "x chunked", "chunked;q=1", "\"chunked\"", "'chunked'",
    "chunk\u{e9}d", "chunked \t x", "chun ked", "cow", "\u{a0}chunked", "trailers", ",",
    "chunked,", ",chunked",
    "gzip;x=1, chunked",
  ])
  func `a body whose end cannot be found is refused, and so is chunked in disguise`(value: String) {
    let reading = request(post("Transfer-Encoding: \(value)"))
    #expect(reading.refusal == .transferEncodingMalformed)
    #expect(reading.refusal?.status == 400)
  }

  @Test(arguments: [
    "gzip, chunked", "deflate,gzip,chunked", "identity, Chunked", ",gzip, ,chunked",
  ])
  func `codings that we do not know are refused where they end in chunked`(value: String) {
    let reading = request(post("Transfer-Encoding: \(value)"))
    #expect(reading.refusal == .transferEncodingUnsupported)
    #expect(reading.refusal?.status == 501)
  }

  @Test(arguments: [
    ("Transfer-Encoding : chunked", HTTPError.fieldMalformed),
    ("Transfer-Encoding\t: chunked", .fieldMalformed),
    (" Transfer-Encoding: chunked", .fieldFolded),
    ("Transfer-Encoding:\u{b}chunked", .fieldMalformed),
    ("Transfer-Encoding: \u{c}chunked", .fieldMalformed),
    ("Transfer-Encoding: chunked\u{0}", .fieldMalformed),
    ("Transfer-Encoding:\n chunked", .lineEndMalformed),
    ("Transfer-Encoding\n: chunked", .lineEndMalformed),
    ("X: y\rTransfer-Encoding: chunked", .lineEndMalformed),
    ("X: y\nTransfer-Encoding: chunked", .lineEndMalformed),
    ("Transfer-Encoding:\r\n chunked", .transferEncodingMalformed),
  ])
  func `a coding hidden from one reader is refused by all`(line: String, error: HTTPError) {
    #expect(request(post("Content-Length: 3", line)).refusal == error)
    #expect(request(post(line)).refusal == error)
  }

  @Test func `a second coding is refused`() {
    for value in ["chunked", "identity", "x", ""] {
      let reading = request(post("Transfer-Encoding: chunked", "Transfer-Encoding: \(value)"))
      #expect(reading.refusal == .transferEncodingMalformed, "\(value)")
    }
  }

  @Test func `HTTP 1.0 knows no codings`() {
    let reading = request(post("Transfer-Encoding: chunked", version: "1.0"))
    #expect(reading.refusal == .transferEncodingInOldVersion)
    #expect(reading.refusal?.status == 400)
    #expect(request(post("Content-Length: 1", version: "1.0")).framing == .length(1))
  }

  @Test func `names that only look like framing are not`() {
    let reading = request(
      post("Content_Length: 3", "Transfer_Encoding: chunked", "Content-Lengt: 1"))
    #expect(reading.consumed != nil)
    #expect(reading.framing == .none)
  }
}
