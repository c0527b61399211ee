internal import EventLoop

/// Signatures of messages by a shared secret, RFC 8945.
package enum TSIG {
  /// How far the clocks of the two ends may differ, in seconds, RFC 8945 §10.
  package static let fudge: UInt16 = 300

  /// A signed message, and the code that the answer's signature is bound to.
  package struct Signed: Sendable, Equatable {
    package let bytes: [UInt8]
    package let code: [UInt8]
  }

  /// The fields of a record of type TSIG, RFC 8945 §4.2.
  struct Fields: Equatable {
    var algorithm: DNSName
    /// Seconds since 1970, in 48 bits.
    var seconds: UInt64
    var fudge: UInt16
    var code: [UInt8]
    var id: UInt16
    var error: DNSCode
    var other: [UInt8]
  }

  /// Signs a message at a time in seconds since 1970.
  ///
  /// An answer is bound to the code of its `request`, RFC 8945 §5.3.1.
  package static func sign(
    _ message: DNSMessage, _ key: TSIGKey, at seconds: Int64, request: [UInt8]? = nil
  ) throws(TSIGError) -> Signed {
    let fields = Fields(
      algorithm: key.algorithm.name, seconds: UInt64(clamping: seconds), fudge: fudge, code: [],
      id: message.id, error: .noError, other: [])
    return try sign(message, key, fields, request: request)
  }

  static func sign(
    _ message: DNSMessage, _ key: TSIGKey, _ unsigned: Fields, request: [UInt8]?
  ) throws(TSIGError) -> Signed {
    var bytes: [UInt8]
    do throws(DNSMessageError) {
      bytes = try message.encoded()
    } catch {
      throw .malformed(error)
    }
    var fields = unsigned
    guard let code = code(of: bytes, key, fields, request: request) else { throw .noCode }
    fields.code = code
    bytes += record(key.name, fields)
    count(additionals: message.additionals.count + 1, in: &bytes)
    return Signed(bytes: bytes, code: code)
  }

  /// The message without its signature, which is that of the key, RFC 8945 §5.2 and §5.3.
  ///
  /// `request` is the code of the message that this one answers.
  package static func verify(
    _ bytes: [UInt8], _ key: TSIGKey, request: [UInt8]?, at now: Int64
  ) throws(TSIGError) -> DNSMessage {
    let (signed, start) = try decode(bytes)
    guard let start, let record = signed.additionals.last,
      case .other(.signature, let content) = record.data
    else { throw .unsigned(signed.code) }
    var message = signed
    message.additionals.removeLast()
    let others = message.answers + message.authorities + message.additionals
    guard !others.contains(where: { $0.type == .signature }) else {
      throw .malformed(.record(.signature))
    }
    let fields = try read(content)
    // A server that does not know the key, or found the code wrong, cannot sign that, RFC 8945 §5.3.2.
    if fields.code.isEmpty, fields.error != .noError { throw .told(fields.error) }
    guard record.name == key.name, record.domain == .any, record.seconds == 0,
      fields.algorithm == key.algorithm.name
    else { throw .otherKey }
    message.id = fields.id
    var digested = Array(bytes.prefix(start))
    count(additionals: message.additionals.count, in: &digested)
    set(fields.id, at: 0, in: &digested)
    guard let code = code(of: digested, key, fields, request: request) else { throw .noCode }
    guard isEqual(code, fields.code) else { throw .wrongCode }
    try judge(fields, now)
    return message
  }

  /// Whether what a signature says lets its message count; the signature itself is right.
  private static func judge(_ fields: Fields, _ now: Int64) throws(TSIGError) {
    // The server's own time is in `other`, since the answer repeats ours, RFC 8945 §5.2.3.
    if fields.error == .badTime {
      guard fields.other.count == 6 else { throw .told(.badTime) }
      let theirs = fields.other.reduce(Int64(0)) { $0 << 8 | Int64($1) }
      throw .clock(ahead: theirs.saturatingSubtract(now))
    }
    guard fields.error == .noError else { throw .told(fields.error) }
    let ahead = Int64(clamping: fields.seconds).saturatingSubtract(now)
    guard abs(ahead) <= Int64(fields.fudge) else { throw .clock(ahead: ahead) }
  }

  // MARK: Bytes

  private static func decode(
    _ bytes: [UInt8]
  ) throws(TSIGError) -> (message: DNSMessage, lastRecord: Int?) {
    do throws(DNSMessageError) {
      return try DNSMessage.decode(bytes)
    } catch {
      throw .malformed(error)
    }
  }

  private static func read(_ content: [UInt8]) throws(TSIGError) -> Fields {
    var reader = DNSReader(content)
    do throws(DNSMessageError) {
      let algorithm = try reader.name()
      let seconds = UInt64(try reader.number16()) << 32 | UInt64(try reader.number32())
      let fudge = try reader.number16()
      let code = try reader.bytes(Int(try reader.number16()))
      let id = try reader.number16()
      let error = DNSCode(rawValue: try reader.number16())
      let other = try reader.bytes(Int(try reader.number16()))
      guard reader.isAtEnd else { throw .record(.signature) }
      return Fields(
        algorithm: algorithm, seconds: seconds, fudge: fudge, code: code, id: id, error: error,
        other: other)
    } catch {
      throw .malformed(error)
    }
  }

  /// RFC 8945 §4.3: the request's code, the message, and what the signature says itself.
  private static func code(
    of message: [UInt8], _ key: TSIGKey, _ fields: Fields, request: [UInt8]?
  ) -> [UInt8]? {
    var writer = DNSWriter()
    if let request {
      writer.append(UInt16(clamping: request.count))
      writer.append(request)
    }
    writer.append(message)
    writer.append(key.name.lowercased.wire)
    writer.append(DNSClass.any.rawValue)
    writer.append(UInt32(0))
    writer.append(key.algorithm.name.lowercased.wire)
    append(time: fields, &writer)
    writer.append(fields.error.rawValue)
    writer.append(UInt16(clamping: fields.other.count))
    writer.append(fields.other)
    return key.algorithm.code(key.secret, writer.bytes)
  }

  private static func append(time fields: Fields, _ writer: inout DNSWriter) {
    writer.append(UInt16(truncatingIfNeeded: fields.seconds >> 32))
    writer.append(UInt32(truncatingIfNeeded: fields.seconds))
    writer.append(fields.fudge)
  }

  /// Its names are written in full.
  private static func record(_ name: DNSName, _ fields: Fields) -> [UInt8] {
    var content = DNSWriter()
    content.append(fields.algorithm.wire)
    append(time: fields, &content)
    content.append(UInt16(clamping: fields.code.count))
    content.append(fields.code)
    content.append(fields.id)
    content.append(fields.error.rawValue)
    content.append(UInt16(clamping: fields.other.count))
    content.append(fields.other)
    var writer = DNSWriter()
    writer.append(name.wire)
    writer.append(DNSType.signature.rawValue)
    writer.append(DNSClass.any.rawValue)
    writer.append(UInt32(0))
    writer.append(UInt16(clamping: content.bytes.count))
    writer.append(content.bytes)
    return writer.bytes
  }

  private static func count(additionals: Int, in bytes: inout [UInt8]) {
    set(UInt16(clamping: additionals), at: 10, in: &bytes)
  }

  /// Within the head of a message.
  private static func set(_ number: UInt16, at place: Int, in bytes: inout [UInt8]) {
    guard place + 1 < bytes.count else { return }
    bytes[place] = UInt8(number >> 8)
    bytes[place + 1] = UInt8(truncatingIfNeeded: number)
  }

  /// Takes as long for any two codes of one length.
  private static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
  }
}

/// Why a signature does not count.
package enum TSIGError: Error, Equatable, Sendable {
  case malformed(DNSMessageError)
  /// There is none; with what the message says all the same.
  case unsigned(DNSCode)
  /// It names another key or algorithm.
  case otherKey
  case wrongCode
  /// The other end says, without a signature, what is wrong with ours.
  case told(DNSCode)
  /// The other end's clock is so many seconds ahead of ours; behind it, where negative.
  case clock(ahead: Int64)
  /// OpenSSL makes no code.
  case noCode
}
