internal import HTTPCore

/// An answer that turns the connection into a tunnel, RFC 9110 §7.8.
extension Exchange {
  /// Whether a 101 is what the client asked for; before it not a byte of the client's goes further.
  func mayOpenTunnel(_ attempt: Attempt) -> Bool {
    attempt === self.attempt && facts.asksForWebSocket && attempt.response.opensWebSocket
  }

  /// The agreement goes to the client, and bytes move both ways from here on.
  func openTunnel(_ attempt: Attempt) {
    guard let driver, let upstream, let node = attempt.node else { return dropStale(attempt) }
    node.recordSuccess(
      began: attempt.startedAt.nanoseconds, now: worker.loop.now.nanoseconds)
    noteTry(attempt, "ok")
    dropFallback()
    stage = .answering
    record.status = attempt.response.status
    markFirstByte()
    let fitted = driver.sendHead(.none) { output in
      HeadSerializer.writeSwitch(attempt.response, into: &output)
    }
    guard fitted else { return answerLocally(.status(502, "response-head-too-large")) }
    upstream.answered()
    // The tunnel counts as a request under way at its node.
    node.begin()
    self.attempt = nil
    let tunnel = Tunnel(self, node: node, idle: upstream.settings.tunnelTimeout)
    tunnel.take(attempt)
    driver.handOver(to: tunnel)
  }
}
