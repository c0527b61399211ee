/// What one exchange is counted with against its worker's ceilings, in bytes.
struct CountedMemory {
  private(set) var bytes = 0
  private(set) var files: Int64 = 0

  mutating func count(bytes: Int, files: Int64, in buffers: BufferPool) {
    if bytes != self.bytes { buffers.count(bytes - self.bytes) }
    if files != self.files { buffers.countFiles(files - self.files) }
    self.bytes = bytes
    self.files = files
  }

  mutating func forget(_ buffers: BufferPool) { count(bytes: 0, files: 0, in: buffers) }
}
