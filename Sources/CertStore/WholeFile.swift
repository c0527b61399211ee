package import EventLoop
internal import Glibc

/// Files that are read whole.
package enum WholeFile {
  /// Reads at most `bytesMax` bytes and one more, so that a caller can tell that there are more.
  package static func read(_ path: String, bytesMax: Int) throws(SystemError) -> [UInt8] {
    // SAFETY: the path is a C string for the length of the call.
    let raw = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard raw >= 0 else { throw SystemError("open") }
    let file = FileDescriptor(owning: raw)
    return try read(file.raw, bytesMax: bytesMax)
  }

  /// The same from an open file, which stays the caller's.
  package static func read(_ file: Int32, bytesMax: Int) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 64 * 1024)
    while bytes.count <= bytesMax {
      var space = block.mutableSpan
      switch Descriptor.read(file, into: &space) {
      case .bytes(let count): bytes += block[0..<count]
      case .closed: return bytes
      case .wouldBlock: return bytes
      case .failed(let error): throw error
      }
    }
    return bytes
  }
}
