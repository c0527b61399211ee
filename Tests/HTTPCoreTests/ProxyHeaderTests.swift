import HTTPCore
import TestSupport
import Testing

@Suite("PROXY protocol headers")
struct ProxyHeaderTests {
  static let signature = "\r\n\r\n\u{0}\r\nQUIT\n"
  static let ports = "\u{1}\u{2}\u{1}\u{bb}"

  /// A header of version 2 whose length is that of `rest`.
  static func binary(_ command: UInt8, _ family: UInt8, _ rest: String) -> [UInt8] {
    let rest = octets(rest)
    return octets(signature)
      + [command, family, UInt8(rest.count >> 8), UInt8(rest.count & 255)] + rest
  }

  static func expect(_ input: [UInt8], _ reading: ProxyReading) {
    #expect(ProxyReading(input.span) == reading)
    #expect(ParserProperties.proxyHeader(input) == nil)
  }

  static func address(_ text: String) throws -> IPAddress {
    let bytes = octets(text)
    let address = IPAddress(bytes.span)
    return try #require(address)
  }

  @Test(arguments: [
    ("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n", "192.0.2.1", 56324),
    ("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n", "255.255.255.255", 65535),
    ("PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", "2001:db8::1", 1),
    ("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", "192.0.2.1", 1),
  ])
  func `a line names the client, and what follows is left`(
    line: String, address: String, port: UInt16
  ) throws {
    let source = try Self.address(address)
    let header = ProxyHeader(source: source, port: port, count: octets(line).count)
    for rest in ["", "\u{16}\u{3}\u{1}", "GET / HTTP/1.1\r\n\r\n", line] {
      Self.expect(octets(line + rest), .header(header))
    }
  }

  @Test(arguments: ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff:f...f:ffff x y z\r\n"])
  func `an unknown client leaves the real address`(line: String) {
    Self.expect(octets(line + "GET"), .header(ProxyHeader(count: line.utf8.count)))
  }

  @Test(arguments: [
    "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\n", "PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n",
    "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 \r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n",
    "PROXY TCP4  192.0.2.1 198.51.100.1 1 2\r\n", "PROXY TCP4 192.0.2.1\t198.51.100.1 1 2\r\n",
    "PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n",
    "PROXY TCP4 192.0.2.1 198.51.100.1 65536 2\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 -1 2\r\n",
    "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", "PROXY TCP6 2001:db8::1%eth0 ::1 1 2\r\n",
    "PROXY TCP4 192.0.2.01 198.51.100.1 1 2\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\rx\n",
  ])
  func `a line that is not exactly one is refused`(line: String) {
    Self.expect(octets(line), .refused(.malformed))
  }

  @Test(arguments: ["PROXY \r\n", "PROXY TCP5 1 2 3 4\r\n", "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n"])
  func `other families are refused`(line: String) {
    Self.expect(octets(line), .refused(.unsupported))
  }

  @Test func `a line has 107 bytes at most`() {
    let start = "PROXY UNKNOWN "
    let fitting = start + String(repeating: "x", count: 105 - start.count)
    Self.expect(octets(fitting + "\r\n"), .header(ProxyHeader(count: 107)))
    Self.expect(octets(fitting + "x\r\n"), .refused(.tooLong))
    Self.expect(octets(start + String(repeating: "x", count: 4000)), .refused(.tooLong))
  }

  @Test(arguments: [
    "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\n", "PROXX", "proxy TCP4", "\u{16}\u{3}\u{1}\u{2}",
    "\r\n\r\n\u{0}\r\nQUIT\r", "\u{0}", "\n",
  ])
  func `anything else is no header`(input: String) {
    Self.expect(octets(input), .refused(.missing))
  }

  @Test func `version 2 names the client`() throws {
    let four = Self.binary(0x21, 0x11, "\u{c0}\u{0}\u{2}\u{1}\u{7f}\u{0}\u{0}\u{1}" + Self.ports)
    let expected = try Self.address("192.0.2.1")
    Self.expect(
      four + octets("rest"), .header(ProxyHeader(source: expected, port: 258, count: 28)))
    let client = " \u{1}\u{d}\u{b8}" + String(repeating: "\u{0}", count: 11) + "\u{1}"
    let six = Self.binary(0x21, 0x21, client + client + Self.ports)
    Self.expect(
      six, .header(ProxyHeader(source: try Self.address("2001:db8::1"), port: 258, count: 52)))
  }

  @Test func `LOCAL and an unspecified family leave the real address`() {
    Self.expect(Self.binary(0x20, 0x00, ""), .header(ProxyHeader(count: 16)))
    Self.expect(Self.binary(0x20, 0x11, "garbage"), .header(ProxyHeader(count: 23)))
    Self.expect(Self.binary(0x21, 0x00, "xyz"), .header(ProxyHeader(count: 19)))
  }

  @Test(arguments: [0x31, 0x32, 0x12, 0x22, 0x10, 0x01, 0x41, 0xff] as [UInt8])
  func `unix sockets, datagrams and what is not defined are refused`(family: UInt8) {
    Self.expect(
      Self.binary(0x21, family, String(repeating: "x", count: 216)), .refused(.unsupported))
  }

  @Test(arguments: [0x00, 0x10, 0x11, 0x22, 0x2f, 0x30, 0x31] as [UInt8])
  func `other versions and commands are refused at once`(command: UInt8) {
    let start = Self.binary(command, 0x11, "").prefix(13)
    Self.expect(Array(start), .refused(.malformed))
  }

  @Test(arguments: [
    ("", true), ("\u{1}\u{0}\u{0}", true), ("\u{4}\u{0}\u{2}ab\u{ee}\u{0}\u{1}x", true),
    ("\u{1}", false), ("\u{1}\u{0}", false), ("\u{1}\u{0}\u{1}", false),
    ("\u{1}\u{0}\u{3}ab", false), ("\u{1}\u{ff}\u{ff}ab", false),
    ("\u{4}\u{0}\u{2}ab\u{1}\u{0}\u{9}x", false),
  ])
  func `what comes behind the addresses must end with the header`(vectors: String, isGood: Bool) {
    let addresses = "\u{c0}\u{0}\u{2}\u{1}\u{7f}\u{0}\u{0}\u{1}" + Self.ports
    let reading = ProxyReading(Self.binary(0x21, 0x11, addresses + vectors).span)
    if isGood {
      guard case .header = reading else { return #expect(Bool(false), "\(reading)") }
    } else {
      #expect(reading == .refused(.malformed))
    }
  }

  @Test func `addresses that do not fit the length are refused`() {
    Self.expect(Self.binary(0x21, 0x11, "elevenbytes"), .refused(.malformed))
    Self.expect(
      Self.binary(0x21, 0x21, String(repeating: "x", count: 35)), .refused(.malformed))
  }

  @Test func `a header of version 2 is bounded before its bytes come`() {
    let largest = octets(Self.signature) + [0x20, 0, 8, 0]
    #expect(ProxyReading(largest.span) == .incomplete)
    Self.expect(octets(Self.signature) + [0x20, 0, 8, 1], .refused(.tooLong))
  }
}
