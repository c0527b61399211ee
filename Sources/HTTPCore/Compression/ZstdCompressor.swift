internal import CZstd

/// One zstd frame (RFC 8878) on its way: spans go in, bytes come out, whenever it likes.
///
/// After `reset` the same memory serves another frame. One thread at a time uses it.
// SAFETY: this object owns the context and frees it once, in `deinit`. One thread at a time uses it.
@safe
package final class ZstdCompressor {
  /// What libzstd allocates for the window and the tables below, at any level.
  package static let memoryBytes = 1536 << 10

  package let level: Int
  /// Bytes went in that may not have come out.
  package private(set) var isHoldingBack = false
  private let context: OpaquePointer

  /// 128 KiB of window, and tables to go with it: at the levels of its own the library would take 14 MiB.
  private static let windowLog: Int32 = 17
  private static let tableLog: Int32 = 16

  /// `level` is 1 to 9; `nil` where there is no memory.
  package init?(level: Int) {
    guard let context = unsafe ZSTD_createCCtx() else { return nil }
    self.level = level
    unsafe self.context = unsafe context
    for (parameter, value) in [
      (ZSTD_c_compressionLevel, Int32(clamping: level)), (ZSTD_c_windowLog, Self.windowLog),
      (ZSTD_c_hashLog, Self.tableLog), (ZSTD_c_chainLog, Self.tableLog),
    ] {
      guard unsafe ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)) == 0 else {
        return nil
      }
    }
  }

  deinit { unsafe ZSTD_freeCCtx(context) }

  /// What it takes at the moment.
  package var bytesInUse: Int { unsafe ZSTD_sizeof_CCtx(context) }

  /// Begins another frame.
  package func reset() {
    _ = unsafe ZSTD_CCtx_reset(context, ZSTD_reset_session_only)
    isHoldingBack = false
  }

  /// See `BodyCompressor.compress`.
  func compress(
    _ input: borrowing Span<UInt8>, _ flush: CompressionFlush, into output: inout MutableSpan<UInt8>
  ) throws(CompressionFailed) -> CompressionStep {
    let mode =
      switch flush {
      case .nothing: ZSTD_e_continue
      case .pause: ZSTD_e_flush
      case .end: ZSTD_e_end
      }
    var (consumed, produced) = (0, 0)
    // SAFETY: both spans outlive the call, the library only reads the input, and neither pointer is used
    // after the places of this call have been taken.
    let left = unsafe input.withUnsafeBytes { source in
      unsafe output.withUnsafeMutableBytes { target in
        var given = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
        var space = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
        let left = unsafe ZSTD_compressStream2(context, &space, &given, mode)
        (consumed, produced) = unsafe (given.pos, space.pos)
        return left
      }
    }
    guard ZSTD_isError(left) == 0 else { throw CompressionFailed() }
    let isComplete = consumed == input.count && (flush == .nothing || left == 0)
    if consumed > 0 { isHoldingBack = true }
    if isComplete, flush != .nothing { isHoldingBack = false }
    return CompressionStep(consumed: consumed, produced: produced, isComplete: isComplete)
  }
}

@available(*, unavailable) extension ZstdCompressor: Sendable {}
