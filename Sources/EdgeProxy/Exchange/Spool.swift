internal import EventLoop

/// Response bytes that a slow client has not taken yet: memory first, then an unlinked file.
///
/// The instance's worker is freed at the pace of the disk, not of the client.
///
///     memory ──▶ file ──▶ tail        in the order in which they go out
struct Spool: ~Copyable {
  private var memory: [UInt8] = []
  private var memoryStart = 0
  private var file: FileDescriptor?
  private var fileStart: Int64 = 0
  private var fileEnd: Int64 = 0
  /// Where the file's first byte was written.
  private var fileBase: Int64 = 0
  /// What comes behind the file because the disk did not take it.
  private var tail: [UInt8] = []

  /// What is read back from the file at a time, and what stays in memory when the rest has to go.
  ///
  /// It is more than a TLS record, whose bytes must be offered again as they were.
  static let pieceBytes = 32 * 1024
  /// Where a file begins.
  ///
  /// The hole in front takes no room on the disk. Memory that has to go is written there, since it
  /// goes out before what is in the file.
  private static let roomInFront: Int64 = 256 << 20

  var isEmpty: Bool { memoryCount == 0 && fileCount == 0 && tail.isEmpty }
  /// What the spool takes of this process's memory.
  var memoryBytes: Int { memory.capacity + tail.capacity }
  var memoryCount: Int { memory.count - memoryStart }
  /// Bytes that the disk did not take are waiting.
  var hasTail: Bool { !tail.isEmpty }
  /// Bytes in the file that have not gone out.
  var fileCount: Int64 { fileEnd - fileStart }
  /// What the file takes of the disk.
  var fileBytes: Int64 { fileEnd - fileBase }

  /// What goes out next; it stays the same memory content, only growing, until `consume`; `spill` leaves
  /// its first `pieceBytes`.
  var front: Span<UInt8> {
    @_lifetime(borrow self)
    get { memory.span.extracting(memoryStart..<memory.count) }
  }

  /// Adds bytes behind all others; `false` when the disk did not take them and memory had to.
  ///
  /// Memory is never empty while the file is not, so that there is always something to go out.
  mutating func append(_ bytes: borrowing Span<UInt8>, toFile: Bool, directory: String) -> Bool {
    let goesToFile = toFile || fileCount > 0 || !tail.isEmpty
    var kept = bytes.count
    if goesToFile { kept = memoryCount > 0 ? 0 : min(kept, Self.pieceBytes) }
    memory.append(copying: bytes.extracting(0..<kept))
    guard kept < bytes.count else { return true }
    let rest = bytes.extracting(kept..<bytes.count)
    if tail.isEmpty {
      do throws(SystemError) {
        try appendToFile(rest, directory: directory)
        return true
      } catch {
        // The disk is full: what was written of these bytes is overwritten or never read.
      }
    }
    tail.append(copying: rest)
    return false
  }

  private mutating func appendToFile(_ bytes: borrowing Span<UInt8>, directory: String)
    throws(SystemError)
  {
    let raw = try openFile(in: directory)
    try Descriptor.writeAll(raw, bytes, at: fileEnd)
    fileEnd += Int64(bytes.count)
  }

  private mutating func openFile(in directory: String) throws(SystemError) -> Int32 {
    if let raw = fileDescriptor { return raw }
    let opened = try Descriptor.unnamedFile(in: directory)
    let raw = opened.raw
    file = consume opened
    fileBase = Self.roomInFront
    fileStart = fileBase
    fileEnd = fileBase
    return raw
  }

  private var fileDescriptor: Int32? {
    switch file {
    case .some(let file): file.raw
    case .none: nil
    }
  }

  /// Moves what is in memory to the file, but for the piece that goes out next; returns how many bytes.
  mutating func spill(in directory: String) -> Int {
    let first = memoryStart + Self.pieceBytes
    guard memory.count > first else { return 0 }
    let moved = memory.count - first
    do throws(SystemError) {
      let raw = try openFile(in: directory)
      guard fileStart >= Int64(moved) else { return 0 }
      try Descriptor.writeAll(
        raw, memory.span.extracting(first..<memory.count), at: fileStart - Int64(moved))
    } catch {
      // What was written lies in front of what is read, where nobody looks.
      return 0
    }
    fileStart -= Int64(moved)
    fileBase = min(fileBase, fileStart)
    memory = Array(memory[memoryStart..<first])
    memoryStart = 0
    return moved
  }

  mutating func consume(_ count: Int) throws(SystemError) {
    memoryStart = min(memoryStart + count, memory.count)
    guard memoryStart == memory.count else { return }
    if memory.capacity > 2 * Self.pieceBytes { memory = [] }
    memory.removeAll(keepingCapacity: true)
    memoryStart = 0
    if fileStart < fileEnd {
      try refill()
    } else if !tail.isEmpty {
      swap(&memory, &tail)
    }
  }

  /// Reads the next piece of the file into the empty memory.
  private mutating func refill() throws(SystemError) {
    guard let raw = fileDescriptor else { return }
    let count = Int(min(fileEnd - fileStart, Int64(Self.pieceBytes)))
    memory.append(contentsOf: repeatElement(0, count: count))
    var done = 0
    while done < count {
      let offset = fileStart + Int64(done)
      var space = memory.mutableSpan
      var rest = space._mutatingExtracting(done..<count)
      switch Descriptor.read(raw, at: offset, into: &rest) {
      case .bytes(let read): done += read
      case .failed(let error): throw error
      case .closed, .wouldBlock: throw SystemError("pread", code: 5)
      }
    }
    fileStart += Int64(count)
    // Drained: the disk is free for others at once.
    if fileStart == fileEnd { closeFile() }
  }

  private mutating func closeFile() {
    file = nil
    fileStart = 0
    fileEnd = 0
    fileBase = 0
  }

  /// Forgets everything and gives all of it back.
  mutating func reset() {
    memory = []
    memoryStart = 0
    tail = []
    closeFile()
  }
}
