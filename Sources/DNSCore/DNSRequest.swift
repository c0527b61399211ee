/// What a client asks a name server, read straight from the bytes of its message.
///
/// A server of a zone reads tens of thousands of them a second, so nothing is copied or allocated: the name
/// of the question stays in the message. `DNSMessage` is for those who ask.
package struct DNSRequest: Sendable, Equatable {
  /// What EDNS says, RFC 6891 §6.1.
  package struct Options: Sendable, Equatable {
    package let version: UInt8
    /// What the client takes over UDP, as it says it.
    package let answerBytesMax: Int
    /// The flag DO, RFC 3225, which an answer repeats.
    package let wantsSignatures: Bool
  }

  package let id: UInt16
  /// 0 is a query; the others are in RFC 6895 §2.2.
  let operation: UInt8
  /// The client would have this server ask others; an answer repeats the flag.
  let wantsRecursion: Bool
  /// `noError` where there is a question to answer; else what the answer has to say.
  package private(set) var code = DNSAnswerCode.noError
  /// What the name of the question measures, from `nameStart` and with the 0 at its end.
  ///
  /// 0 where the answer cannot repeat the question.
  package private(set) var nameBytes = 0
  package private(set) var type = DNSType(rawValue: 0)
  package private(set) var domain = DNSClass(rawValue: 0)
  package private(set) var options: Options?

  /// Where the name of the question begins, since only the head is before it.
  package static let nameStart = DNSMessage.headBytes

  /// `nil` for what gets no answer: less than a head, and an answer, for two servers could go on
  /// answering each other.
  package init?(_ bytes: borrowing Span<UInt8>) {
    guard bytes.count >= DNSMessage.headBytes, bytes[2] & 0x80 == 0 else { return nil }
    id = UInt16(bytes[0]) << 8 | UInt16(bytes[1])
    operation = bytes[2] >> 3 & 0xf
    wantsRecursion = bytes[2] & 1 != 0
    guard operation == 0 else {
      code = .notImplemented
      return
    }
    guard let end = readQuestion(bytes), readRecords(bytes, from: end) else {
      // What was read of it so far may be wrong too.
      (code, nameBytes, options) = (.malformed, 0, nil)
      return
    }
    if let options, options.version > 0 { code = .badVersion }
  }

  /// One question (RFC 9619) whose name is written in full, and the place behind it.
  private mutating func readQuestion(_ bytes: borrowing Span<UInt8>) -> Int? {
    guard Self.number(bytes, at: 4) == 1, Self.number(bytes, at: 6) == 0,
      let end = Self.endOfName(bytes, from: Self.nameStart, mayPoint: false),
      let type = Self.number(bytes, at: end), let domain = Self.number(bytes, at: end + 2)
    else { return nil }
    nameBytes = end - Self.nameStart
    self.type = DNSType(rawValue: UInt16(type))
    self.domain = DNSClass(rawValue: UInt16(domain))
    return end + 4
  }

  /// What is behind the question, to the last byte; only EDNS is of interest.
  ///
  /// Each record has 11 bytes or more, so a count that lies ends with the message.
  private mutating func readRecords(_ bytes: borrowing Span<UInt8>, from start: Int) -> Bool {
    guard let authorities = Self.number(bytes, at: 8), let additionals = Self.number(bytes, at: 10),
      // A client says which copy of a zone it has, RFC 1995 §3.
      authorities == 0 || authorities == 1 && type == .changes
    else { return false }
    var place = start
    for number in 0..<(authorities + additionals) {
      guard let name = Self.endOfName(bytes, from: place, mayPoint: true),
        let type = Self.number(bytes, at: name), let length = Self.number(bytes, at: name + 8)
      else { return false }
      let end = name + 10 + length
      guard end <= bytes.count else { return false }
      if type == Int(DNSType.options.rawValue) {
        // The root's, and one only, RFC 6891 §6.1.1.
        guard number >= authorities, options == nil, name == place + 1,
          let size = Self.number(bytes, at: name + 2),
          let flags = Self.number(bytes, at: name + 6), name + 5 < bytes.count,
          Self.areOptions(bytes, from: name + 10, to: end)
        else { return false }
        options = Options(
          version: bytes[name + 5], answerBytesMax: size, wantsSignatures: flags & 0x8000 != 0)
      }
      place = end
    }
    return place == bytes.count
  }

  // MARK: Bytes

  /// Sixteen bits; `nil` where they are not there.
  private static func number(_ bytes: borrowing Span<UInt8>, at place: Int) -> Int? {
    guard place >= 0, place + 1 < bytes.count else { return nil }
    return Int(bytes[place]) << 8 | Int(bytes[place + 1])
  }

  /// The place behind a name, RFC 1035 §4.1.4; a pointer is not followed.
  private static func endOfName(
    _ bytes: borrowing Span<UInt8>, from start: Int, mayPoint: Bool
  ) -> Int? {
    var place = start
    while place >= 0, place < bytes.count, place - start < DNSName.bytesMax {
      let length = bytes[place]
      switch length {
      case 0: return place + 1
      case 1...63: place += 1 + Int(length)
      case 0xc0...0xff: return mayPoint ? place + 2 : nil
      default: return nil
      }
    }
    return nil
  }

  /// Whether options fill their record, RFC 6891 §6.1.2.
  private static func areOptions(
    _ bytes: borrowing Span<UInt8>, from start: Int, to end: Int
  ) -> Bool {
    var place = start
    while place < end {
      guard let length = number(bytes, at: place + 2) else { return false }
      place += 4 + length
    }
    return place == end
  }
}

/// What a server of one zone says of a question, RFC 1035 §4.1.1 and RFC 6891 §9.
package enum DNSAnswerCode: UInt16, Sendable, CaseIterable {
  case noError = 0
  case malformed = 1
  case noSuchName = 3
  case notImplemented = 4
  case refused = 5
  /// A version of EDNS that nobody has yet; four of its bits are in EDNS itself.
  case badVersion = 16

  /// As programs for DNS print it.
  package var word: String {
    switch self {
    case .noError: "NOERROR"
    case .malformed: "FORMERR"
    case .noSuchName: "NXDOMAIN"
    case .notImplemented: "NOTIMP"
    case .refused: "REFUSED"
    case .badVersion: "BADVERS"
    }
  }
}

/// How a message travels.
package enum DNSCarrier: Sendable { case udp, tcp }
