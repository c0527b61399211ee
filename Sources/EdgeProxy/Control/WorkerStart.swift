internal import Configuration
internal import EventLoop
internal import Logging
internal import TLS

/// Starts a worker on a thread of its own and waits until it can be asked.
enum WorkerStart {
  /// What comes back from the new thread: the way to the worker, or why there is none.
  private final class Answer: Sendable {
    let result = Guarded<Result<WorkerHandle, WorkerFailed>?>(nil)
  }

  struct WorkerFailed: Error, CustomStringConvertible {
    let description: String
  }

  static func start(
    _ number: Int, _ plan: WorkerPlan, logger: Logger
  ) throws -> (WorkerHandle, WorkerThread) {
    let answer = Answer()
    let waiting = try EventLoop()
    let handle = waiting.handle
    let thread = try WorkerThread(name: "worker-\(number)") {
      do {
        let worker = try Worker(plan, logger: logger)
        let made = WorkerHandle(loop: worker.loop.handle, counters: worker.counters)
        answer.result.withLock { $0 = .success(made) }
        handle.post { $0.stop() }
        try worker.loop.run()
        worker.loop.owner = nil
      } catch {
        logger.critical("a worker ended", metadata: ["error": "\(error)"])
        answer.result.withLock {
          if $0 == nil { $0 = .failure(WorkerFailed(description: "\(error)")) }
        }
        handle.post { $0.stop() }
      }
    }
    try waiting.run()
    guard let result = answer.result.withLock({ $0 }) else {
      throw WorkerFailed(description: "the worker did not start")
    }
    return (try result.get(), thread)
  }
}
