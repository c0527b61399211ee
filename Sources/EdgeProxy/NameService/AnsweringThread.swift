internal import EventLoop
internal import Logging

/// The thread that answers for the zone, as the control thread sees it.
struct AnsweringThread: Sendable {
  let counts: NameServiceCounts
  private let loop: LoopHandle
  private let thread: WorkerThread

  /// Starts it and waits until it can be told something.
  static func start(
    _ answers: ZoneAnswers, answersPerSecond: Int?, logger: Logger
  ) throws(SystemError) -> AnsweringThread {
    let counts = NameServiceCounts()
    let answer = Guarded<Result<LoopHandle, SystemError>?>(nil)
    let waiting = try EventLoop()
    let handle = waiting.handle
    let thread = try WorkerThread(name: "dns") {
      do throws(SystemError) {
        let loop = try EventLoop()
        let desk = ZoneDesk(
          answers, answersPerSecond: answersPerSecond, on: loop, counts: counts, logger: logger)
        loop.owner = desk
        answer.withLock { [handle = loop.handle] in $0 = .success(handle) }
        handle.post { $0.stop() }
        try loop.run()
        desk.close()
        loop.owner = nil
      } catch {
        logger.critical("the name service ended", metadata: ["error": "\(error)"])
        answer.withLock { if $0 == nil { $0 = .failure(error) } }
        handle.post { $0.stop() }
      }
    }
    try waiting.run()
    switch answer.withLock({ $0 }) {
    case .success(let loop): return AnsweringThread(counts: counts, loop: loop, thread: thread)
    case .failure(let error):
      thread.join()
      throw error
    case nil: throw SystemError("eventfd")
    }
  }

  func post(_ order: @escaping @Sendable (ZoneDesk) -> Void) {
    loop.post { if let desk = $0.owner as? ZoneDesk { order(desk) } }
  }

  /// Ends it once it has carried out what it was told before.
  func stop() {
    loop.post { $0.stop() }
    thread.join()
  }
}
