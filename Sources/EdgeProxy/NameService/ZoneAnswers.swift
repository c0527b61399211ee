internal import DNSCore

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

  /// Below the zone: what leads to all servers that live.
  static let addressesLabel = "all"
  static let challengeLabel = "_acme-challenge"

  private let zone: [UInt8]
  private let records: ZoneRecords
  private let authority: DNSServedAuthority
  /// The one record that stands for all, RFC 8482 §4.2.
  private let anything: [UInt8]

  init(_ content: ZoneContent) {
    zone = content.zone.lowercased.wire
    records = ZoneRecords(ZoneDraft(content))
    let primary = ZoneDraft.label(ofServer: content.servers.map(\.number).min() ?? 1)
    authority = DNSServedAuthority(
      primary: Self.fitting(primary, content.zone),
      mailbox: Self.fitting("hostmaster", content.zone),
      serial: content.serial, refresh: 14_400, retry: 3600, expire: 604_800,
      minimum: Self.absenceSeconds, seconds: Self.absenceSeconds)
    let processor = Array("RFC8482".utf8)
    anything =
      DNSRequest.record(
        .host, seconds: Self.serverSeconds, [UInt8(processor.count)] + processor + [0]) ?? []
  }

  /// No label where there is no room for it before the zone's name, which stands for itself then.
  private static func fitting(_ label: String, _ zone: DNSName) -> String {
    zone.prepending(label) == nil ? "" : label
  }

  /// Where the texts of a certificate's name are, to which `_acme-challenge.NAME` leads at the provider.
  ///
  /// `name` is without `*.`; `nil` where the whole is too long for a name.
  static func challenge(of name: DNSName, in zone: DNSName) -> DNSName? {
    DNSName(labels: name.labels + zone.labels)?.prepending(challengeLabel)
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
