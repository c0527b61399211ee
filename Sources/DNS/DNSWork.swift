package import EventLoop

/// Something under way that its owner may give up.
package protocol DNSWork: AnyObject {
  /// Nothing is told afterwards.
  func cancel()
}

/// Tells what is known already, but by the loop, at the end of its turn.
package final class DNSLater: DNSWork, TurnEnd {
  private var action: (() -> Void)?

  package init(on loop: EventLoop, _ action: @escaping () -> Void) {
    self.action = action
    loop.atTurnEnd(self)
  }

  package func cancel() { action = nil }

  package func turnEnded() {
    let action = action
    self.action = nil
    action?()
  }
}

@available(*, unavailable) extension DNSLater: Sendable {}
