import DNSCore
import HTTPCore
import TestSupport

@testable import EdgeProxy

/// Two servers of the fleet `fleet.example.org`, the second with IPv6.
enum FleetFixture {
  static func address(_ text: String) -> IPAddress {
    IPAddress(octets(text).span) ?? IPAddress(ipv4: 0)
  }

  static func name(_ text: String) -> DNSName { DNSName(text) ?? .root }

  static let zone = name("fleet.example.org")

  static let fleet = FleetServers(
    zone: zone,
    servers: [
      KnownServer(node: "edge-1", number: 1, addresses: [address("192.0.2.1")], port: 443),
      KnownServer(
        node: "edge-2", number: 2, addresses: [address("192.0.2.2"), address("2001:db8::2")],
        port: 443),
    ], source: .running)

  static func record(_ owner: String, _ data: DNSRecord.Data) -> DNSRecord {
    DNSRecord(name: name(owner), seconds: 60, data: data)
  }

  static func nameServer(_ target: String, of owner: String = "fleet.example.org") -> DNSRecord {
    record(owner, .nameServer(name(target)))
  }

  static func alias(_ owner: String, _ target: String) -> DNSRecord {
    record(owner, .alias(name(target)))
  }

  static func address(_ owner: String, _ text: String) -> DNSRecord {
    let address = address(text)
    let low = (0..<8).map { UInt8(truncatingIfNeeded: address.low >> UInt64(56 - $0 * 8)) }
    let high = (0..<8).map { UInt8(truncatingIfNeeded: address.high >> UInt64(56 - $0 * 8)) }
    return record(owner, address.isIPv4 ? .ipv4(Array(low.suffix(4))) : .ipv6(high + low))
  }

  /// An answer of a server that has the zone, unless it says otherwise.
  static func message(
    _ code: DNSCode = .noError, isAuthoritative: Bool = true, answers: [DNSRecord] = [],
    authorities: [DNSRecord] = [], additionals: [DNSRecord] = []
  ) -> DNSMessage {
    var message = DNSMessage(id: 1)
    message.isAnswer = true
    message.isAuthoritative = isAuthoritative
    message.code = code
    message.answers = answers
    message.authorities = authorities
    message.additionals = additionals
    return message
  }
}
