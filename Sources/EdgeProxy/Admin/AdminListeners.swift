internal import EventLoop
internal import Logging

/// All places where administrators connect: each has a listener of its own, and one that cannot be opened keeps
/// no other closed.
final class AdminListeners {
  private let loop: EventLoop
  private let logger: Logger
  private let warnings: Warnings
  private let desk: AdminDesk
  private var listeners: [AdminListener] = []
  /// Those whose address is gone; they finish the answers that they have.
  private var former: [AdminListener] = []

  init(loop: EventLoop, logger: Logger, warnings: Warnings, desk: AdminDesk) {
    self.loop = loop
    self.logger = logger
    self.warnings = warnings
    self.desk = desk
  }

  /// Opens what is not open yet.
  func open() {
    for listener in listeners { listener.open() }
    former.removeAll { $0.isIdle }
  }

  /// Moves to other addresses; what stays is not touched, and requests that have come in are still answered.
  func move(to addresses: [SocketAddress]) {
    for listener in listeners where !addresses.contains(listener.address) {
      listener.release()
      former.append(listener)
    }
    let before = listeners
    listeners = addresses.map { address in
      before.first { $0.address == address }
        ?? AdminListener(address, loop: loop, logger: logger, warnings: warnings, desk: desk)
    }
    open()
  }

  /// Takes the sockets and their files away, and ends all connections.
  func close() {
    for listener in listeners + former { listener.close() }
  }
}

@available(*, unavailable) extension AdminListeners: Sendable {}
