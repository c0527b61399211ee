internal import HTTPCore

/// Text that is put together byte by byte: a line of a log, the body of an answer.
///
/// It is used again, so that after its first uses appending allocates nothing.
struct TextBuffer: ~Copyable, Sendable {
  private var storage: [UInt8]
  private(set) var count = 0

  init(capacity: Int) { storage = [UInt8](repeating: 0, count: capacity) }

  var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    get { storage.span.extracting(0..<count) }
  }

  subscript(index: Int) -> UInt8 { storage[index] }

  var capacity: Int { storage.count }

  mutating func removeAll() { count = 0 }

  /// Cuts what is more than `number` bytes, between two characters of UTF-8.
  mutating func truncate(to number: Int) {
    guard count > number else { return }
    count = number
    while count > 0, storage[count] & 0xc0 == 0x80 { count -= 1 }
  }

  /// Forgets `number` bytes at the front and moves the rest there.
  mutating func removeFirst(_ number: Int) {
    precondition(number <= count, "more removed than is there")
    guard number > 0 else { return }
    for index in number..<count { storage[index - number] = storage[index] }
    count -= number
  }

  /// Gives back what is more than `capacity`, when nothing is kept there.
  mutating func shrink(to capacity: Int) {
    guard storage.count > capacity, count == 0 else { return }
    storage = [UInt8](repeating: 0, count: capacity)
  }

  mutating func append(_ byte: UInt8) {
    if count == storage.count { grow(for: 1) }
    storage[count] = byte
    count += 1
  }

  mutating func append(_ text: StaticString) {
    // SAFETY: a StaticString lives for ever and knows its length.
    let bytes = unsafe UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    unsafe append(Span(_unsafeElements: bytes))
  }

  /// Named, since a literal would otherwise be taken for a `String` and cost like one.
  mutating func append(string text: String) {
    for byte in text.utf8 { append(byte) }
  }

  mutating func append(_ bytes: borrowing Span<UInt8>) {
    if bytes.count > storage.count - count { grow(for: bytes.count) }
    let place = count
    // SAFETY: the target has room for all bytes of the source, which is bounded by its span.
    unsafe bytes.withUnsafeBytes { source in
      unsafe storage.withUnsafeMutableBytes { target in
        if let from = source.baseAddress, let to = target.baseAddress {
          unsafe (to + place).copyMemory(from: from, byteCount: source.count)
        }
      }
    }
    count += bytes.count
  }

  /// Appends a number in decimal digits.
  mutating func append(decimal value: some BinaryInteger) {
    var rest = UInt64(value.magnitude)
    if value < 0 { append(UInt8(ascii: "-")) }
    var digits = 1
    var power: UInt64 = 10
    while digits < 20, rest >= power {
      digits += 1
      (power, _) = power.multipliedReportingOverflow(by: 10)
    }
    if digits > storage.count - count { grow(for: digits) }
    let first = count
    var target = storage.mutableSpan
    for place in stride(from: first + digits - 1, through: first, by: -1) {
      target[place] = 48 + UInt8(rest % 10)
      rest /= 10
    }
    count = first + digits
  }

  /// Appends the last `digits` decimal digits of a number, with zeros in front; 0 for one below.
  mutating func append(_ value: Int, digits: Int) {
    let value = max(0, value)
    var divisor = 1
    for _ in 1..<digits { divisor *= 10 }
    while divisor > 0 {
      append(48 + UInt8(value / divisor % 10))
      divisor /= 10
    }
  }

  private mutating func grow(for number: Int) {
    let wanted = max(storage.count * 2, count + number, 64)
    storage.append(contentsOf: repeatElement(0, count: wanted - storage.count))
  }
}
