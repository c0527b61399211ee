internal import DNSCore
internal import HTTPCore

/// The answers of the fleet's zone, RFC 1034 §4.3.1.
///
///     ZONE                         SOA, NS: the servers
///     all.ZONE                     A, AAAA: the addresses that live
///     nsNUMBER.ZONE                A, AAAA of one server, whether it lives or not
///     _acme-challenge.NAME.ZONE    TXT: what CAs are to see
///
/// Everything is in the form of the wire before the first query comes; a query finds its records and copies
/// them. Nothing is asked of others, and nothing is said of names outside.
struct ZoneAnswers: Sendable {
  /// What one answer has of a family; of more addresses, others each time.
  static let addressesMax = 16
  /// How long resolvers may keep the name servers and their addresses, in seconds.
  static let serverSeconds: UInt32 = 3600
  /// How long they may keep a text: a CA that asks again is to see what is there then.
  static let textSeconds: UInt32 = 1
  /// How long they may keep that there is nothing, RFC 2308 §4.
  static let absenceSeconds: UInt32 = 5

  private let zone: [UInt8]
  private let records: ZoneRecords
  private let authority: DNSServedAuthority
  /// The one record that stands for all, RFC 8482 §4.2.
  private let anything: [UInt8]

  init(_ content: ZoneContent) {
    zone = content.zone.lowercased.wire
    records = ZoneRecords(Self.draft(content))
    authority = DNSServedAuthority(
      primary: Self.label(content.servers.map(\.number).min() ?? 1), mailbox: "hostmaster",
      serial: content.serial, refresh: 14_400, retry: 3600, expire: 604_800,
      minimum: Self.absenceSeconds, seconds: Self.absenceSeconds)
    let processor = Array("RFC8482".utf8)
    anything =
      DNSRequest.record(
        .host, seconds: Self.serverSeconds, [UInt8(processor.count)] + processor + [0]) ?? []
  }

  /// Answers the message of a client in place of what `out` has.
  ///
  /// `turn` says which of the addresses is first; another number for each query spreads the clients.
  func answer(
    _ query: borrowing Span<UInt8>, over carrier: DNSCarrier, turn: Int, into out: inout [UInt8]
  ) -> ZoneReply {
    guard let request = DNSRequest(query) else {
      out.removeAll(keepingCapacity: true)
      return .none
    }
    guard request.code == .noError else { return refuse(request, query, request.code, &out) }
    if let code = Self.refusal(of: request.type) { return refuse(request, query, code, &out) }
    guard request.domain == .internet, let zonePlace = zonePlace(request, query) else {
      return refuse(request, query, .refused, &out)
    }
    let node = records.node(query, from: DNSRequest.nameStart, to: zonePlace)
    guard let node else { return nothing(request, query, .noSuchName, zonePlace, &out) }
    if request.type == .authority, zonePlace == DNSRequest.nameStart {
      return authority(request, query, &out)
    }
    if request.type == .any, node.hasRecords { return anything(request, query, &out) }
    guard let set = records.set(request.type, of: node) else {
      return nothing(request, query, .noError, zonePlace, &out)
    }
    guard request.fits(recordBytes: set.bytes, over: carrier) else {
      return truncated(request, query, isAuthoritative: true, &out)
    }
    request.beginAnswer(
      to: query, .noError, isAuthoritative: true, answers: set.answered, into: &out)
    records.append(set, turn: turn, to: &out)
    request.endAnswer(.noError, into: &out)
    switch set.type {
    case .ipv4, .ipv6: return .sent(.noError, .addresses)
    case .text: return .sent(.noError, .texts)
    default: return .sent(.noError, .zone)
    }
  }

  /// Answers a client beyond its limit: it shall ask over TCP, where nobody asks in its name.
  ///
  /// The answer is never larger than the query.
  func lead(_ query: borrowing Span<UInt8>, into out: inout [UInt8]) -> ZoneReply {
    guard let request = DNSRequest(query) else {
      out.removeAll(keepingCapacity: true)
      return .none
    }
    guard request.code == .noError else { return refuse(request, query, request.code, &out) }
    return truncated(request, query, isAuthoritative: false, &out)
  }

  /// Types that no record has, RFC 6895 §3.1.
  private static func refusal(of type: DNSType) -> DNSAnswerCode? {
    switch type.rawValue {
    // OPT, TSIG and NXNAME (RFC 9824 §3.5) stand in messages; nobody asks for them.
    case 41, 128, 250: .malformed
    // TKEY, MAILB and MAILA.
    case 249, 253, 254: .notImplemented
    // IXFR and AXFR: copies of the zone.
    case 251, 252: .refused
    default: nil
    }
  }

  /// Where the zone's name begins in the question; `nil` for a question outside the zone.
  private func zonePlace(_ request: DNSRequest, _ query: borrowing Span<UInt8>) -> Int? {
    let start = DNSRequest.nameStart + request.nameBytes - zone.count
    guard start >= DNSRequest.nameStart, start + zone.count <= query.count else { return nil }
    var place = 0
    while place < zone.count {
      guard ZoneRecords.small(query[start + place]) == zone[place] else { return nil }
      place += 1
    }
    // A label may end in the bytes that the zone begins with.
    var label = DNSRequest.nameStart
    while label < start { label += 1 + Int(query[label]) }
    return label == start ? start : nil
  }
}

