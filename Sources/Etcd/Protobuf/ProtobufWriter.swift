/// Writes the fields of a message, in the order of the calls.
///
/// As proto3 asks, a field with the value of its type's default is not written; members of a `oneof`
/// and messages within are.
struct ProtobufWriter: ~Copyable {
  private(set) var bytes: [UInt8] = []

  mutating func write(_ field: Int, _ value: Int64) {
    write(field, UInt64(bitPattern: value))
  }

  mutating func write(_ field: Int, _ value: UInt64) {
    if value != 0 { write(field, present: Int64(bitPattern: value)) }
  }

  /// Writes a number even if it is 0.
  mutating func write(_ field: Int, present value: Int64) {
    writeTag(field, .number)
    writeNumber(UInt64(bitPattern: value))
  }

  mutating func write(_ field: Int, _ value: Bool) {
    write(field, value ? 1 : 0 as UInt64)
  }

  mutating func write(_ field: Int, _ value: [UInt8]) {
    guard !value.isEmpty else { return }
    write(field, message: value)
  }

  mutating func write(_ field: Int, _ value: String) {
    write(field, Array(value.utf8))
  }

  /// Writes a message, or bytes, even if there are none.
  mutating func write(_ field: Int, message: [UInt8]) {
    writeTag(field, .bytes)
    writeNumber(UInt64(message.count))
    bytes += message
  }

  private mutating func writeTag(_ field: Int, _ type: WireType) {
    writeNumber(UInt64(field) << 3 | UInt64(type.rawValue))
  }

  private mutating func writeNumber(_ value: UInt64) {
    var rest = value
    while rest > 0x7f {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

/// How a field's value is laid out.
///
/// Groups are not among them: nobody has sent one since 2008.
enum WireType: UInt8, Sendable {
  case number = 0
  case eightBytes = 1
  case bytes = 2
  case fourBytes = 5
}
