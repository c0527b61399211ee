import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Requests that end instances are remembered for a minute")
struct DeadlyRequestsTests {
  private let requests = DeadlyRequests()
  private let start = seconds(1_000_000)

  @Test func `a request is remembered for a minute`() {
    #expect(!requests.isWatching(now: start))
    requests.remember(0xdead_beef_0000_0001, now: start)
    for second in [0.0, 30, 60] {
      #expect(requests.isWatching(now: start + seconds(second)))
      #expect(requests.contains(0xdead_beef_0000_0001, now: start + seconds(second)))
    }
    #expect(!requests.contains(0xdead_beef_0000_0001, now: start + seconds(61)))
    #expect(!requests.isWatching(now: start + seconds(61)))
  }

  @Test func `others are not taken for it, in its row or elsewhere`() {
    requests.remember(1 << 40 | 7, now: start)
    for other: UInt64 in [7, 1 << 40 | 8, 1 << 41 | 7, 0] {
      #expect(!requests.contains(other, now: start))
    }
  }

  @Test func `an answer clears it`() {
    requests.remember(1 << 40 | 7, now: start)
    requests.remember(1 << 41 | 7, now: start)
    requests.forget(1 << 40 | 7)
    #expect(!requests.contains(1 << 40 | 7, now: start))
    #expect(requests.contains(1 << 41 | 7, now: start))
  }

  @Test func `in a full row the oldest gives way`() {
    for number in 0..<5 {
      requests.remember(UInt64(number + 1) << 40 | 7, now: start + seconds(Double(number)))
    }
    let now = start + seconds(5)
    let known = (0..<5).map { requests.contains(UInt64($0 + 1) << 40 | 7, now: now) }
    #expect(known == [false, true, true, true, true])
  }

  @Test func `one that does it again is remembered anew, in the same place`() {
    for second in stride(from: 0.0, to: 300, by: 50) {
      requests.remember(1 << 40 | 7, now: start + seconds(second))
      #expect(requests.contains(1 << 40 | 7, now: start + seconds(second + 49)))
    }
    for number in 2..<5 { requests.remember(UInt64(number) << 40 | 7, now: start + seconds(251)) }
    #expect(requests.contains(1 << 40 | 7, now: start + seconds(251)))
  }

  private func fingerprint(_ request: String, body: String = "") throws -> UInt64 {
    var parser = RequestParser()
    var head = RequestHead()
    let bytes = octets(request + "\r\n\r\n")
    #expect(try parser.parse(bytes.span, into: &head, limits: HeadLimits()) == bytes.count)
    var fingerprint = RequestFingerprint(head)
    let content = octets(body)
    if !content.isEmpty { fingerprint.add(content.span) }
    return fingerprint.value
  }

  @Test func `method, host, target and body make the number, other fields do not`() throws {
    let request = "GET /a?b=c HTTP/1.1\r\nHost: a.test"
    let number = try fingerprint(request)
    #expect(try fingerprint(request + "\r\nCookie: x=y") == number)
    let others = [
      try fingerprint("PUT /a?b=c HTTP/1.1\r\nHost: a.test"),
      try fingerprint("GET /a?b=d HTTP/1.1\r\nHost: a.test"),
      try fingerprint("GET /a?b=c HTTP/1.1\r\nHost: b.test"),
      try fingerprint(request, body: "x"), try fingerprint(request, body: "x\0"),
      try fingerprint(request, body: "123456789"), try fingerprint(request, body: "12345678"),
    ]
    #expect(Set(others + [number]).count == others.count + 1)
  }
}
