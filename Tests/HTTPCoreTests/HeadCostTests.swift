import Glibc
import HTTPCore
import TestSupport
import Testing

@Suite("What the worst heads cost")
struct HeadCostTests {
  /// Processor time of this thread, whatever else the machine does.
  private static func now() -> Duration {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }

  /// Parses a request and writes it for applications of both kinds; what that took.
  private static func cost(_ input: String) -> (time: Duration, refusal: HTTPError?) {
    let bytes = octets(input)
    let facts = exampleFacts()
    let limits = HeadLimits()
    var message = HTTP1Request()
    var packet = UWSGIPacket()
    var head = RequestHead()
    var parser = RequestParser()
    let start = now()
    do throws(HTTPError) {
      guard try parser.parse(bytes.span, into: &head, limits: limits) != nil else {
        return (.zero, nil)
      }
      message.encode(head, facts: facts, closing: false)
      try packet.encode(head, facts: facts)
    } catch {
      return (now() - start, error)
    }
    return (now() - start, nil)
  }

  private static func filled(_ piece: String, with text: String = "") -> String {
    let count = (HeadLimits().headBytes - 100 - text.utf8.count) / piece.utf8.count
    return text + String(repeating: piece, count: count)
  }

  /// Names that differ in their last byte only, or in nothing but their case.
  private static func long(_ count: Int, bytes: Int) -> String {
    (0..<count).map { number in
      "\(String(repeating: number % 2 == 0 ? "x" : "X", count: bytes))\(1000 + number): y\r\n"
    }.joined()
  }

  /// Heads of almost 32 KiB in which each byte has others to be compared with.
  private static let heads: [String] = [
    filled("a,", with: "Connection: ") + "\r\n",
    filled(",", with: long(60, bytes: 30) + "Connection: x") + "\r\n",
    "Connection: " + String(repeating: "\(String(repeating: "x", count: 290))2000,", count: 30)
      + "\r\n" + long(70, bytes: 290),
    long(97, bytes: 310), long(98, bytes: 24),
    String(repeating: "cookie: \(String(repeating: "c=", count: 150))\r\n", count: 97),
    filled("a=b;", with: "Cookie: ") + "\r\n", filled("\"a\",", with: "If-None-Match: ") + "\r\n",
    filled("1-2,", with: "Range: bytes=") + "\r\n",
    filled("gzip;q=0,", with: "Accept-Encoding: ") + "\r\n",
    filled("1.1.1.1,", with: "X-Forwarded-For: ") + "\r\n", filled(",", with: "Expect: ") + "\r\n",
  ]

  @Test(arguments: heads.indices)
  func `no head costs more than a few times what its bytes cost`(index: Int) {
    let plain = Self.filled("a", with: "X: ") + "\r\n"
    let start = "GET / HTTP/1.1\r\nHost: a.test\r\n"
    _ = Self.cost(start + plain + "\r\n")
    let least = (0..<3).map { _ in Self.cost(start + plain + "\r\n").time }.min() ?? .zero
    let most =
      (0..<3).map { _ in Self.cost(start + Self.heads[index] + "\r\n").time }.min() ?? .zero
    #expect(least > .zero)
    #expect(most < least * 8, "\(most) and \(least)")
  }
}
