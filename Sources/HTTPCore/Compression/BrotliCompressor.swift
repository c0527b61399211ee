internal import CBrotli
internal import Glibc

/// One Brotli stream (RFC 7932) on its way: spans go in, bytes come out, whenever it likes.
///
/// Brotli has no way to use an encoder again, so that `reset` makes another. One thread at a time uses it.
// SAFETY: this object owns the encoder, which counts its memory in `bytes`; it ends the one before the
// other, in `deinit`. One thread at a time uses it.
@safe
package final class BrotliCompressor {
  /// What Brotli allocates for a window of 64 KiB, at any level.
  package static let memoryBytes = 1920 << 10

  package let level: Int
  /// Bytes went in that may not have come out.
  package private(set) var isHoldingBack = false
  /// `nil` where there is no memory.
  private var encoder: OpaquePointer?
  private let bytes: UnsafeMutablePointer<Int>

  /// Above 16 bits the tables of the higher levels take many times as much.
  private static let windowBits: UInt32 = 16
  /// Blocks of 64 KiB.
  private static let blockBits: UInt32 = 16

  /// `level` is 1 to 7; `nil` where there is no memory.
  package init?(level: Int) {
    self.level = level
    unsafe bytes = .allocate(capacity: 1)
    unsafe bytes.initialize(to: 0)
    reset()
    guard unsafe encoder != nil else { return nil }
  }

  deinit {
    unsafe BrotliEncoderDestroyInstance(encoder)
    unsafe bytes.deallocate()
  }

  /// What it takes at the moment.
  // SAFETY: as above.
  package var bytesInUse: Int { unsafe bytes.pointee }

  /// Begins another stream.
  package func reset() {
    unsafe BrotliEncoderDestroyInstance(encoder)
    unsafe encoder = unsafe BrotliEncoderCreateInstance(countedAllocate, countedFree, bytes)
    isHoldingBack = false
    for (parameter, value) in [
      (BROTLI_PARAM_QUALITY, UInt32(clamping: level)), (BROTLI_PARAM_LGWIN, Self.windowBits),
      (BROTLI_PARAM_LGBLOCK, Self.blockBits),
    ] where unsafe encoder != nil {
      unsafe BrotliEncoderSetParameter(encoder, parameter, value)
    }
  }

  /// See `BodyCompressor.compress`.
  func compress(
    _ input: borrowing Span<UInt8>, _ flush: CompressionFlush, into output: inout MutableSpan<UInt8>
  ) throws(CompressionFailed) -> CompressionStep {
    guard let encoder = unsafe encoder else { throw CompressionFailed() }
    let operation =
      switch flush {
      case .nothing: BROTLI_OPERATION_PROCESS
      case .pause: BROTLI_OPERATION_FLUSH
      case .end: BROTLI_OPERATION_FINISH
      }
    let (given, space) = (input.count, output.count)
    var (unread, unused) = (given, space)
    // SAFETY: both spans outlive the call, Brotli only reads the input, and neither pointer is used after
    // the counts of this call have been taken.
    let isGood = unsafe input.withUnsafeBytes { source in
      unsafe output.withUnsafeMutableBytes { target in
        var next = unsafe source.baseAddress?.assumingMemoryBound(to: UInt8.self)
        var place = unsafe target.baseAddress?.assumingMemoryBound(to: UInt8.self)
        return unsafe BrotliEncoderCompressStream(
          encoder, operation, &unread, &next, &unused, &place, nil)
      }
    }
    guard isGood != 0 else { throw CompressionFailed() }
    let (consumed, produced) = (given - unread, space - unused)
    let isEmpty = unsafe unread == 0 && BrotliEncoderHasMoreOutput(encoder) == 0
    let isComplete = unsafe flush == .end ? BrotliEncoderIsFinished(encoder) != 0 : isEmpty
    if consumed > 0 { isHoldingBack = true }
    if isComplete, flush != .nothing { isHoldingBack = false }
    return CompressionStep(consumed: consumed, produced: produced, isComplete: isComplete)
  }
}

@available(*, unavailable) extension BrotliCompressor: Sendable {}

/// What Brotli calls for memory, which is counted at the address that the compressor gave.
// SAFETY: the count lives as long as the encoder, and one thread uses both.
private let countedAllocate:
  @convention(c) (UnsafeMutableRawPointer?, Int) -> UnsafeMutableRawPointer? = { count, size in
    guard let memory = unsafe malloc(size) else { return nil }
    unsafe count?.assumingMemoryBound(to: Int.self).pointee += malloc_usable_size(memory)
    return unsafe memory
  }

// SAFETY: as above; the memory is what the other one gave.
private let countedFree:
  @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> Void = { count, memory in
    guard let memory = unsafe memory else { return }
    unsafe count?.assumingMemoryBound(to: Int.self).pointee -= malloc_usable_size(memory)
    unsafe free(memory)
  }
