internal import Configuration
internal import EventLoop
internal import Glibc
internal import Logging
internal import TLS

/// Starts the loader of the certificates on a thread of its own and waits for what it finds first.
enum LoaderThread {
  struct Started: Sendable {
    let loader: LoopHandle
    let report: CertificateReport
  }

  /// Clients come first: where they and a reading want the same processor, they have four times as
  /// much of it.
  private static let niceness: Int32 = 5

  /// `told` is called on the new thread.
  static func start(
    _ configuration: Configuration, encryption: EncryptionKeys?, logger: Logger,
    told: @escaping @Sendable (CertificateReport) -> Void
  ) throws(SystemError) -> (Started, WorkerThread) {
    let answer = Guarded<Result<Started, SystemError>?>(nil)
    let waiting = try EventLoop()
    let handle = waiting.handle
    let thread = try WorkerThread(name: "certificates") {
      do throws(SystemError) {
        let loop = try EventLoop()
        let loader = CertificateLoader(
          configuration, encryption: encryption, logger: logger, on: loop, told: told)
        loop.owner = loader
        loader.begin()
        let started = Started(loader: loop.handle, report: loader.report)
        answer.withLock { $0 = .success(started) }
        handle.post { $0.stop() }
        // Where it is not allowed, the thread is a thread like others. 0 means the thread that calls.
        _ = setpriority(Int32(PRIO_PROCESS.rawValue), 0, niceness)
        try loop.run()
        loop.owner = nil
      } catch {
        logger.critical("the loader of the certificates ended", metadata: ["error": "\(error)"])
        answer.withLock { if $0 == nil { $0 = .failure(error) } }
        handle.post { $0.stop() }
      }
    }
    try waiting.run()
    guard let result = answer.withLock({ $0 }) else { throw SystemError("eventfd") }
    return (try result.get(), thread)
  }
}
