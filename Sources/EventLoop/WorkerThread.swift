internal import CCrash
internal import CLinux
internal import Glibc

/// A thread of this program; the code that started it joins it.
package struct WorkerThread: Sendable {
  private let identifier: pthread_t

  /// The body of a thread on its way to it.
  private final class Start: Sendable {
    let name: String
    let body: @Sendable () -> Void
    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }

  /// Starts a thread that runs `body` and ends; the name is cut at 15 bytes.
  package init(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
    var identifier = pthread_t()
    // SAFETY: the new thread takes the reference over that is made here.
    let start = unsafe Unmanaged.passRetained(Start(name: String(name.prefix(15)), body: body))
    let code = unsafe pthread_create(
      &identifier, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        _ = unsafe pthread_setname_np(pthread_self(), start.name)
        crash_prepare_thread()
        start.body()
        return nil
      }, start.toOpaque())
    guard code == 0 else {
      unsafe start.release()
      throw SystemError("pthread_create", code: code)
    }
    self.identifier = identifier
  }

  /// Starts a thread that nobody waits for.
  package static func detached(
    name: String, _ body: @escaping @Sendable () -> Void
  ) throws(SystemError) {
    let thread = try WorkerThread(name: name, body)
    _ = pthread_detach(thread.identifier)
  }

  package func join() { _ = pthread_join(identifier, nil) }
}

/// The number of processors that this process may run on.
package func processorCount() -> Int {
  var set = cpu_set_t()
  // SAFETY: the kernel fills a value of this frame, whose size it is told; its bytes are read while
  // it lives.
  guard unsafe sched_getaffinity(0, MemoryLayout<cpu_set_t>.size, &set) == 0 else { return 1 }
  let count = unsafe withUnsafeBytes(of: &set) { raw in
    unsafe raw.reduce(0) { $0 + $1.nonzeroBitCount }
  }
  return max(1, count)
}
