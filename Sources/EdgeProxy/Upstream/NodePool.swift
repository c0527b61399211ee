internal import Configuration
internal import EventLoop

/// Idle connections of one worker to one node, the one used last lent first.
///
/// The node may end any of them at any time, so each is watched while it is here. Between its end
/// and our hearing of it a request can still go out on it: one that can be repeated then is, on a
/// fresh connection, and one that cannot gets only a connection that was used a moment ago, which
/// no server closes yet.
final class NodePool: NodeConnectionOwner, TimerTarget {
  /// The worker's, which outlives its pools.
  private let loop: EventLoop
  private let settings: KeepAliveSettings
  /// The one used longest ago first.
  private var idle: [NodeConnection] = []
  private var timer = TimerToken.none
  private var isClosed = false

  /// How long ago a connection may have been used that is lent to a request sent only once.
  ///
  /// Servers in common use keep idle connections for 2 s (gunicorn) or longer.
  private static let freshMax = Duration.seconds(1)

  init(loop: EventLoop, settings: KeepAliveSettings) {
    self.loop = loop
    self.settings = settings
  }

  var count: Int { idle.count }

  /// Lends a connection; `nil` where there is none that `isRepeatable` lets use.
  ///
  /// Each is looked at once more: bytes that nobody asked for would be taken for the answer.
  func take(isRepeatable: Bool) -> NodeConnection? {
    while let last = idle.last {
      let isFresh = loop.now <= last.idleSince + Self.freshMax
      guard isRepeatable || isFresh else { return nil }
      idle.removeLast()
      if last.isQuiet() { return last }
      last.close()
    }
    return nil
  }

  /// Takes a connection whose answer is over; `false` where it has to be closed.
  func keep(_ connection: NodeConnection) -> Bool {
    guard !isClosed, idle.count < settings.connections else { return false }
    connection.rest(self)
    idle.append(connection)
    if timer == .none { timer = loop.arm(self, after: settings.idle) }
    return true
  }

  /// Closes all and keeps none any more: the node is no longer in the configuration.
  func close() {
    isClosed = true
    loop.cancel(timer)
    timer = .none
    for connection in idle { connection.close() }
    idle = []
  }

  /// No request is under way: whatever comes ends the connection.
  func nodeReady(_ connection: NodeConnection, _ events: Readiness) {
    guard !connection.isQuiet() else { return }
    idle.removeAll { $0 === connection }
    connection.close()
  }

  func timerFired(_ token: TimerToken) {
    timer = .none
    let now = loop.now
    let count = idle.prefix { $0.idleSince + settings.idle <= now }.count
    for connection in idle.prefix(count) { connection.close() }
    idle.removeFirst(count)
    if let next = idle.first {
      timer = loop.arm(self, at: next.idleSince + settings.idle)
    }
  }
}

@available(*, unavailable) extension NodePool: Sendable {}
