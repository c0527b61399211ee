internal import CZlib

/// One gzip stream (RFC 1952) on its way: spans go in, bytes come out, whenever it likes.
///
/// Making one takes 268 KB; after `reset` the same memory serves another stream. One thread at a
/// time uses it.
// SAFETY: this object owns the stream, which does not move, and ends it once, in `deinit`. One
// thread at a time uses it.
@safe
package final class GzipCompressor {
  /// What zlib allocates for a window of 32 KiB and a memory level of 8 (zconf.h), and its state.
  package static let memoryBytes = 268 << 10

  package let level: Int
  /// Bytes went in that may not have come out.
  package private(set) var isHoldingBack = false
  private let stream: UnsafeMutablePointer<z_stream>

  /// 15 bits of window, and 16 for gzip's head and trailer.
  private static let gzipWindowBits: Int32 = 15 + 16
  private static let memoryLevel: Int32 = 8

  /// `level` is 1 to 9; `nil` where there is no memory.
  package init?(level: Int) {
    self.level = level
    // zlib keeps the address of its stream, so it must not move.
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    let result = unsafe shim_deflateInit2(
      stream, Int32(level), Z_DEFLATED, Self.gzipWindowBits, Self.memoryLevel, Z_DEFAULT_STRATEGY)
    guard result == Z_OK else {
      unsafe stream.deallocate()
      return nil
    }
  }

  deinit {
    unsafe deflateEnd(stream)
    unsafe stream.deallocate()
  }

  /// Begins another stream.
  package func reset() {
    unsafe deflateReset(stream)
    isHoldingBack = false
  }

  /// See `BodyCompressor.compress`.
  func compress(
    _ input: borrowing Span<UInt8>, _ flush: CompressionFlush, into output: inout MutableSpan<UInt8>
  ) throws(CompressionFailed) -> CompressionStep {
    let mode: Int32 =
      switch flush {
      case .nothing: Z_NO_FLUSH
      case .pause: Z_SYNC_FLUSH
      case .end: Z_FINISH
      }
    let (given, space) = (min(input.count, 1 << 30), min(output.count, 1 << 30))
    // SAFETY: both spans outlive the call, zlib only reads the input, and neither pointer is used
    // after the counts of this call have been taken.
    let result = unsafe input.withUnsafeBytes { source in
      unsafe output.withUnsafeMutableBytes { target in
        unsafe stream.pointee.next_in = UnsafeMutableRawPointer(mutating: source.baseAddress)?
          .assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_in = UInt32(given)
        unsafe stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = UInt32(space)
        return unsafe deflate(stream, mode)
      }
    }
    // No progress was possible (Z_BUF_ERROR): nothing was left to do.
    guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else {
      throw CompressionFailed()
    }
    let consumed = unsafe given - Int(stream.pointee.avail_in)
    let produced = unsafe space - Int(stream.pointee.avail_out)
    var isComplete = consumed == input.count && produced < space
    if flush == .end { isComplete = result == Z_STREAM_END }
    if consumed > 0 { isHoldingBack = true }
    if isComplete, flush != .nothing { isHoldingBack = false }
    return CompressionStep(consumed: consumed, produced: produced, isComplete: isComplete)
  }
}

@available(*, unavailable) extension GzipCompressor: Sendable {}
