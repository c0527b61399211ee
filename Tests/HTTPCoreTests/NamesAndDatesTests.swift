import HTTPCore
import TestSupport
import Testing

@Suite("Host names")
struct HostNameTests {
  private func normalise(_ name: String) -> String? {
    var output = octets("what was here before")
    let input = octets(name)
    return HostName.normalise(input.span, into: &output) ? text(output.span) : nil
  }

  @Test(arguments: [
    ("a", "a"), ("A.B", "a.b"), ("a.b.", "a.b"), ("a-b_c.D9", "a-b_c.d9"), ("-a", "-a"),
    ("xn--BCHER-kva.Test.", "xn--bcher-kva.test"), ("1.2.3.4", "1.2.3.4"), ("_acme.x", "_acme.x"),
  ])
  func `a name has one form`(name: String, normal: String) {
    #expect(normalise(name) == normal)
    #expect(normalise(normal) == normal)
  }

  @Test(arguments: [
    "", ".", "..", "a..", "a..b", ".a", "a b", "a,b", "*", "*.a", "a:1", "a/b", "a\u{0}", "a\u{e9}",
    "a%b", "[::1]", "a\r", "a@b", "\u{212a}",
  ])
  func `what is no name has none`(name: String) {
    #expect(normalise(name) == nil)
  }

  @Test func `labels have 63 octets, names 253`() {
    let label = String(repeating: "a", count: 63)
    #expect(normalise(label) == label)
    #expect(normalise(label + "a") == nil)
    #expect(normalise("b." + label + "a") == nil)
    let longest = [label, label, label, String(repeating: "a", count: 61)].joined(separator: ".")
    #expect(longest.utf8.count == 253)
    #expect(normalise(longest) == longest)
    #expect(normalise(longest + ".") == longest)
    #expect(normalise(longest + "a") == nil)
    #expect(normalise(longest + "..") == nil)
  }
}

@Suite("Dates, RFC 9110 §5.6.7")
struct DateTests {
  private func parse(_ text: String) -> Int64? { HTTPDate.parse(octets(text).span) }

  @Test func `a date that was written is read`() {
    for seconds in stride(from: 0 as Int64, to: 4_000_000_000, by: 7_654_321) {
      #expect(parse(format(seconds)) == seconds)
    }
    #expect(parse("Tue, 29 Feb 2000 23:59:59 GMT") == 951_868_799)
  }

  @Test(arguments: [
    "", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nox 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
    "Sun, 0a Nov 1994 08:49:37 GMT", "Sun Nov  6 08:49:37 1994     ",
    "Sunday, 06-Nov-94 08:49:37 GMT",
  ])
  func `what is no such date is none`(text: String) {
    #expect(parse(text) == nil)
  }

  private func format(_ seconds: Int64) -> String {
    var output = octets("what was here before")
    HTTPDate.format(seconds, into: &output)
    return text(output.span)
  }

  @Test(arguments: [
    (784_111_777 as Int64, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
    (-1, "Wed, 31 Dec 1969 23:59:59 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
    (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"), (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
    (1_000_000_000, "Sun, 09 Sep 2001 01:46:40 GMT"),
    (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
    (2_147_483_648, "Tue, 19 Jan 2038 03:14:08 GMT"),
    (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
    (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
    (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
    (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
    (-62_135_596_800, "Mon, 01 Jan 0001 00:00:00 GMT"),
    (-62_135_596_801, "Mon, 01 Jan 0001 00:00:00 GMT"),
    (-62_167_219_201, "Mon, 01 Jan 0001 00:00:00 GMT"), (.min, "Mon, 01 Jan 0001 00:00:00 GMT"),
    (253_402_300_800, "Fri, 31 Dec 9999 23:59:59 GMT"), (.max, "Fri, 31 Dec 9999 23:59:59 GMT"),
  ])
  func `known instants`(seconds: Int64, date: String) {
    #expect(format(seconds) == date)
    #expect(format(seconds).utf8.count == HTTPDate.bytesCount)
  }

  @Test func `every number of seconds is a date of 29 bytes`() {
    for shift in 0..<64 {
      for offset: Int64 in [-1, 0, 1] {
        for seconds in [(Int64(1) << shift) &+ offset, (Int64(-1) << shift) &+ offset] {
          let written = format(seconds)
          #expect(written.utf8.count == HTTPDate.bytesCount)
          #expect(parse(written) != nil, "\(seconds)")
        }
      }
    }
  }
}
