internal import EventLoop
internal import TLS

/// The bytes to and from one server: a connected socket, with TLS or without.
///
/// It is the source of its descriptor's events and tells its owner of bytes and of the end.
final class Wire: EventSource {
  /// What a wire tells; none of it is told after `close`.
  protocol Owner: AnyObject {
    func wireOpened()
    func wireReceived(_ bytes: borrowing Span<UInt8>)
    func wireEnded(_ reason: String)
  }

  private enum Stage { case connecting, handshaking, open, closed }

  private let loop: EventLoop
  private let descriptor: FileDescriptor
  private let stream: ClientStream?
  private var token = SourceToken.none
  private var stage = Stage.connecting
  private var waiting: [UInt8] = []
  private var sent = 0
  private var interest = Readiness.incoming
  /// What the two sides must agree on where there is TLS.
  private let applicationProtocol: String
  private unowned let owner: any Owner

  /// Reads of one turn; the rest is read in the next.
  private static let readsMax = 16
  private static let readBytes = 64 << 10

  /// Begins to connect; `owner` outlives the wire.
  init(
    _ address: SocketAddress, context: ClientContext?, name: String, loop: EventLoop,
    owner: any Owner, applicationProtocol: String = "h2"
  ) throws {
    self.applicationProtocol = applicationProtocol
    self.loop = loop
    self.owner = owner
    descriptor = try Socket.connect(address)
    let raw = descriptor.raw
    if address.family != .unix { Socket.setNoDelay(raw) }
    stream = try context.map { try ClientStream(context: $0, descriptor: raw, name: name) }
    interest = [.incoming, .writable]
    token = try loop.register(descriptor.raw, self, interest)
  }

  /// Lets go of the descriptor; nothing is told afterwards.
  func close() {
    guard stage != .closed else { return }
    if stage == .open { stream?.shutdown() }
    stage = .closed
    loop.unregister(descriptor.raw, token)
    token = .none
  }

  /// Sends, or keeps until the socket takes it.
  func send(_ bytes: [UInt8]) {
    guard stage != .closed, !bytes.isEmpty else { return }
    waiting += bytes
    if stage == .open { flush() }
  }

  func ready(_ events: Readiness) {
    if stage == .connecting, !connected(events) { return }
    if stage == .handshaking { handshake() }
    guard stage == .open else { return }
    flush()
    receive()
  }

  private func connected(_ events: Readiness) -> Bool {
    guard events.isWritable || events.isEnding else { return false }
    let code = Socket.pendingError(descriptor.raw)
    guard code == 0 else {
      end("\(SystemError("connect", code: code))")
      return false
    }
    stage = stream == nil ? .open : .handshaking
    if stage == .open { opened() }
    return stage != .closed
  }

  private func handshake() {
    guard let stream else { return }
    do throws(TLSError) {
      switch try stream.handshake() {
      case .done:
        // etcd speaks gRPC to those who agree on HTTP/2 and its gateway's HTTP/1.1 to others.
        guard stream.chosenProtocol == applicationProtocol else {
          return end("the server does not speak \(applicationProtocol)")
        }
        opened()
      case .wantsRead: watch(.incoming)
      case .wantsWrite: watch([.incoming, .writable])
      }
    } catch {
      end("\(error)")
    }
  }

  private func opened() {
    stage = .open
    owner.wireOpened()
    flush()
  }

  private func flush() {
    while stage == .open, sent < waiting.count {
      let bytes = waiting
      let rest = bytes.span.extracting(sent..<bytes.count)
      switch write(rest) {
      case .bytes(let count): sent += count
      case .wouldBlock: return watch([.incoming, .writable])
      case .failed(let error): return end("\(error)")
      }
    }
    guard stage == .open else { return }
    waiting.removeAll()
    sent = 0
    watch(.incoming)
  }

  private enum Written { case bytes(Int), wouldBlock, failed(any Error) }

  private func write(_ bytes: borrowing Span<UInt8>) -> Written {
    guard let stream else {
      switch Descriptor.send(descriptor.raw, bytes) {
      case .bytes(let count): return .bytes(count)
      case .wouldBlock: return .wouldBlock
      case .failed(let error): return .failed(error)
      }
    }
    do throws(TLSError) {
      switch try stream.write(bytes) {
      case .bytes(let count): return .bytes(count)
      // Neither side renegotiates, so only reading, which is always watched for, is waited for.
      case .wantsRead, .wantsWrite: return .wouldBlock
      }
    } catch {
      return .failed(error)
    }
  }

  private func receive() {
    var buffer = [UInt8](repeating: 0, count: Self.readBytes)
    for _ in 0..<Self.readsMax where stage == .open {
      switch read(&buffer) {
      case .bytes(let count):
        owner.wireReceived(buffer.span.extracting(0..<count))
      case .wouldBlock: return
      case .ended(let reason): return end(reason)
      }
    }
    // TLS may hold bytes that epoll knows nothing of.
    if stage == .open, stream != nil { loop.atTurnEnd(self) }
  }

  private enum Received { case bytes(Int), wouldBlock, ended(String) }

  private func read(_ buffer: inout [UInt8]) -> Received {
    var space = buffer.mutableSpan
    guard let stream else {
      switch Descriptor.read(descriptor.raw, into: &space) {
      case .bytes(let count): return .bytes(count)
      case .wouldBlock: return .wouldBlock
      case .closed: return .ended("the server closed the connection")
      case .failed(let error): return .ended("\(error)")
      }
    }
    do throws(TLSError) {
      switch try stream.read(into: &space) {
      case .bytes(let count): return .bytes(count)
      case .wantsRead, .wantsWrite: return .wouldBlock
      case .closed: return .ended("the server closed the connection")
      }
    } catch {
      return .ended("\(error)")
    }
  }

  private func watch(_ events: Readiness) {
    guard events != interest, stage != .closed else { return }
    interest = events
    do throws(SystemError) {
      try loop.modify(descriptor.raw, token, events)
    } catch {
      end("\(error)")
    }
  }

  private func end(_ reason: String) {
    guard stage != .closed else { return }
    close()
    owner.wireEnded(reason)
  }
}

extension Wire: TurnEnd {
  func turnEnded() {
    if stage == .open { receive() }
  }
}

@available(*, unavailable) extension Wire: Sendable {}
