internal import EventLoop
internal import HTTPCore

/// What an exchange keeps, counted against its worker's ceilings.
extension Exchange {
  var bodyPlace: RequestBody.Place {
    let limits = snapshot.configuration.limits
    let isShort = worker.buffers.isShort
    return RequestBody.Place(
      memoryBytesMax: isShort ? 0 : limits.bodyMemoryBytes, directory: worker.spoolDirectory,
      spareBytes: limits.memoryBytes - worker.buffers.bytesOut)
  }

  /// Counts what is kept for this exchange against the worker's ceilings.
  func countMemory() {
    counted.count(
      bytes: Self.objectBytes + request.memoryBytes + spool.memoryBytes + ownBody.memoryBytes,
      files: request.diskBytes + spool.fileBytes, in: worker.buffers)
  }

  /// What is kept for this exchange, with the blocks that it has from the pool.
  var memoryHeld: Int {
    let compressor = answer.compressor?.memoryBytes ?? 0
    return counted.bytes + attempts.inputBytes + compressor + fileBody.blockBytes
  }

  var filesHeld: Int64 { counted.files }

  /// Moves to files what does not go out next; returns how many bytes.
  func spill() -> Int {
    defer { countMemory() }
    let moved = stage == .receiving ? request.spill(in: bodyPlace) : 0
    guard snapshot.configuration.limits.responseFileBytes > 0 else { return moved }
    return moved + spool.spill(in: worker.spoolDirectory)
  }

  /// The client holds more than its share: its answer is given up.
  func cutForMemory() {
    guard stage != .done else { return }
    worker.counters.refused(.memory)
    guard answer.hasBegun else { return answerLocally(.status(503, "memory-limit")) }
    note(cause: "memory-limit")
    driver?.cutAnswer()
  }

  /// A request with a head of this size is counted only once something else is kept for it.
  static let uncountedHeadBytes = 8 * 1024

  /// The exchange itself with what belongs to it always: its stream, its record, its attempt.
  private static let objectBytes = 4 * 1024
}
