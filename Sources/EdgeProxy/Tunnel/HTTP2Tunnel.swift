internal import EventLoop
internal import HTTPCore

/// A stream as the client's side of a tunnel, RFC 8441 §5.
///
/// END_STREAM is the end of one direction, RST_STREAM the end of both. What the client sends before
/// the agreement, and what the tunnel does not take, stays in `intake`, and the stream's window with
/// it. The connection's window is opened at once, so that a node that does not read holds up one
/// stream and not all of them, until its tunnels keep `FixedLimits.tunnelBytesKept`. That of another server is wide enough to stay
/// closed as far.
extension HTTP2Stream: TunnelClient {
  // MARK: From the driver

  /// Whether DATA is for a tunnel, agreed to or not yet.
  var keepsForTunnel: Bool {
    switch carrying {
    case .connect, .pipeOpening, .tunnel: !requestEnded
    case .request, .nothing: false
    }
  }

  func keep(_ bytes: borrowing Span<UInt8>, ended: Bool) {
    let isOwing =
      driver.isPeer || driver.tunnelBytesKept + bytes.count > FixedLimits.tunnelBytesKept
    intake.append(bytes, owing: isOwing)
    driver.worker.buffers.count(bytes.count)
    if !isOwing {
      driver.keptForTunnels(bytes.count)
      driver.session.discard(bytes.count)
    }
    if ended { endRequest() }
    tunnel?.clientReady(.incoming)
  }

  func begin(_ tunnel: Tunnel) {
    carry(.tunnel(tunnel))
    var received = ByteBuffer()
    var unsent = ByteBuffer()
    tunnel.begin(self, received: &received, unsent: &unsent)
    driver.flushLater()
  }

  // MARK: From the tunnel

  func receive(into space: inout MutableSpan<UInt8>) -> Transport.Received {
    guard !intake.isEmpty else { return requestEnded ? .closed : .wouldBlock }
    let (count, owed) = intake.take(into: &space)
    release(count, owed: owed)
    driver.session.widen(id, count)
    driver.flushLater()
    return .bytes(count)
  }

  func send(_ bytes: borrowing Span<UInt8>) -> Transport.Sent {
    let taken = offer(bytes, endsStream: false)
    guard taken == 0 else { return .bytes(taken) }
    wait()
    return .wouldBlock
  }

  /// Nothing to be done: what is not read stays in the intake, and the window closed.
  func setReading(_ reading: Bool) {}

  func endSending() { sendEnd() }

  func endTunnel(both: Bool) {
    carry(.nothing)
    forgetIntake()
    guard !isGone else { return }
    if both { return owesEnd ? () : driver.answered(self) }
    forgetWaiting()
    endRequest()
    driver.reset(id, .cancel)
  }

  // MARK: Below

  func forgetIntake() {
    let count = intake.count
    release(count, owed: intake.clear())
  }

  private func release(_ count: Int, owed: Int) {
    guard count > 0 else { return }
    driver.worker.buffers.count(-count)
    driver.keptForTunnels(owed - count)
    if owed > 0 { driver.session.discard(owed) }
  }
}
