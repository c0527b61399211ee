/// One field line of a head: where its name and its value lie, without the white space around.
package struct HeaderField: Sendable {
  package let name: ByteRange
  package var value: ByteRange
  package let known: FieldName
  let mark: NameMark

  /// `spelled` are the bytes of the name, `known` what they mean where that has been found out.
  init(
    name: ByteRange, value: ByteRange, known: FieldName? = nil, spelled: borrowing Span<UInt8>
  ) {
    self.name = name
    self.value = value
    self.known = known ?? FieldName(spelled)
    mark = NameMark(spelled)
  }

  /// Whether both fields of one head have the same name; all are parts of `bytes`.
  func hasSameName(as other: HeaderField, in bytes: [UInt8]) -> Bool {
    mark == other.mark && name.isSameName(as: other.name, in: bytes)
  }
}

/// Tells long field names apart without a look at their bytes.
///
/// Each of a hundred fields is compared with all others and with what `Connection` names. With names
/// of hundreds of bytes that differ in the last one, that would cost milliseconds. Names that are the
/// same but for their case have the same mark; short ones all have one, since they are compared soon.
struct NameMark: Equatable, Sendable {
  private let value: UInt32

  private static let shortBytes = 24
  /// Another in each process, so that nobody can choose names with one mark.
  private static let seed = UInt64.random(in: 0 ... .max)
  /// The prime of FNV-1a.
  private static let factor: UInt64 = 0x100_0000_01b3

  init(_ name: borrowing Span<UInt8>) {
    guard name.count > Self.shortBytes else {
      value = 0
      return
    }
    var sum = Self.seed
    for index in 0..<name.count { sum = (sum ^ UInt64(ASCII.lower(name[index]))) &* Self.factor }
    value = UInt32(truncatingIfNeeded: sum >> 32)
  }
}

extension ByteRange {
  /// Whether two parts of `bytes` are the same name without regard to case.
  func isSameName(as other: ByteRange, in bytes: [UInt8]) -> Bool {
    guard count == other.count else { return false }
    for offset in 0..<Int(count)
    where ASCII.lower(bytes[Int(start) + offset]) != ASCII.lower(bytes[Int(other.start) + offset]) {
      return false
    }
    return true
  }
}
