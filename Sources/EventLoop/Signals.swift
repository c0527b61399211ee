internal import CLinux
internal import Glibc

/// Signals as an event source: blocked for the whole process and read from a descriptor.
// SAFETY: sets and records are values of the frame that lends them for one call; a read is as long
// as a record.
package final class Signals: EventSource {
  private let descriptor: FileDescriptor
  private let received: (Int32) -> Void

  /// Blocks `numbers` in the calling thread and all threads that it starts afterwards.
  package static func block(_ numbers: [Int32]) {
    var set = mask(numbers)
    unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  /// Ignores SIGPIPE: a peer that is gone is an error of the write, not the end of the program.
  package static func ignoreBrokenPipes() {
    signal(SIGPIPE, SIG_IGN)
  }

  /// Reads `numbers`, which must be blocked, and passes each to `received` on the loop.
  package init(_ numbers: [Int32], received: @escaping (Int32) -> Void) throws(SystemError) {
    var set = Self.mask(numbers)
    let raw = unsafe signalfd(
      -1, &set, Int32(SFD_CLOEXEC | SFD_NONBLOCK))
    guard raw >= 0 else { throw SystemError("signalfd") }
    descriptor = FileDescriptor(owning: raw)
    self.received = received
  }

  package func register(with loop: EventLoop) throws(SystemError) {
    _ = try loop.register(descriptor.raw, self, [.readable])
  }

  package func ready(_ events: Readiness) {
    var record = signalfd_siginfo()
    while unsafe Glibc.read(descriptor.raw, &record, MemoryLayout<signalfd_siginfo>.size)
      == MemoryLayout<signalfd_siginfo>.size
    {
      received(Int32(bitPattern: record.ssi_signo))
    }
  }

  private static func mask(_ numbers: [Int32]) -> sigset_t {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for number in numbers { unsafe sigaddset(&set, number) }
    return set
  }
}
