/// A message of DNS, RFC 1035 §4, or an update, RFC 2136 §2.
package struct DNSMessage: Sendable, Equatable {
  package enum Operation: UInt8, Sendable { case query = 0, update = 5 }

  package var id: UInt16
  package var isAnswer = false
  /// `nil` for one that is none of these.
  package var operation: Operation? = .query
  /// The server that answers has the zone, and not a copy of the answer.
  package var isAuthoritative = false
  /// The answer has more than fits; over TCP it comes whole.
  package var isTruncated = false
  /// The server shall ask others.
  package var wantsRecursion = false
  package var hasRecursion = false
  package var code = DNSCode.noError
  /// The zone of an update.
  package var questions: [DNSQuestion] = []
  /// What an update requires.
  package var answers: [DNSRecord] = []
  /// What an update changes.
  package var authorities: [DNSRecord] = []
  package var additionals: [DNSRecord] = []

  package static let bytesMax = 65_535
  static let headBytes = 12

  package init(id: UInt16) { self.id = id }

  package init(decoding bytes: [UInt8]) throws(DNSMessageError) {
    self = try Self.decode(bytes).message
  }

  /// The message, and where its last additional record begins.
  static func decode(
    _ bytes: [UInt8]
  ) throws(DNSMessageError) -> (message: DNSMessage, lastRecord: Int?) {
    guard bytes.count <= bytesMax else { throw .tooLarge }
    var reader = DNSReader(bytes)
    var message = DNSMessage(id: try reader.number16())
    message.take(flags: try reader.number16())
    let counts = (
      try reader.number16(), try reader.number16(), try reader.number16(), try reader.number16()
    )
    // A count that lies finds no more bytes: every question and record has some.
    for _ in 0..<counts.0 { message.questions.append(try reader.question()) }
    for _ in 0..<counts.1 { message.answers.append(try reader.record()) }
    for _ in 0..<counts.2 { message.authorities.append(try reader.record()) }
    var lastRecord: Int?
    for _ in 0..<counts.3 {
      lastRecord = reader.place
      message.additionals.append(try reader.record())
    }
    guard reader.isAtEnd else { throw .trailingBytes }
    return (message, lastRecord)
  }

  private mutating func take(flags: UInt16) {
    isAnswer = flags & 0x8000 != 0
    operation = Operation(rawValue: UInt8(flags >> 11 & 0xf))
    isAuthoritative = flags & 0x0400 != 0
    isTruncated = flags & 0x0200 != 0
    wantsRecursion = flags & 0x0100 != 0
    hasRecursion = flags & 0x0080 != 0
    code = DNSCode(rawValue: flags & 0xf)
  }

  private var flags: UInt16 {
    var flags = UInt16(operation?.rawValue ?? 0xf) << 11 | code.rawValue & 0xf
    if isAnswer { flags |= 0x8000 }
    if isAuthoritative { flags |= 0x0400 }
    if isTruncated { flags |= 0x0200 }
    if wantsRecursion { flags |= 0x0100 }
    if hasRecursion { flags |= 0x0080 }
    return flags
  }

  package func encoded() throws(DNSMessageError) -> [UInt8] {
    var writer = DNSWriter()
    writer.append(id)
    writer.append(flags)
    for count in [questions.count, answers.count, authorities.count, additionals.count] {
      guard let count = UInt16(exactly: count) else { throw .tooLarge }
      writer.append(count)
    }
    for question in questions { writer.append(question) }
    for record in answers + authorities + additionals { try writer.append(record) }
    guard writer.bytes.count <= Self.bytesMax else { throw .tooLarge }
    return writer.bytes
  }

  /// Whether this answers that question: nobody on the way can tell its number (RFC 5452 §9.1).
  package func answers(_ asked: DNSMessage) -> Bool {
    isAnswer && id == asked.id && operation == asked.operation
      // A server need not repeat a question that it could not read, nor the zone of an update (RFC 2136 §3.8).
      && (questions == asked.questions
        || questions.isEmpty && (code != .noError || operation == .update))
  }
}

/// What a server says of a question, RFC 1035 §4.1.1, RFC 2136 §2.2 and, within TSIG, RFC 8945 §3.
package struct DNSCode: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
  package let rawValue: UInt16

  package init(rawValue: UInt16) { self.rawValue = rawValue }

  package static let noError = DNSCode(rawValue: 0)
  package static let malformed = DNSCode(rawValue: 1)
  package static let serverFailed = DNSCode(rawValue: 2)
  package static let noSuchName = DNSCode(rawValue: 3)
  package static let notImplemented = DNSCode(rawValue: 4)
  package static let refused = DNSCode(rawValue: 5)
  package static let notAuthorized = DNSCode(rawValue: 9)
  package static let notInZone = DNSCode(rawValue: 10)
  package static let badSignature = DNSCode(rawValue: 16)
  package static let badKey = DNSCode(rawValue: 17)
  package static let badTime = DNSCode(rawValue: 18)
  package static let badTruncation = DNSCode(rawValue: 22)

  private static let words: [UInt16: String] = [
    0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED",
    6: "YXDOMAIN", 7: "YXRRSET", 8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE", 16: "BADSIG",
    17: "BADKEY", 18: "BADTIME", 22: "BADTRUNC",
  ]

  package var description: String { Self.words[rawValue] ?? "code \(rawValue)" }
}

/// Why bytes are no message, or a message cannot be written.
package enum DNSMessageError: Error, Equatable, Sendable, CustomStringConvertible {
  case truncated
  case trailingBytes
  case tooLarge
  case nameTooLong
  /// A name leads to a place that is not before it.
  case pointer
  /// A label of a kind that nobody uses.
  case label
  case record(DNSType)

  package var description: String {
    switch self {
    case .truncated: "the message ends too early"
    case .trailingBytes: "bytes follow the message"
    case .tooLarge: "the message is larger than \(DNSMessage.bytesMax) bytes"
    case .nameTooLong: "a name is longer than \(DNSName.bytesMax) bytes"
    case .pointer: "a compressed name does not lead backwards"
    case .label: "a label has an unknown kind"
    case .record(let type): "a record of type \(type) is malformed"
    }
  }
}
