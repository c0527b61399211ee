import DNSCore
import TestSupport
import Testing

@Suite("What a name server reads of a message")
struct DNSRequestTests {
  /// The parts of a message, to be put together rightly or not.
  private struct Parts {
    var flags: [UInt8] = [0x01, 0x00]
    var counts: [UInt8] = [1, 0, 0, 0]
    var name: [UInt8] = [1, 0x61, 0]
    var type: UInt8 = 1
    var rest: [UInt8] = []

    var bytes: [UInt8] {
      [0x12, 0x34] + flags + counts.flatMap { [0, $0] } + name + [0, type, 0, 1] + rest
    }

    var request: DNSRequest? { DNSRequest(bytes.span) }
  }

  /// EDNS as clients send it: 1232 bytes and the flag DO.
  private static let options: [UInt8] = [0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0]

  @Test func `a question is read with what EDNS says`() throws {
    let parts = Parts(counts: [1, 0, 0, 1], name: [1, 0x61, 2, 0x42, 0x63, 0], rest: Self.options)
    let request = try #require(parts.request)
    #expect(request.id == 0x1234 && request.code == .noError)
    #expect(request.nameBytes == 6 && request.type == .ipv4 && request.domain == .internet)
    let options = try #require(request.options)
    #expect(options.version == 0 && options.answerBytesMax == 1232 && options.wantsSignatures)
    #expect(try #require(Parts().request).options == nil)
  }

  @Test func `an answer and what is shorter than a head get no answer`() {
    #expect(Parts(flags: [0x81, 0]).request == nil)
    #expect(Parts(flags: [0xff, 0xff]).request == nil)
    let bytes = Parts().bytes
    for count in 0..<12 { #expect(DNSRequest(bytes.span.extracting(0..<count)) == nil) }
    for count in 12..<bytes.count {
      #expect(DNSRequest(bytes.span.extracting(0..<count))?.code == .malformed)
    }
  }

  @Test(arguments: 1...15)
  func `of operations only queries are known`(operation: UInt8) {
    #expect(Parts(flags: [operation << 3, 0]).request?.code == .notImplemented)
  }

  @Test(arguments: [
    ("no question", Parts(counts: [0, 0, 0, 0])),
    ("two questions", Parts(counts: [2, 0, 0, 0], rest: [1, 0x62, 0, 0, 1, 0, 1])),
    ("one byte too many", Parts(rest: [0])),
    ("a record that is not counted", Parts(rest: options)),
    ("a count of records that are not there", Parts(counts: [1, 0, 0, 2], rest: options)),
    ("more records than a message has room for", Parts(counts: [1, 0, 255, 255], type: 251)),
    ("an answer", Parts(counts: [1, 1, 0, 0], rest: options)),
    ("an authority", Parts(counts: [1, 0, 1, 0], rest: [0, 0, 6, 0, 1, 0, 0, 0, 0, 0, 0])),
    ("a pointer in the question", Parts(name: [1, 0x61, 0xc0, 12])),
    ("a pointer into the head", Parts(name: [0xc0, 0])),
    ("a label of 64 bytes", Parts(name: [64] + [UInt8](repeating: 0x61, count: 64) + [0])),
    ("a label of an unknown kind", Parts(name: [0x80, 0x61, 0])),
    ("a label that is longer than the message", Parts(name: [63, 0x61])),
    ("EDNS twice", Parts(counts: [1, 0, 0, 2], rest: options + options)),
    (
      "EDNS of another name than the root's",
      Parts(counts: [1, 0, 0, 1], rest: [1, 0x61] + options)
    ),
    (
      "EDNS of a name elsewhere",
      Parts(counts: [1, 0, 0, 1], rest: [0xc0, 14] + options.dropFirst())
    ),
    ("EDNS among the authorities", Parts(counts: [1, 0, 1, 0], type: 251, rest: options)),
    (
      "an option that is longer than its record",
      Parts(counts: [1, 0, 0, 1], rest: options.dropLast() + [5, 0, 10, 0, 2, 1])
    ),
    (
      "a part of an option",
      Parts(counts: [1, 0, 0, 1], rest: options.dropLast() + [3, 0, 10, 0])
    ),
    (
      "a record that is longer than the message",
      Parts(counts: [1, 0, 0, 1], rest: options.dropLast() + [1])
    ),
  ])
  private func `what is malformed is called so, and its question is not repeated`(
    what: String, parts: Parts
  ) throws {
    let request = try #require(parts.request)
    #expect(request.code == .malformed && request.nameBytes == 0 && request.options == nil)
    var answer: [UInt8] = []
    request.beginAnswer(to: parts.bytes.span, request.code, into: &answer)
    request.endAnswer(request.code, into: &answer)
    #expect(answer == [0x12, 0x34, 0x81, 0x01, 0, 0, 0, 0, 0, 0, 0, 0])
  }

  @Test func `a name has 255 bytes at most`() {
    let label = [63] + [UInt8](repeating: 0x61, count: 63)
    let most = label + label + label + [61] + [UInt8](repeating: 0x61, count: 61) + [0]
    #expect(most.count == 255)
    let request = Parts(name: most).request
    #expect(request?.code == .noError && request?.nameBytes == 255)
    let more = label + label + label + [62] + [UInt8](repeating: 0x61, count: 62) + [0]
    #expect(Parts(name: more).request?.code == .malformed)
    let small = [UInt8](repeating: 1, count: 254) + [0]
    #expect(Parts(name: small).request?.nameBytes == 255)
    #expect(Parts(name: [1, 1] + small).request?.code == .malformed)
  }

  @Test func `one who asks for changes may say which copy there is`() {
    let copy: [UInt8] = [0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 1, 9]
    #expect(Parts(counts: [1, 0, 1, 0], type: 251, rest: copy).request?.code == .noError)
    #expect(Parts(counts: [1, 0, 1, 0], type: 252, rest: copy).request?.code == .malformed)
    #expect(
      Parts(counts: [1, 0, 2, 0], type: 251, rest: copy + copy).request?.code == .malformed)
  }

