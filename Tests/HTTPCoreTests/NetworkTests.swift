import HTTPCore
import TestSupport
import Testing

@Suite("Addresses and networks")
struct NetworkTests {
  static func address(_ text: String) -> IPAddress? {
    let bytes = octets(text)
    return IPAddress(bytes.span)
  }

  static func network(_ text: String) -> Network? {
    let bytes = octets(text)
    return Network(bytes.span)
  }

  @Test(arguments: [
    ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("10.2.3.4", "10.2.3.4"),
    ("::ffff:10.2.3.4", "10.2.3.4"), ("::ffff:a02:304", "10.2.3.4"), ("::", "::"), ("::1", "::1"),
    ("1::", "1::"), ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
    ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("1:0:0:2:0:0:3:4", "1::2:0:0:3:4"),
    ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
    ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
    ("00ff:0abc::000d", "ff:abc::d"), ("fe80::", "fe80::"), ("0:0:0:0:0:0:0:0", "::"),
  ])
  func `an address has one form`(text: String, form: String) throws {
    let address = try #require(Self.address(text))
    #expect(String(decoding: address.text, as: UTF8.self) == form && "\(address)" == form)
    #expect(Self.address(form) == address)
  }

  @Test(arguments: [
    "", ".", "1.2.3", "1.2.3.4.5", "1.2.3.4.", ".1.2.3.4", "1..2.3", "256.1.1.1", "01.2.3.4",
    "1.2.3.00", "1.2.3.4 ", "a.b.c.d", "1.2.3.4444", "0x1.2.3.4", ":", ":::", "1:", ":1", "1:2",
    "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "1:::2", "12345::", "g::", "::1%eth0",
    "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3", "1.2.3.4::", "::1.2.3.4:5", "1:2:3:4:5:6:7:8::", "[::1]",
    "-1.2.3.4", "1:2:3:4:5:6:7:", "localhost", "unknown",
  ])
  func `what is no address is refused`(text: String) {
    #expect(Self.address(text) == nil)
  }

  @Test(arguments: [
    ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false),
    ("10.0.0.0/8", "::ffff:10.0.0.1", true), ("10.0.0.1", "10.0.0.1", true),
    ("10.0.0.1", "10.0.0.2", false), ("0.0.0.0/0", "255.1.1.1", true),
    ("0.0.0.0/0", "::1", false), ("::/0", "2001::", true), ("::/0", "10.0.0.1", false),
    ("::ffff:10.0.0.0/104", "10.1.2.3", true), ("::ffff:10.0.0.0/104", "11.1.2.3", false),
    ("2001:db8::/33", "2001:db8:7fff::", true), ("2001:db8::/33", "2001:db8:8000::", false),
    ("2001:db8::/64", "2001:db8::ffff:0:0:1", true), ("2001:db8::/64", "2001:db8:0:1::", false),
    ("2001:db8::/65", "2001:db8::8000:0:0:0", false), ("2001:db8::1/128", "2001:db8::1", true),
    ("2001:db8::1", "2001:db8::2", false), ("192.0.2.128/25", "192.0.2.127", false),
  ])
  func `a network has the addresses that begin like it`(
    text: String, address: String, isIn: Bool
  ) throws {
    let network = try #require(Self.network(text))
    let address = try #require(Self.address(address))
    #expect(network.contains(address) == isIn)
    #expect([network].contains(address) == isIn)
  }

  @Test(arguments: [
    "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "/8", "10.0.0.0/8/8", "10.0.0.0/08", "::/129",
    "::/1000", "10.0.0/8", "::ffff:10.0.0.0/95", "10.0.0.0/ 8", "all",
  ])
  func `what is no network is refused`(text: String) {
    #expect(Self.network(text) == nil)
  }

  @Test func `one client is an address, or all of a 64`() throws {
    #expect(Self.address("10.0.0.1")?.client == Self.address("::ffff:10.0.0.1"))
    #expect(Self.address("10.0.0.1")?.client != Self.address("10.0.0.2")?.client)
    #expect(
      Self.address("2001:db8:1:2:3:4:5:6")?.client == Self.address("2001:db8:1:2::")?.client)
    #expect(Self.address("2001:db8:1:2::")?.client != Self.address("2001:db8:1:3::")?.client)
  }
}
