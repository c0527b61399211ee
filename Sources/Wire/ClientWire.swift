package import EventLoop
internal import Glibc
package import TLS

/// A connection that we begin, as a stream of bytes on an event loop: with TLS or without.
///
///     connecting ──▶ handshaking ──▶ open ──▶ closed      (without TLS there is no handshake)
///         └───────────────┴───────────┴────────▲          (an error, the other end, `close`)
///
/// It is the source of its descriptor's events and keeps what the socket does not take. Its owner hears of
/// bytes and of the end from the loop, never from within `send`.
package final class ClientWire: EventSource, TurnEnd {
  /// What a wire tells; none of it is told after `close`.
  package protocol Owner: AnyObject {
    func wireOpened()
    func wireReceived(_ bytes: borrowing Span<UInt8>)
    /// The other end has taken bytes that it had no room for before.
    func wireProgressed()
    /// What was there has been read, and what waited is out, as far as that goes.
    func wireSettled()
    /// Told once, last.
    func wireEnded(_ reason: String)
  }

  /// How a wire speaks TLS, and which server it believes.
  package struct Security {
    let context: ClientContext
    /// What the two sides agree on by ALPN.
    let applicationProtocol: String
    /// `false`: a server that knows nothing of ALPN is believed to speak it.
    let isRequired: Bool
    let server: Server

    package enum Server {
      /// The certificate is one for this DNS name or numeric address, RFC 9525 §6.
      case named(String)
      /// It is the one certificate with this SHA-256, in DER, whoever signed it.
      case fingerprint([UInt8])
    }

    package init(
      _ context: ClientContext, _ applicationProtocol: String, _ server: Server,
      isRequired: Bool = true
    ) {
      self.context = context
      self.applicationProtocol = applicationProtocol
      self.isRequired = isRequired
      self.server = server
    }

    /// Whether what the server has chosen will do; it chooses `""` where it chooses nothing.
    func accepts(_ chosen: String) -> Bool {
      chosen == applicationProtocol || chosen.isEmpty && !isRequired
    }
  }

  private enum Stage { case connecting, handshaking, open, closed }

  private let loop: EventLoop
  private let descriptor: FileDescriptor
  private let security: Security?
  /// There is one where there is `security`.
  private let stream: ClientStream?
  private let reading: ReadingBlock
  private var token = SourceToken.none
  private var stage = Stage.connecting
  private var interest = Readiness([.incoming, .writable])
  private var waiting: [UInt8] = []
  private var waitingSent = 0
  /// Why the connection is over; its owner hears of it with the next event or the turn's end.
  private var failure: String?
  private unowned let owner: any Owner

  /// Whether the other end has said that nothing more comes, so that nothing was cut off.
  package private(set) var isEndedInOrder = false
  /// Bytes that the socket has taken so far.
  package private(set) var sent = 0

  /// Reads of one turn; the rest is read in the next.
  private static let readsMax = 16

  /// Begins to connect; `owner` outlives the wire.
  ///
  /// The kernel keeps at most `unsentMax` bytes that it has not sent; without one, as many as it likes.
  /// Throws SystemError, or TLSError where OpenSSL makes no connection of `security`.
  package init(
    to address: SocketAddress, _ security: Security?, reading: ReadingBlock, loop: EventLoop,
    owner: any Owner, unsentMax: Int32? = nil
  ) throws {
    self.loop = loop
    self.owner = owner
    self.reading = reading
    self.security = security
    descriptor = try Socket.connect(address)
    let raw = descriptor.raw
    if address.family != .unix { Socket.setNoDelay(raw) }
    if let unsentMax { Socket.setUnsentMax(raw, bytes: unsentMax) }
    stream = try security.map { try Self.stream($0, raw) }
    token = try loop.register(raw, self, interest)
  }

  private static func stream(
    _ security: Security, _ descriptor: Int32
  ) throws(TLSError) -> ClientStream {
    switch security.server {
    case .named(let name):
      try ClientStream(context: security.context, descriptor: descriptor, name: name)
    case .fingerprint:
      try ClientStream(context: security.context, descriptor: descriptor)
    }
  }

  /// Lets go of the descriptor; nothing is told afterwards.
  package func close() {
    guard stage != .closed else { return }
    if stage == .open { stream?.shutdown() }
    stage = .closed
    loop.unregister(descriptor.raw, token)
    token = .none
  }

  /// Whether bytes wait here because the socket does not take them.
  package var isBlocked: Bool { waitingSent < waiting.count }

  /// Sends once the wire is open; what the socket does not take is kept.
  ///
  /// That the connection is over is told with the turn's end.
  package func send(_ bytes: consuming [UInt8]) {
    guard stage == .open, failure == nil, !bytes.isEmpty else { return }
    // What waits goes first, with the event that says that the socket has room.
    guard !isBlocked else { return waiting += bytes }
    waiting = bytes
    waitingSent = 0
    if !flush() { loop.atTurnEnd(self) }
  }

  // MARK: Events

  package func ready(_ events: Readiness) {
    if stage == .connecting, !connected(events) { return }
    if stage == .handshaking { handshake() }
    guard stage == .open else { return }
    let (wasBlocked, before) = (isBlocked, sent)
    guard flush() else { return end() }
    if wasBlocked, sent > before { owner.wireProgressed() }
    receive()
  }

  /// TLS may hold bytes that epoll knows nothing of.
  package func turnEnded() {
    if failure != nil { end() } else { receive() }
  }

  /// `false` while it is not, or it cannot be.
  private func connected(_ events: Readiness) -> Bool {
    guard events.isWritable || events.isEnding else { return false }
    let code = Socket.pendingError(descriptor.raw)
    guard code == 0 else {
      end("\(SystemError("connect", code: code))")
      return false
    }
    if stream == nil { opened() } else { stage = .handshaking }
    return true
  }

  private func handshake() {
    guard let stream, let security else { return }
    do throws(TLSError) {
      switch try stream.handshake() {
      case .done: accept(stream, security)
      case .wantsRead: watch(.incoming)
      case .wantsWrite: watch([.incoming, .writable])
      }
    } catch {
      end("\(error)")
    }
  }

  /// The handshake is done; whether with the server that was meant, is seen here.
  private func accept(_ stream: ClientStream, _ security: Security) {
    guard security.accepts(stream.chosenProtocol) else {
      return end("the server does not speak \(security.applicationProtocol)")
    }
    if case .fingerprint(let known) = security.server, stream.peerFingerprint != known {
      return end("the server has not the certificate that is known of it")
    }
    opened()
  }

  private func opened() {
    stage = .open
    watch(.incoming)
    owner.wireOpened()
  }

  // MARK: Bytes

  /// Writes what waits; `false` when the connection has failed.
  private func flush() -> Bool {
    while stage == .open, waitingSent < waiting.count {
      let bytes = waiting
      switch write(bytes.span.extracting(waitingSent..<bytes.count)) {
      case .bytes(let count):
        waitingSent += count
        sent += count
      case .wouldBlock:
        watch([.incoming, .writable])
        return failure == nil
      case .failed(let reason):
        failure = reason
        return false
      }
    }
    waiting = []
    waitingSent = 0
    watch(.incoming)
    return failure == nil
  }

  private enum Written { case bytes(Int), wouldBlock, failed(String) }

  private func write(_ bytes: borrowing Span<UInt8>) -> Written {
    guard let stream else {
      switch Descriptor.send(descriptor.raw, bytes) {
      case .bytes(let count): return .bytes(count)
      case .wouldBlock: return .wouldBlock
      case .failed(let error): return .failed("\(error)")
      }
    }
    do throws(TLSError) {
      switch try stream.write(bytes) {
      case .bytes(let count): return .bytes(count)
      // Neither side renegotiates, so only reading, which is always watched for, is waited for.
      case .wantsRead, .wantsWrite: return .wouldBlock
      }
    } catch {
      return .failed("\(error)")
    }
  }

  private func receive() {
    guard stage == .open else { return }
    var block = reading.take()
    var isMore = true
    for _ in 0..<Self.readsMax where isMore && stage == .open {
      isMore = receive(&block)
    }
    reading.give(block)
    guard stage == .open else { return }
    if failure != nil { return end() }
    owner.wireSettled()
    // Without TLS, epoll tells again of what is left.
    if isMore, stage == .open, stream != nil { loop.atTurnEnd(self) }
  }

  /// `false` when there is nothing more, or the connection is over.
  private func receive(_ block: inout [UInt8]) -> Bool {
    switch read(&block) {
    case .bytes(let count):
      owner.wireReceived(block.span.extracting(0..<count))
      return true
    case .wouldBlock: return false
    case .ended(let reason):
      failure = reason
      return false
    }
  }

  private enum Received { case bytes(Int), wouldBlock, ended(String) }

  private func read(_ block: inout [UInt8]) -> Received {
    var space = block.mutableSpan
    guard let stream else {
      switch Descriptor.read(descriptor.raw, into: &space) {
      case .bytes(let count): return .bytes(count)
      case .wouldBlock: return .wouldBlock
      case .closed: return endInOrder()
      case .failed(let error): return .ended("\(error)")
      }
    }
    do throws(TLSError) {
      switch try stream.read(into: &space) {
      case .bytes(let count): return .bytes(count)
      case .wantsRead, .wantsWrite: return .wouldBlock
      case .closed: return endInOrder()
      }
    } catch {
      return .ended("\(error)")
    }
  }

  private func endInOrder() -> Received {
    isEndedInOrder = true
    return .ended("the server closed the connection")
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

  // MARK: The end

  private func end(_ reason: String) {
    failure = reason
    end()
  }

  private func end() {
    guard stage != .closed else { return }
    close()
    owner.wireEnded(failure ?? "the connection is over")
  }
}

extension ClientWire.Owner {
  package func wireProgressed() {}
  package func wireSettled() {}
}

@available(*, unavailable) extension ClientWire: Sendable {}
