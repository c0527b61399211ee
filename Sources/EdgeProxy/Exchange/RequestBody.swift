internal import EventLoop
internal import Glibc

/// A request body kept for replay: in memory up to a bound, then in an unlinked temporary file.
///
/// A body is read whole before an instance is asked, so that a slow upload never occupies an
/// application worker and any try can be repeated. Where the disk takes nothing the file is one in memory,
/// as large as `Place.spareBytes` allows.
struct RequestBody: ~Copyable {
  /// What a body that grows may take.
  struct Place {
    /// Kept without a file.
    let memoryBytesMax: Int
    /// Where the file is made.
    let directory: String
    /// Memory that is left for what the disk does not take.
    let spareBytes: Int
  }

  /// Body bytes while there is no file, else what has not been written to it yet.
  private(set) var memory: [UInt8] = []
  private var file: FileDescriptor?
  private var fileBytes: Int64 = 0
  /// What the disk has not taken; the file is in memory then.
  private(set) var diskFailure: SystemError?

  /// Bytes received so far.
  var count: Int { memory.count + Int(fileBytes) }

  /// What the body takes of this process's memory.
  var memoryBytes: Int { memory.capacity + (diskFailure == nil ? 0 : Int(fileBytes)) }

  /// What the body takes of the disk.
  var diskBytes: Int64 { diskFailure == nil ? fileBytes : 0 }

  /// The file that holds the whole body; `nil` while it is in memory.
  var fileDescriptor: Int32? {
    switch file {
    case .some(let file): file.raw
    case .none: nil
    }
  }

  /// Adds bytes; what is more than `memoryBytesMax` in memory goes to a file, all of it.
  mutating func append(_ bytes: borrowing Span<UInt8>, in place: Place) throws(SystemError) {
    memory.append(copying: bytes)
    guard memory.count > place.memoryBytesMax else { return }
    try openFile(in: place)
    try flush(in: place)
    // Where memory is short, none is kept for what comes next.
    if place.memoryBytesMax == 0 { memory = [] }
  }

  /// The body is complete: what belongs to the file is written there.
  mutating func complete(in place: Place) throws(SystemError) {
    if file != nil { try flush(in: place) }
  }

  /// Moves what is in memory to the file; returns how many bytes.
  ///
  /// Only while more is expected: a body that is being sent stays where it is.
  mutating func spill(in place: Place) -> Int {
    let held = memory.capacity
    guard held > 0, diskFailure == nil else { return 0 }
    if !memory.isEmpty {
      do throws(SystemError) {
        try openFile(in: place)
        try flush(in: place)
      } catch {
        return 0
      }
    }
    memory = []
    return diskFailure == nil ? held : 0
  }

  private mutating func openFile(in place: Place) throws(SystemError) {
    guard file == nil else { return }
    do throws(SystemError) {
      file = try Descriptor.unnamedFile(in: place.directory)
    } catch {
      try moveToMemory(in: place, because: error)
    }
  }

  private mutating func flush(in place: Place) throws(SystemError) {
    guard let raw = fileDescriptor, !memory.isEmpty else { return }
    if diskFailure == nil {
      do throws(SystemError) {
        return try write(raw)
      } catch {
        try moveToMemory(in: place, because: error)
      }
    }
    guard memory.count <= place.spareBytes, let raw = fileDescriptor else {
      throw SystemError("body", code: ENOSPC)
    }
    try write(raw)
  }

  private mutating func write(_ raw: Int32) throws(SystemError) {
    try Descriptor.writeAll(raw, memory.span, at: fileBytes)
    fileBytes += Int64(memory.count)
    memory.removeAll(keepingCapacity: memory.capacity <= Self.blockBytesMax)
  }

  /// Goes on in a file in memory, with what the one on the disk has.
  private mutating func moveToMemory(
    in place: Place, because error: SystemError
  ) throws(SystemError) {
    guard count <= place.spareBytes else { throw error }
    let next = try Descriptor.memoryFile()
    if let raw = fileDescriptor {
      var block = [UInt8](repeating: 0, count: Self.copiedBytes)
      var moved: Int64 = 0
      while moved < fileBytes {
        var space = block.mutableSpan
        guard case .bytes(let count) = Descriptor.read(raw, at: moved, into: &space) else {
          throw error
        }
        let wanted = min(count, Int(fileBytes - moved))
        try Descriptor.writeAll(next.raw, block.span.extracting(0..<wanted), at: moved)
        moved += Int64(wanted)
      }
    }
    file = consume next
    diskFailure = error
  }

  private static let copiedBytes = 64 * 1024
  private static let keptBytes = 16 * 1024
  /// Storage kept for what comes next of the same body.
  private static let blockBytesMax = 256 * 1024

  /// Forgets the body; a small buffer is kept for the next one.
  mutating func reset() {
    memory.removeAll(keepingCapacity: memory.capacity <= Self.keptBytes)
    file = nil
    fileBytes = 0
    diskFailure = nil
  }
}
