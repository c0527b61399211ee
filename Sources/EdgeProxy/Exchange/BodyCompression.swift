internal import Configuration
internal import HTTPCore

/// Answers that are compressed on their way to the client.
extension Exchange {
  /// What becomes of the body, with a compressor taken for it where it is to be compressed.
  func chooseCoding(_ response: borrowing ResponseHead, _ mode: CompressSettings.Mode) -> BodyCoding
  {
    let configuration = snapshot.configuration
    let bytesMax = configuration.limits.compressors * GzipCompressor.memoryBytes
    let choice = configuration.compress.rules.coding(
      of: response, for: request.head, sparingCookies: mode == .withoutCookies,
      where: { worker.hasRoom(for: $0, bytesMax: bytesMax) })
    guard case .compressed(let coding) = choice else { return choice }
    let level = configuration.compress.levels[coding]
    guard let compressor = worker.takeCompressor(coding, level: level) else { return .varying }
    answer.compress(with: compressor)
    return choice
  }

  /// After so long without a byte of a declared length what came is compressed and goes out.
  private static let pauseMin = Duration.milliseconds(50)

  /// The instance has paused: what the compressor holds back goes out, so that an event of a
  /// stream reaches the browser at once.
  ///
  /// A body whose length was declared is seldom a stream, and its pauses are those of the network:
  /// each flush would cost compression, so only a pause that `hasLasted` is one.
  func flushCompressor(hasLasted: Bool = false) -> Bool {
    guard let compressor = answer.compressor, compressor.isHoldingBack, !answer.clientIsFull else {
      return true
    }
    if answer.hasLength, !hasLasted {
      if answer.flushing == .none {
        answer.waitForMore(worker.loop.arm(self, after: Self.pauseMin))
      }
      return true
    }
    let nothing: [UInt8] = []
    return compress(nothing.span, .pause)
  }

  /// The body is complete.
  func endCompression() -> Bool {
    let nothing: [UInt8] = []
    let isGood = compress(nothing.span, .end)
    releaseCompressor()
    return isGood
  }

  func releaseCompressor() {
    guard let compressor = answer.takeCompressor() else { return }
    worker.loop.cancel(answer.flushing)
    answer.pauseEnded()
    worker.give(compressor)
  }

  /// Gives the client what the compressor makes of bytes; `false` when that failed.
  func compress(
    _ bytes: borrowing Span<UInt8>, _ flush: CompressionFlush
  ) -> Bool {
    guard let compressor = answer.compressor else { return false }
    var block = worker.buffers.take()
    defer { worker.buffers.give(block) }
    var done = 0
    while true {
      let step: CompressionStep
      do throws(CompressionFailed) {
        var space = block.mutableSpan
        step = try compressor.compress(bytes.extracting(done..<bytes.count), flush, into: &space)
      } catch {
        return false
      }
      done += step.consumed
      if step.produced > 0 { hand(block.span.extracting(0..<step.produced)) }
      if step.isComplete { return true }
    }
  }
}
