internal import EventLoop
internal import Glibc
internal import HTTPCore
internal import TLS

/// Whom a connection to a node tells of its readiness: an attempt, a pool or a tunnel.
protocol NodeConnectionOwner: AnyObject {
  func nodeReady(_ connection: NodeConnection, _ events: Readiness)
}

/// One connection to a node: a socket, with TLS where the upstream speaks https, or a pipe through the
/// edge of the server that the node is on.
///
/// The descriptor is registered once, edge-triggered: whoever stops reading remembers that there
/// may be more (`mayHaveMore`) and comes back. The object is used again for later connections.
final class NodeConnection: EventSource {
  /// The worker's, which outlives its connections.
  private let loop: EventLoop
  var owner: (any NodeConnectionOwner)?
  private var descriptor: FileDescriptor?
  private var raw: Int32 = -1
  /// A unix socket knows no difference between an end and a reset.
  private var canReset = true
  private var stream: ClientStream?
  private var pipe: PeerStream?
  private var handshaken = true
  private var token = SourceToken.none
  private var watched = Readiness(rawValue: 0)

  /// The socket may hold more than was read.
  private(set) var mayHaveMore = false
  private var peerClosed = false
  private(set) var ended: Ending?
  /// A request has been answered on it before.
  private(set) var isReused = false
  /// When it was last given to a pool.
  private(set) var idleSince = Instant(nanoseconds: 0)

  /// The server whose edge connects to a node that is not its own.
  private(set) var detour: String?

  /// How the node ended its side.
  enum Ending { case finished, reset }

  init(loop: EventLoop) { self.loop = loop }

  // MARK: Life

  /// Begins to connect; bytes may be sent at once, and wait until the node has accepted.
  ///
  /// Where they are not, the node is to hear of the connection all the same: not `speaksFirst`.
  /// With `detour` that server connects to a node which is not its own.
  func open(
    _ node: NodeState, detour: String? = nil, through links: PeerLinks, speaksFirst: Bool = true
  ) throws(SystemError) {
    self.detour = detour
    if let server = node.server ?? detour {
      begin(try links.open(node.address.description, at: server))
    } else {
      try open(node.address, speaksFirst: speaksFirst)
    }
  }

  /// The same for another address, on the machine of this process where there is no `server`.
  func open(
    _ address: SocketAddress, at server: String?, through links: PeerLinks
  ) throws(SystemError) {
    guard let server else { return try open(address) }
    begin(try links.open(address.description, at: server))
  }

  /// Begins to ask a server's edge whether its https port is open.
  ///
  /// A port that is closed is a connection that is refused as by a busy node.
  func open(httpsPortOf server: String, through links: PeerLinks) throws(SystemError) {
    begin(try links.open(PipeProtocol.httpsPort.description, at: server))
  }

  /// The same for an address that is reached directly.
  func open(_ address: SocketAddress, speaksFirst: Bool = true) throws(SystemError) {
    let socket = try Socket.connect(address, speaksFirst: speaksFirst)
    raw = socket.raw
    canReset = address.family != .unix
    descriptor = consume socket
    begin()
  }

  private func begin(_ pipe: PeerStream) {
    pipe.connection = self
    self.pipe = pipe
    begin()
  }

  private func begin() {
    handshaken = true
    watched = Readiness(rawValue: 0)
    mayHaveMore = false
    peerClosed = false
    ended = nil
    isReused = false
  }

  /// Has TLS spoken from the first byte, with the server called `name`.
  ///
  /// Not through a pipe, which is encrypted as far as the node's server.
  func secure(_ context: ClientContext, name: String) throws(TLSError) {
    guard pipe == nil else { throw TLSError("a pipe", reason: "carries no TLS to a node") }
    stream = try ClientStream(context: context, descriptor: raw, name: name)
    handshaken = false
  }

  /// The last part of a body must not wait for an acknowledgement.
  func setNoDelay() { if pipe == nil { Socket.setNoDelay(raw) } }

  /// What passes others' bytes on: whether the node is there is not seen by what is sent to it.
  ///
  /// Whether a pipe's other end is there its session watches over.
  func keepAlive() {
    guard pipe == nil else { return }
    Socket.setKeepAlive(raw)
    Socket.setUserTimeout(raw, milliseconds: Self.unacknowledgedMax)
  }

  /// Milliseconds.
  private static let unacknowledgedMax: Int32 = 30_000

  /// Watches for an answer, and with `sending` for room for more of a request.
  func watch(sending: Bool) throws(SystemError) {
    guard pipe == nil else { return }
    let events = sending || stream != nil ? Readiness.exchange : Readiness.answer
    guard token != .none else {
      token = try loop.register(raw, self, events)
      watched = events
      return
    }
    guard watched.rawValue & events.rawValue != events.rawValue else { return }
    try loop.modify(raw, token, events)
    watched = events
  }

  /// The answer is over and the connection waits for another request.
  func rest(_ owner: any NodeConnectionOwner) {
    self.owner = owner
    isReused = true
    idleSince = loop.now
    if let pipe { return pipe.rest() }
    // What the node sends beyond its answer is to come now. It may hold it back until we acknowledge
    // the answer (RFC 896), and an acknowledgement that waited for our next request would bring it
    // as the answer to that one.
    if canReset { Socket.acknowledgeNow(raw) }
  }

