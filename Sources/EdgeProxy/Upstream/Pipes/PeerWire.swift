internal import EventLoop
internal import Glibc
internal import TLS

/// The socket of a session with another server's edge: TLS, what waits to be sent, what has come.
///
/// It is the source of its descriptor's events and tells its owner, never from within a call.
final class PeerWire: EventSource, TurnEnd {
  /// What a wire tells; none of it is told after `close`.
  protocol Owner: AnyObject {
    func wireOpened()
    func wireReceived(_ bytes: borrowing Span<UInt8>)
    /// The other end has taken bytes that it had no room for before.
    func wireProgressed()
    /// What was there has been read, and what waited is out, as far as that goes.
    func wireSettled()
    func wireEnded(_ reason: String)
  }

  private enum Stage { case connecting, handshaking, open, closed }

  private let loop: EventLoop
  private let descriptor: FileDescriptor
  private let stream: ClientStream
  private let fingerprint: [UInt8]
  private let reading: ReadingBlock
  private var token = SourceToken.none
  private var stage = Stage.connecting
  private var interest = Readiness([.incoming, .writable])
  private var waiting: [UInt8] = []
  private var waitingSent = 0
  /// Why the connection is over; its owner hears of it with the next event or the turn's end.
  private var failure: String?
  private unowned let owner: any Owner

  /// Bytes that the socket has taken so far.
  private(set) var sent = 0

  /// Reads of one turn; the rest is read in the next.
  private static let readsMax = 16
  /// What the kernel keeps of ours before it is sent, so that a ping does not wait long behind it.
  private static let unsentMax: Int32 = 128 << 10

  /// Begins to connect; `owner` outlives the wire.
  init(
    to peer: Peer, context: ClientContext, reading: ReadingBlock, loop: EventLoop, owner: any Owner
  ) throws(SystemError) {
    self.loop = loop
    self.owner = owner
    self.reading = reading
    fingerprint = peer.fingerprint
    descriptor = try Socket.connect(peer.address)
    Socket.setNoDelay(descriptor.raw)
    Socket.setUnsentMax(descriptor.raw, bytes: Self.unsentMax)
    do throws(TLSError) {
      stream = try ClientStream(context: context, descriptor: descriptor.raw)
    } catch {
      throw SystemError("SSL_new", code: ENOMEM)
    }
    token = try loop.register(descriptor.raw, self, interest)
  }

  /// Lets go of the descriptor; nothing is told afterwards.
  func close() {
    guard stage != .closed else { return }
    if stage == .open { stream.shutdown() }
    stage = .closed
    loop.unregister(descriptor.raw, token)
    token = .none
  }

  var isBlocked: Bool { waitingSent < waiting.count }

  /// Sends; what the socket does not take is kept.
  ///
  /// Only while it is not blocked. That the connection is over is told with the turn's end.
  func send(_ bytes: consuming [UInt8]) {
    guard stage == .open, !bytes.isEmpty else { return }
    waiting = bytes
    waitingSent = 0
    if !flush() { loop.atTurnEnd(self) }
  }

  // MARK: Events

  func ready(_ events: Readiness) {
    if stage == .connecting, !connected(events) { return }
    if stage == .handshaking { handshake() }
    guard stage == .open else { return }
    let (wasBlocked, before) = (isBlocked, sent)
    guard flush() else { return end() }
    if wasBlocked, sent > before { owner.wireProgressed() }
    receive()
  }

  /// TLS may hold bytes that epoll knows nothing of.
  func turnEnded() {
    guard stage == .open else { return }
    if failure != nil { end() } else { receive() }
  }

  private func connected(_ events: Readiness) -> Bool {
    guard events.isWritable || events.isEnding else { return false }
    let code = Socket.pendingError(descriptor.raw)
    guard code == 0 else {
      failure = "\(SystemError("connect", code: code))"
      end()
      return false
    }
    stage = .handshaking
    return true
  }

  private func handshake() {
    do throws(TLSError) {
      switch try stream.handshake() {
      case .done: opened()
      case .wantsRead: watch(.incoming)
      case .wantsWrite: watch([.incoming, .writable])
      }
    } catch {
      failure = "\(error)"
      end()
    }
  }

  /// Whoever signed it: only the certificate that the fleet knows for this server is believed.
  private func opened() {
    guard stream.chosenProtocol == "h2" else {
      failure = "the server does not speak HTTP/2"
      return end()
    }
    guard stream.peerFingerprint == fingerprint else {
      failure = "the server has not the certificate that is known of it"
      return end()
    }
    stage = .open
    watch(.incoming)
    owner.wireOpened()
  }

  // MARK: Bytes

  /// Writes what waits; `false` when the connection has failed.
  private func flush() -> Bool {
    while waitingSent < waiting.count {
      let bytes = waiting
      do throws(TLSError) {
        switch try stream.write(bytes.span.extracting(waitingSent..<bytes.count)) {
        case .bytes(let count):
          waitingSent += count
          sent += count
        // Neither side renegotiates, so only reading, which is always watched for, is waited for.
        case .wantsRead, .wantsWrite:
          watch([.incoming, .writable])
          return failure == nil
        }
      } catch {
        failure = "\(error)"
        return false
      }
    }
    waiting = []
    waitingSent = 0
    watch(.incoming)
    return failure == nil
  }

  private func receive() {
    var block = reading.take()
    var isMore = true
    for _ in 0..<Self.readsMax where isMore && stage == .open {
      isMore = read(&block)
    }
    reading.give(block)
    guard stage == .open else { return }
    if failure != nil { return end() }
    owner.wireSettled()
    if isMore, stage == .open { loop.atTurnEnd(self) }
  }

  /// `false` when there is nothing more, or the connection is over.
  private func read(_ block: inout [UInt8]) -> Bool {
    var space = block.mutableSpan
    do throws(TLSError) {
      switch try stream.read(into: &space) {
      case .bytes(let count):
        owner.wireReceived(block.span.extracting(0..<count))
        return true
      case .wantsRead, .wantsWrite: return false
      case .closed: failure = "the server closed the connection"
      }
    } catch {
      failure = "\(error)"
    }
    return false
  }

  private func watch(_ events: Readiness) {
    guard events != interest, stage != .closed else { return }
    interest = events
    do throws(SystemError) {
      try loop.modify(descriptor.raw, token, events)
    } catch {
      failure = "\(error)"
      loop.atTurnEnd(self)
    }
  }

  private func end() {
    guard stage != .closed else { return }
    close()
    owner.wireEnded(failure ?? "the connection is over")
  }
}

/// The memory that all sessions of a loop read into, one after the other.
final class ReadingBlock {
  private var block: [UInt8] = []
  private static let bytes = 64 << 10

  func take() -> [UInt8] {
    var taken: [UInt8] = []
    swap(&taken, &block)
    return taken.isEmpty ? [UInt8](repeating: 0, count: Self.bytes) : taken
  }

  func give(_ block: consuming [UInt8]) { self.block = block }
}

@available(*, unavailable) extension PeerWire: Sendable {}
@available(*, unavailable) extension ReadingBlock: Sendable {}
