internal import EventLoop
internal import HTTPCore

/// The owner of a tunnel: a request that was agreed to, a TCP session, or a pipe of another server.
protocol TunnelOwner: AnyObject {
  /// Why the tunnel ends, or will end; the first word counts.
  func note(cause: StaticString)
  /// The tunnel ends with the turn.
  func tunnelEnds()
  /// The tunnel is over, and the node's side closed; so many bytes came from the client and the node.
  func tunnelEnded(bytesIn: Int64, bytesOut: Int64)
}

/// The client's side of a tunnel: the whole of an HTTP/1.1 connection, one stream of HTTP/2, or a
/// bare connection.
protocol TunnelClient: AnyObject {
  func receive(into space: inout MutableSpan<UInt8>) -> Transport.Received
  /// Sends some of `bytes`; after `wouldBlock` the tunnel is told when there is room again.
  func send(_ bytes: borrowing Span<UInt8>) -> Transport.Sent
  /// Whether the tunnel wants to hear of further bytes.
  func setReading(_ reading: Bool)
  /// Ends our side; the client's goes on.
  func endSending()
  /// The tunnel is over; with `both`, each side has said its last.
  func endTunnel(both: Bool)
}

/// Bytes both ways between a client and a node, after a 101 or from the beginning.
///
/// Each direction has one block of memory at most: it is read from again when all of it has gone
/// out, so a slow reader slows the writer down. Without bytes under way there is no block. A side
/// that ends is passed on as such; what comes from the other still goes through, for a while.
final class Tunnel: NodeConnectionOwner, TimerTarget, TurnEnd {
  /// One direction: open ──▶ ended at its source ──▶ closed towards its target.
  private struct Flow: ~Copyable {
    enum State { case open, ended, closed }
    var state = State.open
    var buffer = ByteBuffer()
    /// The target had no room when it was last offered bytes.
    var isBlocked = false
    var bytes: Int64 = 0
  }

  /// What depends on what is carried.
  struct Manner {
    /// Silence for longer than this ends the tunnel.
    var idle: Duration
    /// The same once a side has ended.
    var halfOpen: Duration
    /// The node's connection is reset, not ended in order, when the tunnel breaks.
    var passesResets: Bool
  }

  private struct Ending {
    let cause: StaticString?
    /// The client needs nothing more, so it is no break.
    let isInOrder: Bool
  }

  private let worker: Worker
  private let owner: any TunnelOwner
  private let manner: Manner
  private var connection: NodeConnection?
  private var client: (any TunnelClient)?
  private var up = Flow()
  private var down = Flow()
  /// What the node sent behind its head; it goes out after the head.
  private var behindHead = ByteBuffer()
  private var clientMayHaveMore = true
  private var isReadingClient = true
  private var lastMoved: Instant
  private var timer = TimerToken.none
  /// The timer has been set for a tunnel with one side ended.
  private var isImpatient = false
  private var isWaitingForTurnEnd = false
  /// What was found out about its end in this turn; not a byte moves any more.
  private var ending: Ending?

  /// Blocks moved in one turn, so that a fast pair cannot starve the others.
  private static let roundsPerTurnMax = 16

  init(_ owner: any TunnelOwner, worker: Worker, _ manner: Manner) {
    self.worker = worker
    self.owner = owner
    self.manner = manner
    lastMoved = worker.loop.now
  }

  // MARK: Beginning

  /// Takes over the connection that the 101 came on.
  func take(_ attempt: Attempt) {
    connection = attempt.handOver(&behindHead)
    connection?.owner = self
  }

  /// Takes over a connection, with what the node has said already.
  func take(_ connection: NodeConnection, said: inout ByteBuffer) {
    swap(&behindHead, &said)
    self.connection = connection
    connection.owner = self
  }

  /// Takes over the client's side: what it sent already, and the head that it has not taken yet.
  func begin(
    _ client: any TunnelClient, received: inout ByteBuffer, unsent: inout ByteBuffer
  ) {
    self.client = client
    swap(&up.buffer, &received)
    swap(&down.buffer, &unsent)
    up.bytes = Int64(up.buffer.count)
    down.bytes = Int64(behindHead.count)
    // Nothing came behind the head, mostly, and its block would stay for as long as the tunnel.
    give(&behindHead)
    timer = worker.loop.arm(self, after: manner.idle)
    // Not within the attempt that is handing over.
    advanceLater()
  }

  // MARK: Events

  func nodeReady(_ connection: NodeConnection, _ events: Readiness) {
    if events.isWritable { up.isBlocked = false }
    advance()
  }

  func clientReady(_ events: Readiness) {
    if events.isWritable { down.isBlocked = false }
    if events.isReadable || events.isEnding { clientMayHaveMore = true }
    advance()
  }

  func turnEnded() {
    isWaitingForTurnEnd = false
    if let ending { conclude(ending) } else { advance() }
  }

  /// The client's connection is gone; `inOrder` it just needs nothing more.
  func clientLost(inOrder: Bool = false) {
    client = nil
    end(isHalfOpen ? nil : "client-gone", inOrder: inOrder)
  }

  func cut(_ cause: StaticString) { end(cause) }

  func timerFired(_ token: TimerToken) {
    timer = .none
    let due = lastMoved + (isHalfOpen ? manner.halfOpen : manner.idle)
    guard worker.loop.now < due else { return end("tunnel-idle") }
    timer = worker.loop.arm(self, at: due)
  }

  /// Blocks that this tunnel has from the pool.
  var bufferBytes: Int { up.buffer.capacity + down.buffer.capacity + behindHead.capacity }

  private var isHalfOpen: Bool { up.state != .open || down.state != .open }

  // MARK: Moving

