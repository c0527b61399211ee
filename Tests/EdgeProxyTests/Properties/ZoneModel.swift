import DNSCore
import HTTPCore

@testable import EdgeProxy

/// What a zone answers, found the slow way: in a list of records.
struct ZoneModel {
  let zone: DNSName
  private var records: Set<DNSRecord> = []
  private var names: Set<DNSName> = []
  private let primary: DNSName
  private let serial: UInt32

  init(_ content: ZoneContent) {
    zone = content.zone.lowercased
    serial = content.serial
    primary = zone.prepending("ns\(content.servers.map(\.number).min() ?? 1)") ?? zone
    names.insert(zone)
    for server in content.servers {
      guard let name = zone.prepending("ns\(server.number)") else { continue }
      add(name, server.addresses, seconds: 3600)
      records.insert(DNSRecord(name: zone, seconds: 3600, data: .nameServer(name)))
    }
    if let all = zone.prepending("all") { add(all, content.living, seconds: content.seconds) }
    for name in content.wanted { names.formUnion(places(name)) }
    for (name, values) in content.texts {
      for place in places(name) {
        names.insert(place)
        for value in values {
          records.insert(DNSRecord(name: place, seconds: 1, data: .text(value)))
        }
      }
    }
  }

  private mutating func add(_ name: DNSName, _ addresses: [IPAddress], seconds: UInt32) {
    names.insert(name)
    for address in addresses {
      let bytes = (0..<16).map { place -> UInt8 in
        let half = place < 8 ? address.high : address.low
        return UInt8(truncatingIfNeeded: half >> UInt64(56 - place % 8 * 8))
      }
      let data = address.isIPv4 ? DNSRecord.Data.ipv4(Array(bytes[12...])) : .ipv6(bytes)
      records.insert(DNSRecord(name: name, seconds: min(seconds, .max >> 1), data: data))
    }
  }

  private func places(_ name: DNSName) -> [DNSName] {
    let labels = [Array("_acme-challenge".utf8)] + name.lowercased.labels
    var places = [DNSName(labels: labels + zone.labels)]
    if name.isWithin(zone) { places.append(DNSName(labels: labels)) }
    return places.compactMap(\.self)
  }

  /// What a question of a class and type finds: a code, whether that is the zone's own word, and records.
  func found(
    _ question: DNSQuestion
  ) -> (code: DNSAnswerCode, isAuthoritative: Bool, records: Set<DNSRecord>) {
    switch question.type.rawValue {
    case 41, 128, 250: return (.malformed, false, [])
    case 249, 253, 254: return (.notImplemented, false, [])
    case 251, 252: return (.refused, false, [])
    default: break
    }
    guard question.domain == .internet, question.name.isWithin(zone) else {
      return (.refused, false, [])
    }
    guard names.contains(where: { $0.isWithin(question.name) }) else {
      return (.noSuchName, true, [])
    }
    let name = question.name.lowercased
    let own = records.filter { $0.name == name }
    switch question.type {
    case .any where !own.isEmpty:
      let data = DNSRecord.Data.other(.host, [7] + Array("RFC8482".utf8) + [0])
      return (.noError, true, [DNSRecord(name: name, seconds: 3600, data: data)])
    case .authority where name == zone: return (.noError, true, authority)
    default: return (.noError, true, own.filter { $0.type == question.type })
    }
  }

  /// What an answer without records has beside.
  var authority: Set<DNSRecord> {
    let data = DNSAuthority(
      primary: primary, mailbox: zone.prepending("hostmaster") ?? zone, serial: serial,
      refresh: 14_400, retry: 3600,
      expire: 604_800, minimum: 5)
    return [DNSRecord(name: zone, seconds: 5, data: .authority(data))]
  }
}
