internal import CLinux
internal import Glibc

/// An epoll set; what it reports are tokens, never pointers.
///
/// The union in `epoll_event` is what makes it unsafe by itself; only its number is used.
// SAFETY: the kernel copies events in and out within each call; `ready` has as many places as
// `wait` asks for, and only the number in the union is used. Indices come from the count of the
// last `wait`.
@safe
package struct Epoll: ~Copyable {
  /// What a descriptor is ready for, or is to be watched for.
  package struct Events: OptionSet, Sendable {
    package let rawValue: UInt32
    @inline(__always)
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let readable = Events(rawValue: EPOLLIN.rawValue)
    package static let writable = Events(rawValue: EPOLLOUT.rawValue)
    /// The peer has shut its writing side.
    package static let peerClosed = Events(rawValue: EPOLLRDHUP.rawValue)
    package static let failed = Events(rawValue: EPOLLERR.rawValue)
    /// What every client connection is watched for.
    package static let incoming = Events(
      rawValue: EPOLLIN.rawValue | EPOLLRDHUP.rawValue)
    /// What an upstream connection is watched for once its request is out.
    package static let answer = Events(
      rawValue: EPOLLIN.rawValue | EPOLLRDHUP.rawValue | 0x8000_0000)
    /// … and while it is not.
    package static let exchange = Events(
      rawValue: EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | 0x8000_0000)

    package var isReadable: Bool { rawValue & EPOLLIN.rawValue != 0 }
    package var isWritable: Bool { rawValue & EPOLLOUT.rawValue != 0 }
    package var isFailed: Bool { rawValue & EPOLLERR.rawValue != 0 }
    package var isHungUp: Bool { rawValue & EPOLLHUP.rawValue != 0 }
    /// The peer has ended its side, in order or not.
    package var isEnding: Bool {
      rawValue & (EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0
    }
  }

  private let descriptor: FileDescriptor
  private var ready: [epoll_event]

  init(batch: Int = 256) throws(SystemError) {
    let raw = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard raw >= 0 else { throw SystemError("epoll_create1") }
    descriptor = FileDescriptor(owning: raw)
    unsafe ready = [epoll_event](repeating: epoll_event(), count: batch)
  }

  func add(_ raw: Int32, _ events: Events, token: UInt64) throws(SystemError) {
    try control(EPOLL_CTL_ADD, raw, events, token)
  }

  func modify(_ raw: Int32, _ events: Events, token: UInt64) throws(SystemError) {
    try control(EPOLL_CTL_MOD, raw, events, token)
  }

  func remove(_ raw: Int32) {
    var event = unsafe epoll_event()
    _ = unsafe epoll_ctl(descriptor.raw, EPOLL_CTL_DEL, raw, &event)
  }

  private func control(
    _ operation: Int32, _ raw: Int32, _ events: Events, _ token: UInt64
  ) throws(SystemError) {
    var event = unsafe epoll_event()
    unsafe event.events = events.rawValue
    unsafe event.data.u64 = token
    guard unsafe epoll_ctl(descriptor.raw, operation, raw, &event) == 0 else {
      throw SystemError("epoll_ctl")
    }
  }

  /// Waits at most `milliseconds` (-1 for ever) and returns how many events are there.
  mutating func wait(milliseconds: Int32) throws(SystemError) -> Int {
    let count = unsafe epoll_wait(descriptor.raw, &ready, Int32(ready.count), milliseconds)
    if count >= 0 { return Int(count) }
    if errno == EINTR { return 0 }
    throw SystemError("epoll_wait")
  }

  func event(_ index: Int) -> (token: UInt64, events: Events) {
    let event = unsafe ready[index]
    return unsafe (event.data.u64, Events(rawValue: event.events))
  }
}

package typealias Readiness = Epoll.Events
