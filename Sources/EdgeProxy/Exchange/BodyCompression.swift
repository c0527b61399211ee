internal import HTTPCore

/// Answers that are compressed on their way to the client.
extension Exchange {
  /// What becomes of the body, with a compressor taken for it where it is to be compressed.
  func chooseCoding(_ response: borrowing ResponseHead) -> BodyCoding {
    let configuration = snapshot.configuration
    let mode = configuration.routes[route].compress ?? configuration.compress.mode
    guard !mode.isOff else { return .asSent }
    let coding = configuration.compress.rules.coding(
      of: response, for: head, sparingCookies: mode == .withoutCookies)
    guard coding == .gzip else { return coding }
    let compressor = worker.takeCompressor(
      level: configuration.compress.level, countMax: configuration.limits.compressors)
    guard let compressor else { return .varying }
    pump.compressor = compressor
    return .gzip
  }

  /// After so long without a byte of a declared length what came is compressed and goes out.
  private static let pauseMin = Duration.milliseconds(50)

  /// Gives the client what was read, or what the compressor makes of it; `false` when that failed.
  func handOn(_ bytes: borrowing Span<UInt8>) -> Bool {
    guard pump.compressor != nil else {
      hand(bytes)
      return true
    }
    return compress(bytes, .nothing)
  }

  /// The instance has paused: what the compressor holds back goes out, so that an event of a
  /// stream reaches the browser at once.
  ///
  /// A body whose length was declared is seldom a stream, and its pauses are those of the network:
  /// each flush would cost compression, so only a pause that `hasLasted` is one.
  func flushCompressor(hasLasted: Bool = false) -> Bool {
    guard let compressor = pump.compressor, compressor.isHoldingBack, !pump.clientBlocked else {
      return true
    }
    if case .length = pump.framing, !hasLasted {
      if pump.flushing == .none {
        pump.flushing = worker.loop.arm(self, after: Self.pauseMin)
      }
      return true
    }
    let nothing: [UInt8] = []
    return compress(nothing.span, .pause)
  }

  /// The body is complete.
  func endCompression() -> Bool {
    guard pump.compressor != nil else { return true }
    let nothing: [UInt8] = []
    let isGood = compress(nothing.span, .end)
    releaseCompressor()
    return isGood
  }

  func releaseCompressor() {
    guard let compressor = pump.compressor else { return }
    pump.compressor = nil
    worker.loop.cancel(pump.flushing)
    pump.flushing = .none
    worker.give(compressor)
  }

  private func compress(
    _ bytes: borrowing Span<UInt8>, _ flush: GzipCompressor.Flush
  ) -> Bool {
    guard let compressor = pump.compressor else { return false }
    var block = worker.buffers.take()
    defer { worker.buffers.give(block) }
    var done = 0
    while true {
      let step: GzipCompressor.Step
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
