internal import CLinux
internal import Glibc

/// Wakes threads that have no loop: each ring lets one of them go on.
package final class Bell: Sendable {
  private let descriptor: FileDescriptor

  package init() throws(SystemError) {
    let raw = eventfd(0, Int32(EFD_CLOEXEC | EFD_SEMAPHORE))
    guard raw >= 0 else { throw SystemError("eventfd") }
    descriptor = FileDescriptor(owning: raw)
  }

  package func ring(times count: UInt64 = 1) { _ = eventfd_write(descriptor.raw, count) }

  /// Waits for a ring that nobody has heard.
  package func wait() {
    var value: eventfd_t = 0
    // SAFETY: the value lies in this frame.
    while unsafe eventfd_read(descriptor.raw, &value) != 0, errno == EINTR {}
  }
}
