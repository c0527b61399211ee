/// A uwsgi request packet: four bytes of header and the block of variables.
///
///     modifier1, size (16 bits, little-endian), modifier2, { key size, key, value size, value }…
///
/// The storage grows to what requests need and is used again. A block beyond the 16 bits of its
/// size is refused, never truncated.
package struct UWSGIPacket: ~Copyable {
  static let headerBytes = 4

  private var storage = [UInt8](repeating: 0, count: 2048)
  private var end = headerBytes
  private(set) var variables = 0

  package init() {}

  /// Storage kept for later packets.
  private static let keptBytes = 16 * 1024

  package var memoryBytes: Int { storage.count }

  /// Gives a large storage back.
  package mutating func shrink() {
    guard storage.count > Self.keptBytes else { return }
    storage = [UInt8](repeating: 0, count: 2048)
    begin()
  }

  /// The packet as it goes out.
  package var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    get { storage.span.extracting(0..<end) }
  }

  package var count: Int { end }
  /// What uWSGI compares with its `buffer-size`.
  package var blockBytes: Int { end - Self.headerBytes }

  mutating func begin() {
    end = Self.headerBytes
    variables = 0
  }

  /// Closes the packet: sizes are known, limits are checked.
  mutating func finish(modifier1: UInt8, modifier2: UInt8) throws(HTTPError) {
    guard blockBytes <= FixedLimits.uwsgiBlockBytes else {
      throw .blockTooLarge(bytes: blockBytes, limit: FixedLimits.uwsgiBlockBytes)
    }
    guard variables <= FixedLimits.uwsgiVariables else {
      throw .tooManyVariables(count: variables, limit: FixedLimits.uwsgiVariables)
    }
    storage[0] = modifier1
    storage[1] = UInt8(blockBytes & 0xff)
    storage[2] = UInt8(blockBytes >> 8)
    storage[3] = modifier2
  }

  /// Addresses a whole packet to another kind of instance.
  package mutating func setModifiers(_ modifier1: UInt8, _ modifier2: UInt8) {
    storage[0] = modifier1
    storage[3] = modifier2
  }

  /// Adds one variable of a fixed name.
  mutating func add(_ key: StaticString, _ value: borrowing Span<UInt8>) {
    openKey(prefix: key)
    closeKey()
    append(value)
    closeValue()
  }

  mutating func add(_ key: StaticString, _ value: StaticString) {
    openKey(prefix: key)
    closeKey()
    append(value)
    closeValue()
  }

  mutating func add(_ key: StaticString, decimal value: UInt64) {
    openKey(prefix: key)
    closeKey()
    appendDecimal(value)
    closeValue()
  }

  // A variable is written in place: its sizes are filled in when it is closed.
  private var keyStart = 0
  private var valueStart = 0

  mutating func openKey(prefix: StaticString) {
    variables += 1
    reserve(2)
    end += 2
    keyStart = end
    append(prefix)
  }

  /// `X-Name` becomes `X_NAME`.
  mutating func appendKey(folding name: borrowing Span<UInt8>) {
    reserve(name.count)
    let place = end
    var target = storage.mutableSpan
    for index in 0..<name.count {
      let byte = name[index]
      target[place + index] = byte == UInt8(ascii: "-") ? UInt8(ascii: "_") : ASCII.upper(byte)
    }
    end = place + name.count
  }

  mutating func closeKey() {
    writeSize(end - keyStart, at: keyStart - 2)
    reserve(2)
    end += 2
    valueStart = end
  }

  mutating func append(_ value: borrowing Span<UInt8>) {
    guard value.count > 0 else { return }
    reserve(value.count)
    let place = end
    // SAFETY: `reserve` has made room for the span's count at `place`.
    unsafe value.withUnsafeBytes { source in
      unsafe storage.withUnsafeMutableBytes { target in
        if let from = source.baseAddress, let to = target.baseAddress {
          unsafe (to + place).copyMemory(from: from, byteCount: source.count)
        }
      }
    }
    end += value.count
  }

  mutating func append(_ text: StaticString) {
    // SAFETY: a StaticString lives for ever and knows its length.
    let bytes = unsafe UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    unsafe append(Span(_unsafeElements: bytes))
  }

  private mutating func appendDecimal(_ value: UInt64) {
    reserve(20)
    var digits = 1
    var rest = value / 10
    while rest > 0 {
      digits += 1
      rest /= 10
    }
    rest = value
    for place in stride(from: end + digits - 1, through: end, by: -1) {
      storage[place] = 48 + UInt8(rest % 10)
      rest /= 10
    }
    end += digits
  }

  mutating func closeValue() {
    writeSize(end - valueStart, at: valueStart - 2)
  }

  @inline(__always)
  private mutating func writeSize(_ size: Int, at place: Int) {
    // A size that does not fit is cut here; the block is then beyond what `finish` lets pass.
    var target = storage.mutableSpan
    target[place] = UInt8(truncatingIfNeeded: size)
    target[place + 1] = UInt8(truncatingIfNeeded: size >> 8)
  }

  @inline(__always)
  private mutating func reserve(_ count: Int) {
    if end + count > storage.count { grow(count) }
  }

  private mutating func grow(_ count: Int) {
    var wanted = storage.count * 2
    while wanted < end + count { wanted *= 2 }
    storage.append(contentsOf: repeatElement(0, count: wanted - storage.count))
  }
}
