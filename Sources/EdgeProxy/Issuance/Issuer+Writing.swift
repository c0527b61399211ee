internal import EventLoop
internal import Logging

/// What becomes of things is written down before the next begins.
extension Issuer {
  /// What a store did not take, such as the failure of an order while the disk is full.
  ///
  /// What is not written down would be done again at once: a CA would be asked without end.
  struct Unwritten {
    let changes: [RecordChange]
    let reason: String
    /// When it is tried again.
    let again: Instant
  }

  private static let writeAgainAfter = Duration.seconds(2)

  /// Writes what something came to, and goes on with the next.
  func record(_ changes: [RecordChange]) {
    store.write(changes) { [weak self] failure in
      guard let self else { return }
      switch failure {
      case nil: wrote(changes)
      case .failed(let reason): wrote(nothingOf: changes, reason)
      case .fencedOff, .overtaken, .refused: rest()
      }
      finish()
    }
  }

  func wrote(nothingOf changes: [RecordChange], _ reason: String) {
    if unwritten == nil {
      logger.warning(
        "nothing is ordered until it can be written down", metadata: ["reason": "\(reason)"])
    }
    unwritten = Unwritten(
      changes: left(without: changes) + changes, reason: reason,
      again: loop.now + Self.writeAgainAfter)
  }

  /// Another server issues, and this one is told of that in a moment.
  private func rest() {
    unwritten = Unwritten(
      changes: [], reason: IssuanceFailure.fencedOff.description, again: loop.now + .seconds(1))
  }

  private func wrote(_ changes: [RecordChange]) {
    guard let known = unwritten else { return }
    let left = left(without: changes)
    unwritten =
      left.isEmpty ? nil : Unwritten(changes: left, reason: known.reason, again: known.again)
  }

  private func left(without changes: [RecordChange]) -> [RecordChange] {
    let names = Set(changes.map(\.name))
    return unwritten?.changes.filter { !names.contains($0.name) } ?? []
  }

  func writeAgain(_ unwritten: Unwritten) {
    guard loop.now >= unwritten.again else { return }
    if unwritten.changes.isEmpty {
      self.unwritten = nil
      return stepSoon()
    }
    begin("", "writing")
    record(unwritten.changes)
  }

  /// Why nothing can be ordered; `nil` while all is well.
  var failure: String? { store.failure ?? unwritten?.reason }
}
