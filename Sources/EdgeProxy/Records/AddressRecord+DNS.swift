internal import DNSCore
internal import HTTPCore

extension AddressRecord {
  /// Reads an A or AAAA record; `nil` for others.
  init?(_ record: DNSRecord) {
    switch record.data {
    case .ipv4(let octets), .ipv6(let octets):
      guard let address = IPAddress(octets: octets.span) else { return nil }
      self.init(name: record.name, address: address)
    default: return nil
    }
  }

  /// The four or sixteen bytes of an A or AAAA record.
  var data: DNSRecord.Data {
    let low = (0..<8).reversed().map { UInt8(truncatingIfNeeded: address.low >> UInt64($0 * 8)) }
    if address.isIPv4 { return .ipv4(Array(low.suffix(4))) }
    let high = (0..<8).reversed().map { UInt8(truncatingIfNeeded: address.high >> UInt64($0 * 8)) }
    return .ipv6(high + low)
  }

  /// `A` or `AAAA`.
  var type: DNSType { address.isIPv4 ? .ipv4 : .ipv6 }

  /// The address as people write it, RFC 5952.
  var addressText: String { String(decoding: address.text, as: UTF8.self) }
}