  /// Closes it; `mayReset` where everything the node was sent has been answered.
  func close(mayReset: Bool = true) {
    if pipe != nil { return close(mayReset ? .answered : .inOrder) }
    guard raw >= 0 else { return }
    loop.forget(token)
    token = .none
    owner = nil
    if let stream { stream.shutdown() }
    stream = nil
    // Everything has been read and the peer has let go: nothing is left to be lost.
    if peerClosed, mayReset, canReset { Socket.resetOnClose(raw) }
    descriptor = nil
    raw = -1
  }

  /// Breaks it off: whatever is on its way is lost.
  func reset() {
    if pipe != nil { return close(.reset) }
    guard raw >= 0 else { return }
    Socket.resetOnClose(raw)
    close(mayReset: false)
  }

  private func close(_ manner: PeerSession.Closing) {
    owner = nil
    pipe?.close(manner)
    pipe = nil
  }

  func ready(_ events: Readiness) {
    if events.isReadable || events.isEnding { mayHaveMore = true }
    if events.isEnding { peerClosed = true }
    owner?.nodeReady(self, events)
  }

  // MARK: Bytes

  /// Whether the node could not be reached, once the socket has said that it is ready.
  var hasFailed: Bool {
    if let pipe { pipe.ending == .reset } else { Socket.pendingError(raw) != 0 }
  }

  /// Whether it is certain, after the end of a pipe, that the node has had not a byte of ours.
  var hasReachedNobody: Bool { pipe?.hasReachedNobody ?? false }

  /// Whether it ended because the whole server was lost, whatever the node there may be doing.
  var hasLostServer: Bool { pipe?.hasLostServer ?? false }

  /// Whether the node, or the way to it, has only too much to do.
  var isRefusedAsBusy: Bool { pipe?.isRefusedAsBusy ?? false }

  /// `true` once bytes can be sent: at once without TLS.
  func handshake() throws(TLSError) -> Bool {
    guard let stream, !handshaken else { return true }
    handshaken = try stream.handshake() == .done
    return handshaken
  }

  /// Sends some of `bytes`; `more` says that the rest of the message follows at once.
  func send(_ bytes: borrowing Span<UInt8>, more: Bool = false) -> WriteOutcome {
    if let pipe { return pipe.send(bytes) }
    guard let stream else { return Descriptor.send(raw, bytes, more: more) }
    do throws(TLSError) {
      switch try stream.write(bytes) {
      case .bytes(let count): return .bytes(count)
      case .wantsRead, .wantsWrite: return .wouldBlock
      }
    } catch {
      return .failed(SystemError("SSL_write", code: ECONNRESET))
    }
  }

  /// Sends a part of a file; without TLS it takes no way through this process.
  func sendFile(
    _ file: Int32, at offset: Int64, count: Int, buffers: BufferPool
  ) -> WriteOutcome {
    guard stream != nil || pipe != nil else {
      return Descriptor.sendFile(from: file, at: offset, count: min(count, 1 << 20), to: raw)
    }
    var block = buffers.take()
    defer { buffers.give(block) }
    var whole = block.mutableSpan
    var space = whole._mutatingExtracting(0..<min(count, whole.count))
    switch Descriptor.read(file, at: offset, into: &space) {
    case .bytes(let read): return send(block.span.extracting(0..<read))
    case .closed, .wouldBlock: return .failed(SystemError("pread", code: EIO))
    case .failed(let error): return .failed(error)
    }
  }

  /// One read into free space; `false` when the socket is empty or the node has ended.
  func fill(_ input: inout ByteBuffer) -> Bool {
    guard mayHaveMore, ended == nil else { return false }
    if input.freeCount == 0 { input.compact() }
    let free = input.freeCount
    guard free > 0 else { return false }
    var outcome = ReadOutcome.wouldBlock
    _ = input.write { space in
      outcome = read(into: &space)
      if case .bytes(let count) = outcome { return count }
      return 0
    }
    switch outcome {
    case .bytes(let count):
      // A short read has emptied the socket; the next edge tells of more (epoll(7), question 9).
      if stream == nil, count < free, !peerClosed { mayHaveMore = false }
      return true
    case .wouldBlock: mayHaveMore = false
    case .closed: ended = .finished
    case .failed: ended = .reset
    }
    return false
  }

  private func read(into space: inout MutableSpan<UInt8>) -> ReadOutcome {
    if let pipe { return pipe.read(into: &space) }
    guard let stream else { return Descriptor.read(raw, into: &space) }
    do throws(TLSError) {
      switch try stream.read(into: &space) {
      case .bytes(let count): return .bytes(count)
      case .wantsRead, .wantsWrite: return .wouldBlock
      case .closed: return .closed
      }
    } catch {
      return .failed(SystemError("SSL_read", code: ECONNRESET))
    }
  }

  /// Whether nothing has come in and the node has not ended, as on a connection without a request.
  ///
  /// What TLS sends for itself, such as tickets, is no content.
  func isQuiet() -> Bool {
    guard ended == nil, stream != nil || !peerClosed, pipe?.isLasting ?? true else { return false }
    var byte: [1 of UInt8] = [0]
    var space = byte.mutableSpan
    guard read(into: &space) == .wouldBlock else { return false }
    mayHaveMore = false
    return true
  }

  /// Ends our side; the node's goes on.
  func endSending() {
    if let pipe { return pipe.endSending() }
    if let stream { stream.shutdown() }
    Socket.shutdownWriting(raw)
  }
}

@available(*, unavailable) extension NodeConnection: Sendable {}
