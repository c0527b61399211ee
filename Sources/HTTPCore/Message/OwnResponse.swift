/// A response head that this program writes itself, in the form of one that was received.
///
/// So rules for fields and what writes heads need to know one form only.
extension ResponseHead {
  /// Begins anew.
  package mutating func begin(_ status: Int, _ phrase: StaticString) {
    reset()
    self.status = status
    bytes.append(phrase)
    reason = ByteRange(start: 0, count: bytes.count)
  }

  /// One field line; the value must be clean.
  package mutating func add(_ name: StaticString, _ value: borrowing Span<UInt8>) {
    let start = bytes.count
    bytes.append(name)
    let middle = bytes.count
    bytes.append(copying: value)
    close(start, middle)
  }

  package mutating func add(_ name: StaticString, _ value: StaticString) {
    let start = bytes.count
    bytes.append(name)
    let middle = bytes.count
    bytes.append(value)
    close(start, middle)
  }

  package mutating func add(_ name: StaticString, decimal value: UInt64) {
    let start = bytes.count
    bytes.append(name)
    let middle = bytes.count
    bytes.append(decimal: value)
    close(start, middle)
  }

  private mutating func close(_ start: Int, _ middle: Int) {
    let name = ByteRange(start: start, count: middle - start)
    fields.append(
      HeaderField(
        name: name, value: ByteRange(start: middle, count: bytes.count - middle),
        spelled: span(name)))
  }
}
