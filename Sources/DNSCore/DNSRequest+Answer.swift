extension DNSRequest {
  /// What an answer over UDP may measure, so that no network cuts it in parts (the DNS flag day of 2020).
  package static let datagramBytesMax = 1232
  /// What every client takes over UDP, RFC 1035 §4.2.1.
  package static let plainDatagramBytesMax = 512

  /// What EDNS adds to an answer.
  private static let optionsBytes = 11
  /// A name that leads to that of the question.
  private static let asked: [UInt8] = [0xc0, UInt8(nameStart)]

  /// Whether an answer with so many bytes of records fits, RFC 6891 §6.2.3 to §6.2.5.
  package func fits(recordBytes: Int, over carrier: DNSCarrier) -> Bool {
    var bytesMax = DNSMessage.bytesMax
    if carrier == .udp {
      let said = max(options?.answerBytesMax ?? 0, Self.plainDatagramBytesMax)
      bytesMax = min(said, Self.datagramBytesMax)
    }
    return recordBytes <= bytesMax - emptyAnswerBytes
  }

  /// What an answer without records measures.
  private var emptyAnswerBytes: Int {
    Self.nameStart + (nameBytes > 0 ? nameBytes + 4 : 0) + (options == nil ? 0 : Self.optionsBytes)
  }

  /// Writes the head of an answer and the question as it came, in place of what `out` has.
  ///
  /// As many records as counted have to follow, and then `endAnswer`. `query` is what this was read from.
  package func beginAnswer(
    to query: borrowing Span<UInt8>, _ code: DNSAnswerCode, isAuthoritative: Bool = false,
    isTruncated: Bool = false, answers: Int = 0, authorities: Int = 0, into out: inout [UInt8]
  ) {
    out.removeAll(keepingCapacity: true)
    // Of the client's flags only this one comes back; AD and CD are for resolvers, RFC 4035 §3.1.6.
    var flags = 0x8000 | UInt16(operation) << 11 | (wantsRecursion ? 0x0100 : 0)
    if isAuthoritative { flags |= 0x0400 }
    if isTruncated { flags |= 0x0200 }
    Self.append(id, to: &out)
    Self.append(flags | code.rawValue & 0xf, to: &out)
    Self.append(nameBytes > 0 ? 1 : 0, to: &out)
    Self.append(UInt16(clamping: answers), to: &out)
    Self.append(UInt16(clamping: authorities), to: &out)
    Self.append(options == nil ? 0 : 1, to: &out)
    guard nameBytes > 0 else { return }
    // Letters keep their case, by which a resolver knows its answer (0x20).
    let end = min(Self.nameStart + nameBytes + 4, query.count)
    var place = Self.nameStart
    while place < end {
      out.append(query[place])
      place += 1
    }
  }

  /// Writes what EDNS has to say, where the client has it; `code` is that of `beginAnswer`.
  package func endAnswer(_ code: DNSAnswerCode, into out: inout [UInt8]) {
    guard let options else { return }
    out.append(0)
    Self.append(DNSType.options.rawValue, to: &out)
    Self.append(UInt16(Self.datagramBytesMax), to: &out)
    // The upper bits of the code, and version 0.
    Self.append(code.rawValue << 4 & 0xff00, to: &out)
    Self.append(options.wantsSignatures ? 0x8000 : 0, to: &out)
    Self.append(0, to: &out)
  }

  /// A record of the name that is asked for, whichever that is.
  ///
  /// `nil` where the content is longer than a record's may be.
  package static func record(_ type: DNSType, seconds: UInt32, _ content: [UInt8]) -> [UInt8]? {
    guard let length = UInt16(exactly: content.count) else { return nil }
    var writer = DNSWriter()
    writer.append(asked)
    writer.append(type.rawValue)
    writer.append(DNSClass.internet.rawValue)
    writer.append(seconds)
    writer.append(length)
    writer.append(content)
    return writer.bytes
  }

  /// The content of an NS record of the zone that is asked for: a label below it.
  package static func nameServer(_ label: String) -> [UInt8] {
    let label = label.utf8.prefix(DNSName.labelBytesMax)
    return [UInt8(label.count)] + label + asked
  }

  /// The content of a TXT record, in as many strings as it needs.
  package static func text(_ value: [UInt8]) -> [UInt8] {
    guard case .text(let strings) = DNSRecord.Data.text(value) else { return [] }
    return strings.flatMap { [UInt8(clamping: $0.count)] + $0 }
  }

  static func append(_ number: UInt16, to out: inout [UInt8]) {
    out.append(UInt8(number >> 8))
    out.append(UInt8(truncatingIfNeeded: number))
  }
}

/// The SOA record of a zone, to be written into answers to questions of any name within it.
///
/// The zone's name is always the end of the question's, so each answer leads there.
package struct DNSServedAuthority: Sendable {
  /// What follows the zone's name each time: as owner, and as the end of two more names.
  private let parts: [[UInt8]]
  package let bytes: Int

  /// `primary` and `mailbox` are labels below the zone, or empty for the zone itself; periods are in
  /// seconds, RFC 1035 §3.3.13.
  package init(
    primary: String, mailbox: String, serial: UInt32, refresh: UInt32, retry: UInt32,
    expire: UInt32, minimum: UInt32, seconds: UInt32
  ) {
    let pointer = 2
    let labels = [primary, mailbox].map { label in
      let label = label.utf8.prefix(DNSName.labelBytesMax)
      return label.isEmpty ? [] : [UInt8(label.count)] + label
    }
    var numbers = DNSWriter()
    for number in [serial, refresh, retry, expire, minimum] { numbers.append(number) }
    let content = labels.reduce(numbers.bytes.count) { $0 + $1.count + pointer }
    var head = DNSWriter()
    head.append(DNSType.authority.rawValue)
    head.append(DNSClass.internet.rawValue)
    head.append(seconds)
    head.append(UInt16(clamping: content))
    parts = [head.bytes + (labels.first ?? []), labels.last ?? [], numbers.bytes]
    bytes = parts.reduce(0) { $0 + pointer + $1.count }
  }

  /// The zone's name is at a place of the message that a pointer reaches, RFC 1035 §4.1.4.
  package func append(zoneAt place: Int, to out: inout [UInt8]) {
    let pointer = 0xc000 | UInt16(truncatingIfNeeded: place) & 0x3fff
    for part in parts {
      DNSRequest.append(pointer, to: &out)
      out += part
    }
  }
}
