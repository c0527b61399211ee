internal import EventLoop
internal import HTTPCore

/// The body of an answer that comes from a file, read piece by piece as the client takes it.
///
/// It holds one block of the pool at most, and none while the client takes nothing. The file stays open until the end, so that a file that is
/// replaced meanwhile is still sent as it was.
struct FileBody: ~Copyable {
  /// A stretch of the body.
  enum Part {
    /// What stands between the ranges of a multipart body.
    case text([UInt8])
    case bytes(Range<Int64>)
  }

  enum Filling: Equatable {
    /// `front` has bytes.
    case some
    /// Everything was read.
    case end
    /// The file ended before the length that the client was told.
    case truncated
    case failed
  }

  private var file: FileDescriptor?
  private var parts: [Part] = []
  private var next = 0
  /// Bytes of the next part that have gone out; what is in `piece` follows them.
  private var sent: Int64 = 0
  private var piece = ByteBuffer()

  /// Whether an answer is being sent from here.
  var isActive: Bool { next < parts.count }

  /// What this takes of the process's memory, besides what is lent by the pool.
  var blockBytes: Int { piece.capacity }

  /// What goes out next; it stays the same until `consume`.
  var front: Span<UInt8> {
    @_lifetime(borrow self)
    get { piece.readable }
  }

  mutating func begin(_ file: consuming FileDescriptor, _ parts: [Part]) {
    self.file = consume file
    self.parts = parts
    next = 0
    sent = 0
  }

  mutating func consume(_ count: Int) {
    piece.consume(count)
    sent += Int64(count)
  }

  /// The client takes no more at present: the block goes back, and what was left in it is read again.
  mutating func wait(_ pool: BufferPool) { giveBack(to: pool) }

  /// Reads the next piece where there is none, of at most so many bytes.
  mutating func fill(_ pool: BufferPool, most: Int) -> Filling {
    guard piece.isEmpty else { return .some }
    while next < parts.count {
      if piece.capacity == 0 { piece = ByteBuffer(storage: pool.take()) }
      let filling =
        switch parts[next] {
        case .text(let text): copy(text, most: most)
        case .bytes(let range): read(range, most: most)
        }
      if filling != .end { return filling }
      next += 1
      sent = 0
    }
    giveBack(to: pool)
    return .end
  }

  /// Copies what of a text fits; `.end` where nothing of it is left.
  private mutating func copy(_ text: [UInt8], most: Int) -> Filling {
    let start = Int(min(sent, Int64(text.count)))
    let count = min(text.count - start, piece.freeCount, most)
    guard count > 0 else { return .end }
    piece.append(text.span.extracting(start..<(start + count)))
    return .some
  }

  /// Reads what of a range fits; `.end` where nothing of it is left.
  private mutating func read(_ range: Range<Int64>, most: Int) -> Filling {
    let left = min(Int64(range.count) - sent, Int64(most))
    guard left > 0 else { return .end }
    let raw: Int32
    switch file {
    case .some(let file): raw = file.raw
    case .none: return .failed
    }
    let offset = range.lowerBound + sent
    var outcome = ReadOutcome.closed
    _ = piece.write { space in
      var part = space._mutatingExtracting(0..<Int(min(Int64(space.count), left)))
      outcome = Descriptor.read(raw, at: offset, into: &part)
      if case .bytes(let count) = outcome { return count }
      return 0
    }
    switch outcome {
    case .bytes: return .some
    case .closed: return .truncated
    case .wouldBlock, .failed: return .failed
    }
  }

  /// Lets go of the file and of the block.
  mutating func end(_ pool: BufferPool) {
    giveBack(to: pool)
    parts = []
    next = 0
    sent = 0
    file = nil
  }

  private mutating func giveBack(to pool: BufferPool) {
    if piece.capacity > 0 { pool.give(piece.takeStorage()) }
  }
}
