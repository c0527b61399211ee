/// A region of bytes of fixed capacity that is written at its end and read at its front.
///
/// The storage comes from a pool and goes back to it, so that an idle owner holds no memory.
///
/// Nothing that is appended or consumed ends the program. What does not fit is left out as a whole and
/// sets `isFull`: a writer appends piece after piece and looks once, at the end (`beginPiece`).
package struct ByteBuffer: ~Copyable {
  private var storage: [UInt8]
  private var start = 0
  private var end = 0
  /// Something did not fit since the last `beginPiece`, so that what is there has a gap.
  package private(set) var isFull = false

  /// A buffer without storage: its capacity is 0.
  package init() { storage = [] }

  /// A buffer over `storage`, whose count is its capacity.
  package init(storage: consuming [UInt8]) { self.storage = storage }

  /// Gives the storage up; the buffer has capacity 0 afterwards.
  package mutating func takeStorage() -> [UInt8] {
    var taken: [UInt8] = []
    swap(&taken, &storage)
    start = 0
    end = 0
    isFull = false
    return taken
  }

  package var capacity: Int { storage.count }
  package var count: Int { end - start }
  package var isEmpty: Bool { start == end }
  /// Bytes that can be written without `compact`.
  package var freeCount: Int { storage.count - end }

  package var readable: Span<UInt8> {
    @_lifetime(borrow self)
    get { storage.span.extracting(start..<end) }
  }

  /// Forgets `count` bytes at the front, or all where there are fewer.
  package mutating func consume(_ count: Int) {
    start += max(0, min(count, end - start))
    if start == end {
      start = 0
      end = 0
    }
  }

  /// Moves what is unread to the front, so that all free space is behind it.
  package mutating func compact() {
    guard start > 0 else { return }
    let (from, count) = (start, end - start)
    // SAFETY: both ranges lie within the storage, which the array owns during the call.
    unsafe storage.withUnsafeMutableBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      unsafe base.copyMemory(from: base + from, byteCount: count)
    }
    end -= start
    start = 0
  }

  /// Lets `body` fill the free space; it returns how many bytes it wrote, which is never more.
  package mutating func write(_ body: (inout MutableSpan<UInt8>) -> Int) -> Int {
    let place = end
    var whole = storage.mutableSpan
    var space = whole._mutatingExtracting(place..<whole.count)
    let count = max(0, min(body(&space), storage.count - place))
    end = place + count
    return count
  }

  // MARK: Pieces that are whole or not there

  /// Begins something that is of use only as a whole; returns its place for `endPiece`.
  package mutating func beginPiece() -> Int {
    isFull = false
    return end
  }

  /// Whether all that was appended since `beginPiece` fitted; where not, it is taken back.
  package mutating func endPiece(_ place: Int) -> Bool {
    guard isFull else { return true }
    end = max(start, min(place, end))
    isFull = false
    return false
  }

  /// Lets `write` append; where something does not fit, or it returns `false`, nothing is appended.
  package mutating func appendWhole(_ write: (inout ByteBuffer) -> Bool) -> Bool {
    let place = beginPiece()
    if !write(&self) { isFull = true }
    return endPiece(place)
  }

  // MARK: Appending

  /// Appends bytes.
  package mutating func append(_ bytes: borrowing Span<UInt8>) {
    guard bytes.count <= freeCount else {
      isFull = true
      return
    }
    let place = end
    // SAFETY: the target range lies within the storage, the source is bounded by its span.
    unsafe bytes.withUnsafeBytes { source in
      unsafe storage.withUnsafeMutableBytes { target in
        if let from = source.baseAddress, let to = target.baseAddress {
          unsafe (to + place).copyMemory(from: from, byteCount: source.count)
        }
      }
    }
    end += bytes.count
  }

  /// Appends constant text.
  package mutating func append(_ text: StaticString) {
    // SAFETY: a StaticString lives for ever and knows its length.
    let bytes = unsafe UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    unsafe append(Span(_unsafeElements: bytes))
  }

  package mutating func append(_ byte: UInt8) {
    guard end < storage.count else {
      isFull = true
      return
    }
    storage[end] = byte
    end += 1
  }

  /// Appends a number in decimal digits.
  package mutating func append(decimal value: UInt64) {
    append(value, base: 10)
  }

  /// Appends a number in lower-case hexadecimal digits; one below 0 is 0.
  package mutating func append(hexadecimal value: Int) {
    append(UInt64(clamping: value), base: 16)
  }

  private mutating func append(_ value: UInt64, base: UInt64) {
    var digits = 1
    var rest = value / base
    while rest > 0 {
      digits += 1
      rest /= base
    }
    guard digits <= freeCount else {
      isFull = true
      return
    }
    var place = end + digits
    rest = value
    repeat {
      place -= 1
      storage[place] = ASCII.digit(UInt8(rest % base))
      rest /= base
    } while rest > 0
    end += digits
  }
}
