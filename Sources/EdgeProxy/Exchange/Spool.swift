internal import EventLoop

/// Response bytes that a slow client has not taken yet: memory first, then an unlinked file.
///
/// The instance's worker is freed at the pace of the disk, not of the client.
struct Spool: ~Copyable {
  private var memory: [UInt8] = []
  private var memoryStart = 0
  private var file: FileDescriptor?
  private var fileStart: Int64 = 0
  private var fileEnd: Int64 = 0
  /// What comes behind the file because the disk did not take it.
  private var tail: [UInt8] = []

  /// What is read back from the file at a time.
  private static let pieceBytes = 64 * 1024

  var isEmpty: Bool { memoryCount == 0 && fileCount == 0 && tail.isEmpty }
  /// What the spool takes of this process's memory.
  var memoryBytes: Int { memory.capacity + tail.capacity }
  var memoryCount: Int { memory.count - memoryStart }
  /// Bytes that the disk did not take are waiting.
  var hasTail: Bool { !tail.isEmpty }
  var fileCount: Int64 { fileEnd - fileStart }

  /// What goes out next; it stays the same memory content, only growing, until `consume`.
  var front: Span<UInt8> {
    @_lifetime(borrow self)
    get { memory.span.extracting(memoryStart..<memory.count) }
  }

  /// Adds bytes behind all others; `false` when the disk did not take them and memory had to.
  ///
  /// Memory is never empty while the file is not, so that there is always something to go out.
  mutating func append(_ bytes: borrowing Span<UInt8>, toFile: Bool, directory: String) -> Bool {
    guard memoryCount > 0, toFile || fileCount > 0 || !tail.isEmpty else {
      memory.append(copying: bytes)
      return true
    }
    if tail.isEmpty {
      do throws(SystemError) {
        try appendToFile(bytes, directory: directory)
        return true
      } catch {
        // The disk is full: what was written of these bytes is overwritten or never read.
      }
    }
    tail.append(copying: bytes)
    return false
  }

  private mutating func appendToFile(_ bytes: borrowing Span<UInt8>, directory: String)
    throws(SystemError)
  {
    if file == nil { file = try Descriptor.unnamedFile(in: directory) }
    guard let raw = fileDescriptor else { return }
    try Descriptor.writeAll(raw, bytes, at: fileEnd)
    fileEnd += Int64(bytes.count)
  }

  private var fileDescriptor: Int32? {
    switch file {
    case .some(let file): file.raw
    case .none: nil
    }
  }

  mutating func consume(_ count: Int) throws(SystemError) {
    memoryStart += count
    guard memoryStart == memory.count else { return }
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
    if fileStart == fileEnd {
      // Drained: the next bytes begin at the front, so that the file does not grow for ever.
      fileStart = 0
      fileEnd = 0
    }
  }

  mutating func reset() {
    memory = []
    memoryStart = 0
    tail = []
    file = nil
    fileStart = 0
    fileEnd = 0
  }
}
