internal import EventLoop

/// An address at which questions come in over TCP.
final class QuestionListener: EventSource, TimerTarget {
  /// Connections that are accepted before others have their turn.
  private static let acceptsPerTurn = 64
  /// How long accepting pauses when the process is out of descriptors.
  static let pause = Duration.milliseconds(100)
  /// Connections that the kernel keeps until they are accepted.
  static let backlog: Int32 = 256

  let address: SocketAddress
  private let descriptor: FileDescriptor
  /// The desk owns its listeners.
  private unowned let desk: ZoneDesk
  private var token = SourceToken.none
  private var timer = TimerToken.none

  init(_ descriptor: consuming FileDescriptor, _ address: SocketAddress, desk: ZoneDesk) {
    self.address = address
    self.desk = desk
    self.descriptor = consume descriptor
  }

  func start() throws(SystemError) {
    token = try desk.loop.register(descriptor.raw, self, [.readable])
  }

  /// Nobody connects here any more; the descriptor goes with this object.
  func close() {
    desk.loop.cancel(timer)
    timer = .none
    desk.loop.unregister(descriptor.raw, token)
    token = .none
  }

  func ready(_ events: Readiness) { accept() }

  func timerFired(_ token: TimerToken) {
    timer = .none
    do throws(SystemError) {
      try desk.loop.modify(descriptor.raw, self.token, [.readable])
      accept()
    } catch {
      wait(error)
    }
  }

  private func accept() {
    for _ in 0..<Self.acceptsPerTurn {
      do throws(SystemError) {
        guard let socket = try Socket.accept(descriptor.raw) else { return }
        try desk.accepted(socket)
      } catch {
        return wait(error)
      }
    }
  }

  /// Out of descriptors or memory: those in the queue wait, those that are open go on.
  private func wait(_ error: SystemError) {
    desk.report(error)
    guard timer == .none else { return }
    try? desk.loop.modify(descriptor.raw, token, [])
    timer = desk.loop.arm(self, after: Self.pause)
  }
}

@available(*, unavailable) extension QuestionListener: Sendable {}
