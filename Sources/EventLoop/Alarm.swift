/// One timer that can be set again and again, with what is to happen when it goes off.
///
/// For the control thread; per-connection timers are `TimerTarget`s of their own.
package final class Alarm: TimerTarget {
  private let loop: EventLoop
  private let action: () -> Void
  private var token = TimerToken.none

  package init(on loop: EventLoop, _ action: @escaping () -> Void) {
    self.loop = loop
    self.action = action
  }

  /// Goes off once after `delay`; an earlier setting is forgotten.
  package func set(after delay: Duration) {
    cancel()
    token = loop.arm(self, after: delay)
  }

  /// Whether it is yet to go off.
  package var isSet: Bool { token != .none }

  package func cancel() {
    loop.cancel(token)
    token = .none
  }

  package func timerFired(_ token: TimerToken) {
    self.token = .none
    action()
  }
}

@available(*, unavailable) extension Alarm: Sendable {}
