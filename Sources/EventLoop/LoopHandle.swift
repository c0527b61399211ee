internal import CLinux
internal import Glibc

/// The one door into a loop from other threads: what is posted runs on the loop, in order.
package struct LoopHandle: Sendable {
  let mailbox: Mailbox

  /// Runs `job` on the loop's thread in one of its next turns.
  package func post(_ job: @escaping @Sendable (EventLoop) -> Void) {
    mailbox.post(job)
  }
}

/// Jobs from other threads and the descriptor that wakes the loop for them.
final class Mailbox: Sendable {
  private let jobs = Guarded<[@Sendable (EventLoop) -> Void]>([])
  private let wakeup: FileDescriptor

  init() throws(SystemError) {
    let raw = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    guard raw >= 0 else { throw SystemError("eventfd") }
    wakeup = FileDescriptor(owning: raw)
  }

  var descriptor: Int32 { wakeup.raw }

  func post(_ job: @escaping @Sendable (EventLoop) -> Void) {
    let wasEmpty = jobs.withLock { jobs in
      jobs.append(job)
      return jobs.count == 1
    }
    // Only the first job wakes the loop; it takes all that are there when it comes.
    if wasEmpty { _ = eventfd_write(wakeup.raw, 1) }
  }

  func take() -> [@Sendable (EventLoop) -> Void] {
    var value: eventfd_t = 0
    // SAFETY: the value lies in this frame.
    _ = unsafe eventfd_read(wakeup.raw, &value)
    return jobs.withLock { jobs in
      let taken = jobs
      jobs = []
      return taken
    }
  }
}

/// Runs the jobs of a mailbox on its loop.
final class MailboxSource: EventSource {
  private let mailbox: Mailbox
  /// The loop owns this source, so it is there whenever `ready` is called.
  private unowned let loop: EventLoop

  init(mailbox: Mailbox, loop: EventLoop) {
    self.mailbox = mailbox
    self.loop = loop
  }

  func ready(_ events: Readiness) {
    for job in mailbox.take() { job(loop) }
  }
}
