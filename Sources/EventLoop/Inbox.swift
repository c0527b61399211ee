internal import CLinux
internal import Glibc

/// What other threads leave for an object of a loop, in order.
///
/// `LoopHandle.post` reaches the owner of a loop; this reaches any object on it.
package final class Inbox<Value: Sendable>: EventSource {
  /// The way in, for any thread.
  package final class Slot: Sendable {
    fileprivate let values = Guarded<[Value]>([])
    fileprivate let wakeup: FileDescriptor

    fileprivate init() throws(SystemError) {
      let raw = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
      guard raw >= 0 else { throw SystemError("eventfd") }
      wakeup = FileDescriptor(owning: raw)
    }

    package func leave(_ value: Value) {
      values.withLock { $0.append(value) }
      _ = eventfd_write(wakeup.raw, 1)
    }
  }

  package let slot: Slot
  private let loop: EventLoop
  private let take: (Value) -> Void
  private var token = SourceToken.none

  /// `take` is called on the loop's thread, once for each value, until `close`.
  package init(on loop: EventLoop, _ take: @escaping (Value) -> Void) throws(SystemError) {
    self.loop = loop
    self.take = take
    slot = try Slot()
    token = try loop.register(slot.wakeup.raw, self, [.readable])
  }

  package func close() {
    loop.unregister(slot.wakeup.raw, token)
    token = .none
  }

  package func ready(_ events: Readiness) {
    var count: eventfd_t = 0
    // SAFETY: the value lies in this frame.
    _ = unsafe eventfd_read(slot.wakeup.raw, &count)
    let values = slot.values.withLock { values in
      defer { values = [] }
      return values
    }
    for value in values where token != .none { take(value) }
  }
}

@available(*, unavailable) extension Inbox: Sendable {}
