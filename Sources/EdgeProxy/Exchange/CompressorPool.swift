internal import HTTPCore

/// The compressors of one worker: how many at once is bounded, and a few are kept.
struct CompressorPool {
  /// Kept for later, 268 KB each.
  private static let keptMax = 4

  private var kept: [GzipCompressor] = []
  private var lent = 0

  /// `nil` where so many are lent already, or there is no memory.
  mutating func take(level: Int, countMax: Int) -> GzipCompressor? {
    guard lent < countMax else { return nil }
    if let compressor = kept.popLast(), compressor.level == level {
      lent += 1
      return compressor
    }
    guard let compressor = GzipCompressor(level: level) else { return nil }
    lent += 1
    return compressor
  }

  mutating func give(_ compressor: GzipCompressor) {
    lent -= 1
    guard kept.count < Self.keptMax else { return }
    compressor.reset()
    kept.append(compressor)
  }
}

extension Worker {
  /// A compressor, counted as memory; `nil` where there are enough already.
  func takeCompressor(level: Int, countMax: Int) -> GzipCompressor? {
    guard let compressor = compressors.take(level: level, countMax: countMax) else { return nil }
    buffers.count(GzipCompressor.memoryBytes)
    return compressor
  }

  func give(_ compressor: GzipCompressor) {
    buffers.count(-GzipCompressor.memoryBytes)
    compressors.give(compressor)
  }
}
