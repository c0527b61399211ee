import DNSCore
import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

/// Records and addresses out of text.
enum RecordFixture {
  static func name(_ text: String) throws -> DNSName { try #require(DNSName(text)) }

  static func address(_ text: String) throws -> IPAddress {
    let octets = octets(text)
    let address = IPAddress(octets.span)
    return try #require(address)
  }

  static func addresses(_ texts: String...) throws -> Set<IPAddress> {
    Set(try texts.map { try address($0) })
  }

  static func record(_ name: DNSName, _ address: String) throws -> AddressRecord {
    AddressRecord(name: name, address: try self.address(address))
  }
}
