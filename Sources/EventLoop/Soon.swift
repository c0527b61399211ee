/// A call at the end of the turn.
private final class Soon: TurnEnd {
  private let act: () -> Void

  init(_ act: @escaping () -> Void) { self.act = act }

  func turnEnded() { act() }
}

extension EventLoop {
  /// Calls `act` at the end of the turn: for a completion that its caller must not hear within its call.
  package func soon(_ act: @escaping () -> Void) { atTurnEnd(Soon(act)) }
}
