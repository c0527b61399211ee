import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Networks that a limit counts")
struct ZoneNetworkTests {
  private func address(_ text: String) throws -> IPAddress {
    let address = IPAddress(octets(text).span)
    return try #require(address)
  }

  @Test(arguments: [
    ("203.0.113.7", "203.0.113.0"), ("203.0.113.255", "203.0.113.0"), ("0.0.0.0", "0.0.0.0"),
    ("2001:db8:1:2ff:3::4", "2001:db8:1:200::"), ("2001:db8:1:300::", "2001:db8:1:300::"),
    ("::1", "::"), ("::ffff:203.0.113.7", "203.0.113.0"),
  ])
  func `a network is the first 24 bits of IPv4 and 56 of IPv6`(
    client: String, network: String
  ) throws {
    #expect(ZoneNetwork.containing(try address(client)) == (try address(network)))
  }

  @Test func `every second answer beyond the limit is sent, to each network`() throws {
    var slip = ZoneSlip()
    let one = ZoneNetwork.containing(try address("203.0.113.7"))
    let other = ZoneNetwork.containing(try address("2001:db8::1"))
    // In turns, so that a count of both would give one of them everything.
    var sent: [[Bool]] = [[], []]
    for _ in 0..<6 {
      sent[0].append(slip.isSent(to: one))
      sent[1].append(slip.isSent(to: other))
    }
    #expect(
      sent == [[true, false, true, false, true, false], [true, false, true, false, true, false]])
  }

  @Test func `any address is counted`() {
    var slip = ZoneSlip()
    for input in FuzzInputs(seed: 3, count: 2000, bytesMax: 200) where input.count >= 16 {
      guard let client = IPAddress(octets: input.span.extracting(0..<16)) else { continue }
      let network = ZoneNetwork.containing(client)
      #expect(ZoneNetwork.containing(network) == network)
      let sent = slip.isSent(to: network)
      #expect(slip.isSent(to: network) == !sent)
    }
  }
}
