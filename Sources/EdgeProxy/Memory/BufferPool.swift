internal import HTTPCore

/// Memory of one worker for bytes on their way, in blocks of one size that are used again.
///
/// An idle connection owns no block. `bytesOut` counts all blocks that are lent and everything else
/// that is kept for clients, so that a worker can take memory back (`relieve`) before the
/// machine runs out of it. `fileBytesOut` is the same of temporary files.
final class BufferPool {
  static let blockBytes = 64 * 1024
  /// Blocks kept for later; more than that go back to the allocator.
  private static let keptMax = 32

  /// What may be out; beyond it memory is taken back.
  private var bytesMax = Int.max
  private var fileBytesMax = Int64.max
  private var relieve: (() -> Void)?
  private var kept: [[UInt8]] = []
  private(set) var bytesOut = 0
  private(set) var fileBytesOut: Int64 = 0

  init() {
    kept.reserveCapacity(Self.keptMax)
  }

  func take() -> [UInt8] {
    count(Self.blockBytes)
    if let block = kept.popLast() { return block }
    return [UInt8](repeating: 0, count: Self.blockBytes)
  }

  /// A smaller one, for bytes that have to be kept for long; it is given back like the others.
  func takeSmall(_ count: Int) -> [UInt8] {
    self.count(count)
    return [UInt8](repeating: 0, count: count)
  }

  /// Gives a buffer without storage a block.
  func lend(_ buffer: inout ByteBuffer) {
    if buffer.capacity == 0 { buffer = ByteBuffer(storage: take()) }
  }

  /// Takes the block of a buffer back, with whatever is in it.
  func takeBack(_ buffer: inout ByteBuffer) {
    if buffer.capacity > 0 { give(buffer.takeStorage()) }
  }

  /// The same where nothing is in it.
  func takeBackEmpty(_ buffer: inout ByteBuffer) {
    if buffer.isEmpty { takeBack(&buffer) }
  }

  func give(_ block: consuming [UInt8]) {
    bytesOut -= block.count
    if block.count == Self.blockBytes, kept.count < Self.keptMax { kept.append(block) }
  }

  /// Counts memory that is held elsewhere (request bodies, spools) against the same ceiling.
  func count(_ bytes: Int) {
    bytesOut += bytes
    if bytesOut > bytesMax { relieve?() }
  }

  /// Counts bytes of temporary files.
  func countFiles(_ bytes: Int64) {
    fileBytesOut += bytes
    if fileBytesOut > fileBytesMax { relieve?() }
  }

  /// Bytes that can wait on the disk go there: more than half is out.
  var isShort: Bool { bytesOut > bytesMax / 2 }

  /// Whether a new request may come.
  var hasMemory: Bool { bytesOut - bytesMax <= bytesMax / 4 }

  /// Whether temporary files may grow.
  var hasFiles: Bool { fileBytesOut <= fileBytesMax }

  /// Calls `relieve` when more is out than this.
  func setLimits(bytes: Int, fileBytes: Int64, _ relieve: @escaping () -> Void) {
    bytesMax = bytes
    fileBytesMax = fileBytes
    self.relieve = relieve
    count(0)
    countFiles(0)
  }
}

@available(*, unavailable) extension BufferPool: Sendable {}