// MARK: Answers without a set of records

extension ZoneAnswers {
  private func refuse(
    _ request: DNSRequest, _ query: borrowing Span<UInt8>, _ code: DNSAnswerCode,
    _ out: inout [UInt8]
  ) -> ZoneReply {
    request.beginAnswer(to: query, code, into: &out)
    request.endAnswer(code, into: &out)
    return .sent(code, .refusal)
  }

  /// There is no such name, or nothing of this type; the SOA says for how long, RFC 2308 §2.
  private func nothing(
    _ request: DNSRequest, _ query: borrowing Span<UInt8>, _ code: DNSAnswerCode, _ zonePlace: Int,
    _ out: inout [UInt8]
  ) -> ZoneReply {
    request.beginAnswer(to: query, code, isAuthoritative: true, authorities: 1, into: &out)
    authority.append(zoneAt: zonePlace, to: &out)
    request.endAnswer(code, into: &out)
    return .sent(code, .nothing)
  }

  private func authority(
    _ request: DNSRequest, _ query: borrowing Span<UInt8>, _ out: inout [UInt8]
  ) -> ZoneReply {
    request.beginAnswer(to: query, .noError, isAuthoritative: true, answers: 1, into: &out)
    authority.append(zoneAt: DNSRequest.nameStart, to: &out)
    request.endAnswer(.noError, into: &out)
    return .sent(.noError, .zone)
  }

  private func anything(
    _ request: DNSRequest, _ query: borrowing Span<UInt8>, _ out: inout [UInt8]
  ) -> ZoneReply {
    request.beginAnswer(to: query, .noError, isAuthoritative: true, answers: 1, into: &out)
    out += anything
    request.endAnswer(.noError, into: &out)
    return .sent(.noError, .zone)
  }

  /// Without any records: a part of a set would be taken for the whole, RFC 2181 §9.
  private func truncated(
    _ request: DNSRequest, _ query: borrowing Span<UInt8>, isAuthoritative: Bool,
    _ out: inout [UInt8]
  ) -> ZoneReply {
    request.beginAnswer(
      to: query, .noError, isAuthoritative: isAuthoritative, isTruncated: true, into: &out)
    request.endAnswer(.noError, into: &out)
    return .sent(.noError, .truncated)
  }
}

// MARK: What the zone has

extension ZoneAnswers {
  /// Where the texts of a certificate's name are, to which `_acme-challenge.NAME` leads at the provider.
  ///
  /// `name` is without `*.`; `nil` where the whole is too long for a name.
  static func challenge(of name: DNSName, in zone: DNSName) -> DNSName? {
    DNSName(labels: name.labels + zone.labels)?.prepending("_acme-challenge")
  }

  private static func draft(_ content: ZoneContent) -> ZoneDraft {
    var draft = ZoneDraft(zone: content.zone)
    draft.add(content.zone)
    for server in content.servers {
      let label = label(server.number)
      add(label, server.addresses, seconds: serverSeconds, content.zone, &draft)
      let record = DNSRequest.record(
        .nameServer, seconds: serverSeconds, DNSRequest.nameServer(label))
      if let record { draft.add(content.zone, .nameServer, record) }
    }
    add("all", content.living, seconds: content.seconds, content.zone, &draft)
    for name in content.wanted {
      for place in places(name, content.zone) { draft.add(place) }
    }
    for (name, values) in content.texts {
      for place in places(name, content.zone) {
        draft.add(place)
        for value in values { add(text: value, place, &draft) }
      }
    }
    return draft
  }

  private static func label(_ number: Int) -> String { "ns\(number)" }

  private static func add(
    _ label: String, _ addresses: [IPAddress], seconds: UInt32, _ zone: DNSName,
    _ draft: inout ZoneDraft
  ) {
    guard let name = zone.prepending(label) else { return }
    draft.add(name)
    // The upper half of the numbers is none, RFC 2181 §8.
    let seconds = min(seconds, 0x7fff_ffff)
    for address in addresses {
      let bytes = octets(address.high) + octets(address.low)
      let record =
        address.isIPv4
        ? DNSRequest.record(.ipv4, seconds: seconds, bytes.suffix(4))
        : DNSRequest.record(.ipv6, seconds: seconds, bytes)
      if let record { draft.add(name, address.isIPv4 ? .ipv4 : .ipv6, record) }
    }
  }

  /// In network order.
  private static func octets(_ number: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * $0)) }
  }

  private static func add(text value: [UInt8], _ name: DNSName, _ draft: inout ZoneDraft) {
    var content: [UInt8] = []
    var rest = value[...]
    repeat {
      let string = rest.prefix(DNSRecord.Data.stringBytesMax)
      content += [UInt8(string.count)] + string
      rest = rest.dropFirst(string.count)
    } while !rest.isEmpty
    let record = DNSRequest.record(.text, seconds: textSeconds, content)
    if let record { draft.add(name, .text, record) }
  }

  /// A name within the zone has no provider where one could lead elsewhere, so CAs ask for it as it is.
  private static func places(_ name: DNSName, _ zone: DNSName) -> [DNSName] {
    var places: [DNSName] = []
    if let place = challenge(of: name, in: zone) { places.append(place) }
    if name.isWithin(zone), let place = name.prepending("_acme-challenge") { places.append(place) }
    return places
  }
}
