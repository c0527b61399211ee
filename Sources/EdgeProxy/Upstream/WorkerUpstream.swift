internal import EventLoop

/// An upstream as one worker sees it: shared state of its nodes, own queue of held requests.
final class WorkerUpstream {
  let settings: UpstreamSettings
  let state: UpstreamState
  let holds: HoldQueue

  init(state: UpstreamState, loop: EventLoop, heldMax: Int) {
    settings = state.settings
    self.state = state
    holds = HoldQueue(loop: loop, countMax: heldMax)
  }

  /// An instance has answered: requests that wait for one may go on.
  func answered() {
    if !holds.isEmpty { holds.release(2) }
  }
}

@available(*, unavailable) extension WorkerUpstream: Sendable {}
