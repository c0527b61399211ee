internal import ACME
internal import EventLoop

/// The zone that the fleet answers itself.
///
/// Every server has the values already: whatever a CA is to be shown is published to the fleet before any way
/// into DNS is gone, and goes with the lease under which it lies there.
final class ZoneSolver: ChallengeSolver {
  private let loop: EventLoop
  private var isClosed = false

  init(on loop: EventLoop) { self.loop = loop }

  func present(_ values: [ChallengeValue], _ done: @escaping (SolverFailure?) -> Void) {
    loop.soon { [weak self] in
      if let self, !isClosed { done(nil) }
    }
  }

  func remove(_ values: [ChallengeValue], _ done: @escaping () -> Void) {
    loop.soon { [weak self] in
      if let self, !isClosed { done() }
    }
  }

  func close() { isClosed = true }
}

@available(*, unavailable) extension ZoneSolver: Sendable {}
