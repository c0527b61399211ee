internal import DNSCore
internal import HTTPCore

/// The names of a zone and their records while they are collected.
struct ZoneDraft {
  struct RecordSet {
    let type: DNSType
    fileprivate(set) var records: [[UInt8]] = []
  }

  /// By the wire form of what a name has before the zone's, in small letters and without a 0 at its end.
  private(set) var names: [[UInt8]: [RecordSet]] = [[]: []]
  /// What all names measure less than their whole ones.
  private let zoneBytes: Int

  init(_ content: ZoneContent) {
    zoneBytes = content.zone.wire.count
    for server in content.servers {
      let label = Self.label(ofServer: server.number)
      guard content.zone.prepending(label) != nil else { continue }
      add(label, server.addresses, seconds: ZoneAnswers.serverSeconds)
      add(
        [], .nameServer, seconds: ZoneAnswers.serverSeconds, DNSRequest.nameServer(label))
    }
    add(ZoneAnswers.addressesLabel, content.living, seconds: content.seconds)
    let zone = content.zone.lowercased.wire
    for name in content.wanted {
      for place in places(name, in: content.zone, zone) { add(place) }
    }
    for (name, values) in content.texts {
      for place in places(name, in: content.zone, zone) {
        add(place)
        for value in values {
          add(place, .text, seconds: ZoneAnswers.textSeconds, DNSRequest.text(value))
        }
      }
    }
  }

  static func label(ofServer number: Int) -> String { "ns\(number)" }

  private mutating func add(_ label: String, _ addresses: [IPAddress], seconds: UInt32) {
    let name = [UInt8(clamping: label.utf8.count)] + label.utf8
    add(name)
    for address in addresses {
      let bytes = Self.octets(address.high) + Self.octets(address.low)
      if address.isIPv4 {
        add(name, .ipv4, seconds: seconds, bytes.suffix(4))
      } else {
        add(name, .ipv6, seconds: seconds, bytes)
      }
    }
  }

  /// In network order.
  private static func octets(_ number: UInt64) -> [UInt8] {
    var (octets, rest): ([UInt8], UInt64) = ([], number)
    for _ in 0..<8 {
      octets.append(UInt8(rest >> 56))
      rest <<= 8
    }
    return octets
  }

  /// Where the texts of a certificate's name are.
  ///
  /// A name within the zone has no provider where one could lead elsewhere, so CAs ask for it as it is.
  private func places(_ name: DNSName, in zone: DNSName, _ zoneWire: [UInt8]) -> [[UInt8]] {
    let label = ZoneAnswers.challengeLabel
    let first = [UInt8(clamping: label.utf8.count)] + label.utf8
    let wire = name.lowercased.wire
    var places = [first + wire.dropLast()]
    if name.isWithin(zone) { places.append(first + wire.dropLast(zoneWire.count)) }
    return places
  }

  // MARK: Names and records

  /// Makes a name and all above it, as far as the zone: none of them is NXDOMAIN, RFC 8020.
  ///
  /// One that would be too long is passed over.
  private mutating func add(_ name: [UInt8]) {
    guard name.count + zoneBytes <= DNSName.bytesMax, names[name] == nil else { return }
    names[name] = []
    var rest = name.dropFirst(Int(name.first ?? 0) + 1)
    while names[Array(rest)] == nil {
      names[Array(rest)] = []
      rest = rest.dropFirst(Int(rest.first ?? 0) + 1)
    }
  }

  /// A record that is there already is not doubled, RFC 2181 §5; one that is too long is passed over.
  private mutating func add(
    _ name: [UInt8], _ type: DNSType, seconds: UInt32, _ content: [UInt8]
  ) {
    // The upper half of the numbers is none, RFC 2181 §8.
    guard var sets = names[name],
      let record = DNSRequest.record(type, seconds: min(seconds, 0x7fff_ffff), content)
    else { return }
    let place = sets.firstIndex { $0.type == type } ?? sets.endIndex
    if place == sets.endIndex { sets.append(RecordSet(type: type)) }
    guard !sets[place].records.contains(record) else { return }
    // Else the list would be copied for each of its records.
    names[name] = nil
    sets[place].records.append(record)
    names[name] = sets
  }
}