  private func advanceLater() {
    guard !isWaitingForTurnEnd else { return }
    isWaitingForTurnEnd = true
    worker.loop.atTurnEnd(self)
  }

  private func advance() {
    for _ in 0..<Self.roundsPerTurnMax {
      guard ending == nil, let client, let connection else { return }
      let movedUp = moveUp(client, connection)
      guard ending == nil else { return }
      let movedDown = moveDown(client, connection)
      guard ending == nil else { return }
      if !movedUp, !movedDown { return settle(client, connection) }
      lastMoved = worker.loop.now
    }
    advanceLater()
  }

  /// Client to node; `false` when nothing moved.
  private func moveUp(_ client: any TunnelClient, _ connection: NodeConnection) -> Bool {
    var moved = false
    if up.state == .open, up.buffer.isEmpty, clientMayHaveMore { moved = readClient(client) }
    while !up.buffer.isEmpty, !up.isBlocked {
      switch connection.send(up.buffer.readable) {
      case .bytes(let count):
        up.buffer.consume(count)
        moved = true
      case .wouldBlock:
        up.isBlocked = true
        watchForRoom(connection)
      case .failed:
        // The node takes nothing more, but what it said before may still be on its way.
        up.buffer.consume(up.buffer.count)
        up.state = .closed
      }
    }
    give(&up.buffer)
    if up.state == .ended, up.buffer.isEmpty {
      connection.endSending()
      up.state = .closed
      moved = true
    }
    return moved
  }

  private func readClient(_ client: any TunnelClient) -> Bool {
    worker.buffers.lend(&up.buffer)
    var received = Transport.Received.wouldBlock
    _ = up.buffer.write { space in
      received = client.receive(into: &space)
      if case .bytes(let count) = received { return count }
      return 0
    }
    switch received {
    case .bytes(let count):
      up.bytes += Int64(count)
      return true
    case .wouldBlock, .wantsWrite: clientMayHaveMore = false
    case .closed: up.state = .ended
    case .broken: end("client-gone")
    }
    return false
  }

  /// Node to client; `false` when nothing moved.
  private func moveDown(_ client: any TunnelClient, _ connection: NodeConnection) -> Bool {
    var moved = false
    if down.buffer.isEmpty, !behindHead.isEmpty {
      give(&down.buffer)
      swap(&down.buffer, &behindHead)
    }
    if down.state == .open, down.buffer.isEmpty { moved = readNode(connection) }
    while !down.buffer.isEmpty, !down.isBlocked {
      switch client.send(down.buffer.readable) {
      case .bytes(let count):
        down.buffer.consume(count)
        moved = true
      case .wouldBlock, .wantsRead: down.isBlocked = true
      case .broken:
        end("client-gone")
        return false
      }
    }
    give(&down.buffer)
    if down.state == .ended, down.buffer.isEmpty {
      guard connection.ended != .reset else {
        // An end in order would tell the client that it has everything.
        end(nil)
        return false
      }
      client.endSending()
      down.state = .closed
      moved = true
    }
    return moved
  }

  private func readNode(_ connection: NodeConnection) -> Bool {
    guard connection.mayHaveMore else { return false }
    worker.buffers.lend(&down.buffer)
    if connection.fill(&down.buffer) {
      down.bytes += Int64(down.buffer.count)
      return true
    }
    if let ending = connection.ended {
      if ending == .reset { owner.note(cause: "node-reset") }
      down.state = .ended
    }
    return false
  }

  private func watchForRoom(_ connection: NodeConnection) {
    do throws(SystemError) {
      try connection.watch(sending: true)
    } catch {
      end("node-reset")
    }
  }

  private func give(_ buffer: inout ByteBuffer) { worker.buffers.takeBackEmpty(&buffer) }

  /// Nothing moves at present: ends what is over and says what is waited for.
  private func settle(_ client: any TunnelClient, _ connection: NodeConnection) {
    if down.state == .closed, up.state == .closed { return end(nil) }
    let wantsMore = up.state == .open && up.buffer.isEmpty
    if wantsMore != isReadingClient {
      isReadingClient = wantsMore
      client.setReading(wantsMore)
    }
    if isHalfOpen, timer != .none { shortenPatience() }
  }

  /// The timer may stand far off: once a side has ended, it is moved up.
  private func shortenPatience() {
    guard manner.idle > manner.halfOpen, !isImpatient else { return }
    isImpatient = true
    worker.loop.cancel(timer)
    timer = worker.loop.arm(self, after: manner.halfOpen)
  }

  // MARK: The end

  /// Ends it with the turn: the client, its connection or the node may be calling.
  private func end(_ cause: StaticString?, inOrder: Bool = false) {
    guard ending == nil, connection != nil else { return }
    ending = Ending(cause: cause, isInOrder: inOrder)
    owner.tunnelEnds()
    advanceLater()
  }

  private func conclude(_ ending: Ending) {
    guard let connection else { return }
    self.connection = nil
    worker.loop.cancel(timer)
    timer = .none
    let both = up.state == .closed && down.state == .closed
    if manner.passesResets, !both, !ending.isInOrder {
      connection.reset()
    } else {
      // What went to the node last may not have been read there.
      connection.close(mayReset: false)
    }
    worker.give(connection)
    worker.buffers.takeBack(&up.buffer)
    worker.buffers.takeBack(&down.buffer)
    worker.buffers.takeBack(&behindHead)
    if let cause = ending.cause { owner.note(cause: cause) }
    owner.tunnelEnded(bytesIn: up.bytes, bytesOut: down.bytes)
    let client = client
    self.client = nil
    client?.endTunnel(both: both)
  }
}

@available(*, unavailable) extension Tunnel: Sendable {}
