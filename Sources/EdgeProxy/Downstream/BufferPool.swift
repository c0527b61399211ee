/// Memory of one worker for bytes on their way, in blocks of one size that are used again.
///
/// An idle connection owns no block. `bytesOut` counts all blocks that are lent, so that a worker
/// can refuse new requests before the machine runs out of memory.
final class BufferPool {
  static let blockBytes = 64 * 1024
  /// Blocks kept for later; more than that go back to the allocator.
  private static let keptMax = 32

  private var kept: [[UInt8]] = []
  private(set) var bytesOut = 0

  init() {
    kept.reserveCapacity(Self.keptMax)
  }

  func take() -> [UInt8] {
    bytesOut += Self.blockBytes
    if let block = kept.popLast() { return block }
    return [UInt8](repeating: 0, count: Self.blockBytes)
  }

  func give(_ block: consuming [UInt8]) {
    guard block.count == Self.blockBytes else { return }
    bytesOut -= Self.blockBytes
    if kept.count < Self.keptMax { kept.append(block) }
  }

  /// Counts memory that is held elsewhere (request bodies, spools) against the same ceiling.
  func count(_ bytes: Int) { bytesOut += bytes }
}

@available(*, unavailable) extension BufferPool: Sendable {}
