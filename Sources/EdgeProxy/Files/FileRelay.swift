internal import EventLoop
internal import HTTPCore

/// A file's way to the client.
///
/// The disk is read on the worker: what is served often is in the page cache, where a read takes
/// microseconds, and a piece is small. What the client cannot take stays on the disk.
extension Exchange {
  /// Pieces for one client in one turn, so that a fast one cannot starve the others.
  private static let piecesPerTurnMax = 4

  /// Sends as much as the client takes, within the share of this turn.
  func sendFile() {
    guard let driver else { return }
    var pieces = 0
    while true {
      // Nothing is read that the client cannot take anyway.
      let room = driver.room
      guard room > 0 else { return waitWithFile(driver) }
      if fileBody.front.isEmpty {
        guard pieces < Self.piecesPerTurnMax else { return worker.loop.atTurnEnd(self) }
        pieces += 1
      }
      switch fileBody.fill(worker.buffers, most: room) {
      case .some: break
      case .end:
        answer.give()
        return endIfDone()
      case .truncated: return cutFile("file-truncated")
      case .failed: return cutFile("file-read")
      }
      let taken = driver.sendBody(fileBody.front)
      fileBody.consume(taken)
      carried(bytesOut: Int64(taken))
      if !fileBody.front.isEmpty { return waitWithFile(driver) }
    }
  }

  private func waitWithFile(_ driver: ExchangeDriver) {
    answer.clientFilled()
    fileBody.wait(worker.buffers)
    driver.waitForRoom()
  }

  /// The length is told already, so the client must see that this is not all.
  private func cutFile(_ cause: StaticString) {
    note(cause: cause)
    driver?.cutAnswer()
  }
}
