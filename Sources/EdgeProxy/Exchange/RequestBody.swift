internal import EventLoop

/// A request body kept for replay: in memory up to a bound, then in an unlinked temporary file.
///
/// A body is read whole before an instance is asked, so that a slow upload never occupies an
/// application worker and any try can be repeated.
struct RequestBody: ~Copyable {
  /// Body bytes while there is no file, else what has not been written to it yet.
  private(set) var memory: [UInt8] = []
  private var file: FileDescriptor?
  private var fileBytes: Int64 = 0

  /// Bytes received so far.
  var count: Int { memory.count + Int(fileBytes) }

  /// What the body takes of this process's memory.
  var memoryBytes: Int { memory.capacity }

  /// The file that holds the whole body; `nil` while it is in memory.
  var fileDescriptor: Int32? {
    switch file {
    case .some(let file): file.raw
    case .none: nil
    }
  }

  /// Adds bytes; beyond `memoryBytesMax` everything so far goes to a file in `directory`.
  mutating func append(
    _ bytes: borrowing Span<UInt8>, memoryBytesMax: Int, directory: String
  ) throws(SystemError) {
    if memory.count + bytes.count > memoryBytesMax {
      if file == nil { file = try Descriptor.unnamedFile(in: directory) }
      try flush()
    }
    memory.append(copying: bytes)
  }

  /// The body is complete: what belongs to the file is written there.
  mutating func complete() throws(SystemError) {
    if file != nil { try flush() }
  }

  private mutating func flush() throws(SystemError) {
    guard let raw = fileDescriptor, !memory.isEmpty else { return }
    try Descriptor.writeAll(raw, memory.span, at: fileBytes)
    fileBytes += Int64(memory.count)
    memory.removeAll(keepingCapacity: true)
  }

  /// Forgets the body; a small buffer is kept for the next one.
  mutating func reset() {
    memory.removeAll(keepingCapacity: memory.capacity <= 16 * 1024)
    file = nil
    fileBytes = 0
  }
}
