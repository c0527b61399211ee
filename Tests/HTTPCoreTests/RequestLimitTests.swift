import HTTPCore
import TestSupport
import Testing

@Suite("Limits of a request head")
struct RequestLimitTests {
  private static func repeated(_ count: Int) -> String { String(repeating: "a", count: count) }

  /// A head of exactly `bytes` bytes.
  private func head(bytes: Int) -> String {
    let rest = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n"
    return "GET / HTTP/1.1\r\nHost: a\r\nX: \(Self.repeated(bytes - rest.utf8.count))\r\n\r\n"
  }

  /// A request line of exactly `bytes` bytes.
  private func line(bytes: Int) -> String {
    "GET /\(Self.repeated(bytes - 14)) HTTP/1.1\r\n"
  }

  private let small: HeadLimits = {
    var limits = HeadLimits()
    limits.headBytes = 96
    limits.requestLineBytes = 32
    limits.fields = 3
    return limits
  }()

  @Test func `a line at the limit passes, one byte more is 414`() {
    let fields = "Host: a\r\n\r\n"
    #expect(request(line(bytes: 32) + fields, limits: small).consumed != nil)
    for bytes in [33, 34, 35, 36, 200] {
      let reading = request(line(bytes: bytes) + fields, limits: small)
      #expect(reading.refusal == .requestLineTooLong(limit: 32), "\(bytes)")
    }
    #expect(HTTPError.requestLineTooLong(limit: 1).status == 414)
    let started = request("\r\n" + line(bytes: 32) + fields, limits: small)
    #expect(started.consumed != nil)
    #expect(
      request("\r\n" + line(bytes: 33) + fields, limits: small).refusal
        == .requestLineTooLong(limit: 32))
  }

  @Test func `a head at the limit passes, one byte more is 431`() {
    #expect(request(head(bytes: 96), limits: small).consumed == 96)
    #expect(request("\r\n" + head(bytes: 96), limits: small).consumed == 98)
    for bytes in [97, 98, 99, 150] {
      let reading = request(head(bytes: bytes), limits: small)
      #expect(reading.refusal == .headTooLarge(limit: 96), "\(bytes)")
    }
    #expect(HTTPError.headTooLarge(limit: 1).status == 431)
  }

  @Test func `a head that never ends is refused when it reaches the limit`() {
    let endless = start(of: head(bytes: 120), bytes: 116)
    #expect(request(start(of: endless, bytes: 95), limits: small).refusal == nil)
    #expect(
      request(start(of: endless, bytes: 97), limits: small).refusal == .headTooLarge(limit: 96))
    let line = "GET /" + Self.repeated(200)
    #expect(request(start(of: line, bytes: 33), limits: small).refusal == nil)
    #expect(
      request(start(of: line, bytes: 34), limits: small).refusal == .requestLineTooLong(limit: 32))
  }

  @Test func `what lies behind a limit is not looked at`() {
    let reading = request("GET /" + Self.repeated(100) + "\n\u{0}", limits: small)
    #expect(reading.refusal == .requestLineTooLong(limit: 32))
    let fields = request(start(of: head(bytes: 120), bytes: 116) + "\n", limits: small)
    #expect(fields.refusal == .headTooLarge(limit: 96))
  }

  @Test func `a line limit beyond the head's is the head's`() {
    var limits = small
    limits.requestLineBytes = 96
    let reading = request(line(bytes: 100) + "\r\n", limits: limits)
    #expect(reading.refusal == .headTooLarge(limit: 96))
  }

  @Test func `fields at the limit pass, one more is 431`() {
    #expect(request(get("A: 1", "B: 2"), limits: small).fields.count == 3)
    let reading = request(get("A: 1", "B: 2", "C: 3"), limits: small)
    #expect(reading.refusal == .tooManyFields(limit: 3))
    #expect(reading.refusal?.status == 431)
    #expect(reading.fields.count == 3)
  }

  @Test func `the defaults hold exactly`() {
    let limits = HeadLimits()
    let near = { (count: Int) in Array(max(0, count - 4)...(count + 1)) }
    let whole = request(head(bytes: limits.headBytes), around: near(limits.headBytes - 2))
    #expect(whole.consumed == 32 * 1024)
    let over = request(head(bytes: limits.headBytes + 1), around: near(limits.headBytes - 2))
    #expect(over.refusal == .headTooLarge(limit: 32 * 1024))

    let cuts = near(limits.requestLineBytes)
    let longest = request(line(bytes: 16 * 1024) + "Host: a\r\n\r\n", around: cuts)
    #expect(longest.consumed != nil)
    let longer = request(line(bytes: 16 * 1024 + 1) + "Host: a\r\n\r\n", around: cuts)
    #expect(longer.refusal == .requestLineTooLong(limit: 16 * 1024))

    let fields = (0..<99).map { "X-\($0): 1\r\n" }.joined()
    let start = "GET / HTTP/1.1\r\nHost: a\r\n"
    #expect(request(start + fields + "\r\n", around: [100]).fields.count == 100)
    #expect(
      request(start + fields + "Y: 1\r\n\r\n", around: [100]).refusal
        == .tooManyFields(limit: 100))
  }

  @Test func `what was understood before an error stays readable`() {
    let reading = request("GET /a?b HTTP/1.1\r\nHost: a.test\r\nX-A: 1\r\nX B: 2\r\n\r\n")
    #expect(reading.refusal == .fieldMalformed)
    #expect(reading.target == "/a?b")
    #expect(reading.method == .get)
    #expect(reading.host == "a.test")
    #expect(reading.fields == ["Host: a.test", "X-A: 1"])
    #expect(request("BREW /\u{0} HTTP/1.1\r\n\r\n").methodText == "BREW")
  }

  @Test func `every error has a status and a word of its own`() {
    let errors: [HTTPError] = [
      .requestLineMalformed, .requestLineTooLong(limit: 1), .versionMalformed, .versionUnsupported,
      .methodUnsupported, .methodTooLong(limit: 1), .targetMalformed, .targetClimbs,
      .lineEndMalformed, .fieldMalformed,
      .fieldFolded, .headTooLarge(limit: 1), .tooManyFields(limit: 1), .hostMalformed,
      .hostRepeated, .hostContradictsTarget, .contentLengthMalformed, .contentLengthRepeated,
      .lengthAndChunked, .transferEncodingMalformed, .transferEncodingUnsupported,
      .transferEncodingInOldVersion, .tooManyNominations(limit: 1),
      .expectationUnsupported, .chunkMalformed, .chunkExtensionTooLong(limit: 1),
      .trailerMalformed, .trailerTooLarge(limit: 1), .statusLineMalformed,
      .responseHeadTooLarge(limit: 1), .blockTooLarge(bytes: 2, limit: 1),
      .tooManyVariables(count: 2, limit: 1),
    ]
    #expect(Set(errors.map { "\($0.reason)" }).count == errors.count)
    #expect(errors.allSatisfy { (400...505).contains($0.status) })
    #expect(errors.filter { $0.limit != nil }.count == 10)
    #expect(errors.allSatisfy { $0.limit?.limit ?? 1 == 1 })
  }
}
