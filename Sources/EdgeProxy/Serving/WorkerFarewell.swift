internal import EventLoop

/// Runs behind the ends of what a worker cuts when it stops.
final class WorkerFarewell: TurnEnd {
  /// The worker owns the loop that has this.
  private unowned let worker: Worker
  init(_ worker: Worker) { self.worker = worker }
  func turnEnded() { worker.letGo() }
}

@available(*, unavailable) extension WorkerFarewell: Sendable {}
