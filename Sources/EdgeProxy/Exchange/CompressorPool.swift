internal import HTTPCore

/// The compressors of one worker: their memory is bounded, and a few are kept.
struct CompressorPool {
  /// Kept for later, in bytes.
  private static let keptBytesMax = 4 << 20

  private var kept: [BodyCompressor] = []
  private var keptBytes = 0
  private(set) var lentBytes = 0

  /// `nil` where there is no memory.
  mutating func take(_ coding: ContentCoding, level: Int) -> BodyCompressor? {
    guard let compressor = takeKept(coding, level) ?? BodyCompressor(coding, level: level) else {
      return nil
    }
    lentBytes += compressor.memoryBytes
    return compressor
  }

  /// One of another level is of no use any more: the configuration has changed.
  private mutating func takeKept(_ coding: ContentCoding, _ level: Int) -> BodyCompressor? {
    guard let place = kept.lastIndex(where: { $0.coding == coding }) else { return nil }
    let compressor = kept.remove(at: place)
    keptBytes -= compressor.memoryBytes
    return compressor.level == level ? compressor : nil
  }

  mutating func give(_ compressor: BodyCompressor) {
    lentBytes -= compressor.memoryBytes
    guard keptBytes + compressor.memoryBytes <= Self.keptBytesMax else { return }
    compressor.reset()
    kept.append(compressor)
    keptBytes += compressor.memoryBytes
  }
}

extension Worker {
  /// Whether another compressor of this coding may be lent.
  ///
  /// `bytesMax` bounds the memory of all, of whichever codings. Where memory is short, gzip alone goes on:
  /// the others take a multiple of it.
  func hasRoom(for coding: ContentCoding, bytesMax: Int) -> Bool {
    if coding != .gzip, buffers.isShort { return false }
    return compressors.lentBytes + BodyCompressor.memoryBytes(coding) <= bytesMax
  }

  /// A compressor, counted as memory; `nil` where there is none.
  func takeCompressor(_ coding: ContentCoding, level: Int) -> BodyCompressor? {
    guard let compressor = compressors.take(coding, level: level) else { return nil }
    buffers.count(compressor.memoryBytes)
    return compressor
  }

  func give(_ compressor: BodyCompressor) {
    buffers.count(-compressor.memoryBytes)
    compressors.give(compressor)
  }
}
