/// Reads the fields of one message, in the order they come.
///
/// The caller takes the value of a field it knows and skips the others:
///
///     var reader = ProtobufReader(bytes)
///     while let field = try reader.next() {
///       switch field {
///       case 1: key = try reader.bytes()
///       default: try reader.skip()
///       }
///     }
///
/// A message within another has a reader of its own over the bytes of its field. So nothing
/// recurses here, and the callers decide how deep messages may nest.
struct ProtobufReader: ~Copyable {
  static let fieldMax = (1 << 29) - 1
  /// The highest count that is believed: a store that writes a million times a second reaches it
  /// after 146,000 years.
  static let countMax: Int64 = 1 << 62
  /// A number of 64 bits in seven bits a byte.
  static let numberBytesMax = 10

  private let input: [UInt8]
  private var position = 0
  private var field = 0
  private var type = WireType.number

  init(_ input: [UInt8]) { self.input = input }

  /// The number of the next field, whose value is to be taken or skipped; `nil` at the end.
  mutating func next() throws(ProtobufError) -> Int? {
    guard position < input.count else { return nil }
    let tag = try readNumber()
    guard let number = Int(exactly: tag >> 3), (1...Self.fieldMax).contains(number) else {
      throw .badFieldNumber
    }
    guard let type = WireType(rawValue: UInt8(tag & 7)) else {
      throw .badWireType(UInt8(tag & 7))
    }
    self.type = type
    field = number
    return number
  }

  // MARK: Values

  mutating func unsigned() throws(ProtobufError) -> UInt64 {
    try expect(.number)
    return try readNumber()
  }

  mutating func signed() throws(ProtobufError) -> Int64 {
    Int64(bitPattern: try unsigned())
  }

  /// A number that counts something: revisions, keys, bytes, seconds.
  ///
  /// It is never negative, and so far below the end of its type that what counts on from it cannot
  /// overflow.
  mutating func count() throws(ProtobufError) -> Int64 {
    let number = try signed()
    guard (0...Self.countMax).contains(number) else { throw .outOfRange(field: field) }
    return number
  }

  mutating func flag() throws(ProtobufError) -> Bool {
    try unsigned() != 0
  }

  /// The value of a `bytes` field, or of a message within.
  mutating func bytes() throws(ProtobufError) -> [UInt8] {
    try expect(.bytes)
    let end = try readEnd()
    defer { position = end }
    return Array(input[position..<end])
  }

  mutating func text() throws(ProtobufError) -> String {
    guard let text = String(validating: try bytes(), as: UTF8.self) else {
      throw .badText(field: field)
    }
    return text
  }

  /// Passes over the value of a field that we do not know.
  mutating func skip() throws(ProtobufError) {
    switch type {
    case .number: _ = try readNumber()
    case .bytes: position = try readEnd()
    case .eightBytes: try advance(8)
    case .fourBytes: try advance(4)
    }
  }

  // MARK: Bytes

  private func expect(_ type: WireType) throws(ProtobufError) {
    guard type == self.type else { throw .unexpectedWireType(field: field) }
  }

  private mutating func advance(_ count: Int) throws(ProtobufError) {
    guard input.count - position >= count else { throw .truncated }
    position += count
  }

  /// Reads a length and answers where the value ends.
  private mutating func readEnd() throws(ProtobufError) -> Int {
    let length = try readNumber()
    guard length <= UInt64(input.count - position) else { throw .lengthBeyondMessage }
    return position + Int(length)
  }

  private mutating func readNumber() throws(ProtobufError) -> UInt64 {
    var value: UInt64 = 0
    for place in 0..<Self.numberBytesMax {
      guard position < input.count else { throw .truncated }
      let byte = input[position]
      position += 1
      // Of the tenth byte only the lowest bit is within 64.
      if place == Self.numberBytesMax - 1, byte > 1 { throw .numberTooLong }
      value |= UInt64(byte & 0x7f) << UInt64(7 * place)
      if byte & 0x80 == 0 { return value }
    }
    throw .numberTooLong
  }
}
