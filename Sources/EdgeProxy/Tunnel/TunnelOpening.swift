internal import HTTPCore

/// An answer that turns the connection into a tunnel, RFC 9110 §7.8.
extension Exchange: TunnelOwner {
  /// Silence of one side that ends a tunnel once the other has ended.
  private static let halfOpenMax = Duration.seconds(30)

  /// Whether a 101 is what the client asked for; before it not a byte of the client's goes further.
  func mayOpenTunnel(_ attempt: Attempt) -> Bool {
    guard attempt === attempts.first, request.facts.asksForWebSocket,
      attempt.response.opensWebSocket
    else { return false }
    guard request.head.isExtendedConnect else { return true }
    let accepted = WebSocketKey.accept(request.facts.webSocketKey)
    return attempt.response.accepts(accepted.span)
  }

  /// Whether an answer would be taken for the agreement that it is not: every 2xx opens a tunnel for
  /// a client that has sent CONNECT, RFC 9110 §9.3.6.
  func mistakesForTunnel(_ status: Int) -> Bool {
    request.head.isExtendedConnect && (200..<300).contains(status)
  }

  /// The agreement goes to the client, and bytes move both ways from here on.
  func openTunnel(_ attempt: Attempt) {
    guard let driver, let upstream, let node = attempt.node else { return dropStale(attempt) }
    node.recordSuccess(
      began: attempt.startedAt.nanoseconds, now: worker.loop.now.nanoseconds)
    noteReached(attempt, node)
    noteTry(attempt, .ok)
    attempts.dropKept()?.close()
    let isStream = request.head.isExtendedConnect
    let status = attempt.response.status
    let framing = isStream ? OutputFraming.untilClose : .none
    let fitted = beginAnswer(from: .tunnel, driver, status, framing) { output in
      isStream
        ? HeadSerializer.writeConnected(attempt.response, date: worker.date.span, into: &output)
        : HeadSerializer.writeSwitch(attempt.response, into: &output)
    }
    guard fitted else { return answerLocally(.status(502, "response-head-too-large")) }
    upstream.answered()
    // The tunnel counts as a request under way at its node.
    node.begin()
    tunnelNode = node
    _ = attempts.takeFirst()
    let manner = Tunnel.Manner(
      idle: upstream.settings.tunnelTimeout, halfOpen: Self.halfOpenMax, passesResets: false)
    let tunnel = Tunnel(self, worker: worker, manner)
    tunnel.take(attempt)
    driver.handOver(to: tunnel)
  }

  func tunnelEnds() {}

  func tunnelEnded(bytesIn: Int64, bytesOut: Int64) {
    tunnelNode?.end()
    tunnelNode = nil
    upstream?.slotFreed()
    carried(bytesIn: bytesIn, bytesOut: bytesOut)
    finish()
    worker.give(self)
  }
}
