internal import EventLoop
internal import HTTPCore

/// The body of an answer that comes from a file, read piece by piece as the client takes it.
///
/// It holds one block of the pool at most. The file stays open until the end, so that a file that is
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
  private var piece = ByteBuffer()

  /// Whether an answer is being sent from here.
  var isActive: Bool { next < parts.count || !piece.isEmpty }

  /// What goes out next; it stays the same until `consume`.
  var front: Span<UInt8> {
    @_lifetime(borrow self)
    get { piece.readable }
  }

  mutating func begin(_ file: consuming FileDescriptor, _ parts: [Part]) {
    self.file = consume file
    self.parts = parts
    next = 0
  }

  mutating func consume(_ count: Int) { piece.consume(count) }

  /// Reads the next piece where there is none.
  mutating func fill(_ pool: BufferPool) -> Filling {
    guard piece.isEmpty else { return .some }
    while next < parts.count {
      if piece.capacity == 0 { piece = ByteBuffer(storage: pool.take()) }
      switch parts[next] {
      case .text(let text):
        next += 1
        piece.append(text.span)
        return .some
      case .bytes(let range):
        let filling = read(range)
        if filling != .end { return filling }
        next += 1
      }
    }
    giveBack(to: pool)
    return .end
  }

  /// Reads what of a range fits; `.end` where nothing of it is left.
  private mutating func read(_ range: Range<Int64>) -> Filling {
    guard !range.isEmpty else { return .end }
    let raw: Int32
    switch file {
    case .some(let file): raw = file.raw
    case .none: return .failed
    }
    var outcome = ReadOutcome.closed
    _ = piece.write { space in
      let count = min(space.count, range.count)
      var part = space._mutatingExtracting(0..<count)
      outcome = Descriptor.read(raw, at: range.lowerBound, into: &part)
      if case .bytes(let count) = outcome { return count }
      return 0
    }
    switch outcome {
    case .bytes(let count):
      parts[next] = .bytes((range.lowerBound + Int64(count))..<range.upperBound)
      return .some
    case .closed: return .truncated
    case .wouldBlock, .failed: return .failed
    }
  }

  /// Lets go of the file and of the block.
  mutating func end(_ pool: BufferPool) {
    giveBack(to: pool)
    parts = []
    next = 0
    file = nil
  }

  private mutating func giveBack(to pool: BufferPool) {
    if piece.capacity > 0 { pool.give(piece.takeStorage()) }
  }
}
