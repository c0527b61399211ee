internal import EventLoop
internal import Synchronization

/// Sees whether every worker still turns: a frozen one must not be hidden from the watchdog.
final class WorkerWatch: Sendable {
  private let answered: [Pulse]

  /// When a worker last did what it was asked.
  final class Pulse: Sendable {
    let at = Atomic<Int64>(Int64.max)
  }

  private let began: Instant

  init(count: Int, now: Instant) {
    answered = (0..<count).map { _ in Pulse() }
    began = now
  }

  /// Asks all workers for a sign of life.
  func ask(_ workers: [WorkerHandle]) {
    for (pulse, worker) in zip(answered, workers) {
      worker.post { pulse.at.store($0.loop.now.nanoseconds, ordering: .relaxed) }
    }
  }

  /// How long a worker has not done what it was asked, or been there at all.
  func silence(of worker: Int, now: Instant) -> Duration {
    let at = answered[worker].at.load(ordering: .relaxed)
    return now - (at == .max ? began : Instant(nanoseconds: min(at, now.nanoseconds)))
  }

  /// Whether every worker that ever answered did so within `span` before `now`.
  func allAlive(now: Instant, within span: Duration) -> Bool {
    answered.allSatisfy {
      let at = $0.at.load(ordering: .relaxed)
      return at == .max || now.nanoseconds - at <= span.nanoseconds
    }
  }
}
