internal import EventLoop

/// Calls a worker once a second.
final class Ticker: TimerTarget {
  /// The worker owns its ticker.
  private unowned let worker: Worker

  init(worker: Worker) { self.worker = worker }

  func start() { _ = worker.loop.arm(self, after: .seconds(1)) }

  func timerFired(_ token: TimerToken) {
    worker.tick()
    start()
  }
}
