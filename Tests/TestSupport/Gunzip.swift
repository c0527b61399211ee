internal import CZlib

/// Reads a gzip stream as far as it has come.
package enum Gunzip {
  package struct Result: Equatable {
    package var bytes: [UInt8]
    /// The trailer was there and right.
    package var isComplete: Bool

    package init(bytes: [UInt8], isComplete: Bool) {
      self.bytes = bytes
      self.isComplete = isComplete
    }
  }

  /// `nil` where it is no gzip, or something follows it.
  package static func read(_ input: [UInt8]) -> Result? {
    var input = input
    var output: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 * 1024)
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    guard unsafe shim_inflateInit2(stream, 15 + 16) == Z_OK else { return nil }
    defer {
      unsafe inflateEnd(stream)
      unsafe stream.deallocate()
    }
    // SAFETY: both arrays outlive the calls between which zlib keeps their addresses.
    return unsafe input.withUnsafeMutableBufferPointer { source in
      unsafe stream.pointee.next_in = source.baseAddress
      unsafe stream.pointee.avail_in = UInt32(source.count)
      while true {
        let space = piece.count
        let result = unsafe piece.withUnsafeMutableBufferPointer { target in
          unsafe stream.pointee.next_out = target.baseAddress
          unsafe stream.pointee.avail_out = UInt32(space)
          return unsafe inflate(stream, Z_NO_FLUSH)
        }
        let count = unsafe space - Int(stream.pointee.avail_out)
        output += piece.prefix(count)
        if result == Z_STREAM_END {
          return unsafe stream.pointee.avail_in == 0
            ? Result(bytes: output, isComplete: true) : nil
        }
        guard result == Z_OK || result == Z_BUF_ERROR else { return nil }
        if count == 0 { return Result(bytes: output, isComplete: false) }
      }
    }
  }
}