  @Test func `a later version of EDNS is told that there is none, with the question`() throws {
    var options = Self.options
    options[6] = 1
    let parts = Parts(counts: [1, 0, 0, 1], rest: options)
    let request = try #require(parts.request)
    #expect(request.code == .badVersion && request.code.word == "BADVERS")
    var answer: [UInt8] = []
    request.beginAnswer(to: parts.bytes.span, request.code, into: &answer)
    request.endAnswer(request.code, into: &answer)
    let expected: [UInt8] = [0x12, 0x34, 0x81, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 0x61, 0, 0, 1, 0, 1]
    #expect(answer == expected + [0, 0, 41, 0x04, 0xd0, 1, 0, 0x80, 0, 0, 0])
  }

  @Test func `records that are not of EDNS are passed over, signatures too`() throws {
    let other: [UInt8] = [0xc0, 12, 0, 250, 0, 255, 0, 0, 0, 0, 0, 2, 1, 2]
    let parts = Parts(counts: [1, 0, 0, 3], rest: other + Self.options + other)
    let request = try #require(parts.request)
    #expect(request.code == .noError && request.options != nil)
  }

  @Test(arguments: [
    (0, 512), (511, 512), (512, 512), (513, 513), (1231, 1231), (1232, 1232), (1233, 1232),
    (65_535, 1232),
  ])
  func `an answer over UDP is as large as the client says, within bounds`(
    said: Int, most: Int
  ) throws {
    var options = Self.options
    (options[3], options[4]) = (UInt8(said >> 8), UInt8(said & 0xff))
    let request = try #require(Parts(counts: [1, 0, 0, 1], rest: options).request)
    // A head of 12 bytes, a question of 7, and EDNS of 11.
    #expect(request.fits(recordBytes: most - 30, over: .udp))
    #expect(!request.fits(recordBytes: most - 29, over: .udp))
    #expect(request.fits(recordBytes: 65_535 - 30, over: .tcp))
    #expect(!request.fits(recordBytes: 65_535 - 29, over: .tcp))
  }

  @Test func `without EDNS an answer over UDP has 512 bytes at most`() throws {
    let request = try #require(Parts().request)
    #expect(request.fits(recordBytes: 512 - 19, over: .udp))
    #expect(!request.fits(recordBytes: 512 - 18, over: .udp))
  }

  @Test func `a content that is too long for a record makes none`() {
    #expect(DNSRequest.record(.text, seconds: 1, [UInt8](repeating: 0, count: 65_535)) != nil)
    #expect(DNSRequest.record(.text, seconds: 1, [UInt8](repeating: 0, count: 65_536)) == nil)
  }
}
