internal import EventLoop
internal import Glibc
internal import HTTPCore
internal import TLS

/// The owner of a connection to a node, which is told when it is ready: an attempt, a pool or a
/// tunnel.
protocol NodeConnectionOwner: AnyObject {
  func nodeReady(_ connection: NodeConnection, _ events: Readiness)
}

/// One connection to a node: a socket, with TLS where the upstream speaks https, or a pipe through the
/// edge of the server that the node is on.
///
/// The descriptor is registered once, edge-triggered: whoever stops reading remembers that there
/// may be more (`mayHaveMore`) and comes back. The object is used again for later connections, each
/// of which has a `State` of its own: one that is closed has a fresh one.
final class NodeConnection: EventSource {
  /// How bytes come to the node.
  private enum Way {
    case closed
    case socket(NodeSocket)
    case tls(ClientStream, NodeSocket)
    case pipe(PeerStream)
  }

  /// What the node has sent and nobody has read.
  private enum Incoming {
    case nothing
    /// The socket may hold more than was read.
    case mayBeMore
    /// All was read, up to the end.
    case ended(Ending)
  }

  private struct NodeSocket {
    let raw: Int32
    /// An end and a reset are two things; a unix socket knows no difference.
    let canReset: Bool
  }

  /// What belongs to one connection and to none after it.
  private struct State: ~Copyable {
    var way = Way.closed
    /// Of a socket; it closes with the state.
    var descriptor: FileDescriptor?
    var owner: (any NodeConnectionOwner)?
    /// The same in the loop, and what it is watched for.
    var token = SourceToken.none
    var watched = Readiness(rawValue: 0)
    var incoming = Incoming.nothing
    /// The loop has told that the node has ended its side; what it sent before may be unread.
    var peerClosed = false
    /// When it was last given to a pool; `nil` before its first request has been answered.
    var restedAt: Instant?
    /// The server whose edge connects to a node that is not its own.
    var detour: String?
  }

  /// How the node ended its side.
  enum Ending { case finished, reset }

  /// The worker's, which outlives its connections.
  private let loop: EventLoop
  private var state = State()

  init(loop: EventLoop) { self.loop = loop }

  /// Whom it tells of readiness.
  var owner: (any NodeConnectionOwner)? {
    get { state.owner }
    set { state.owner = newValue }
  }

  /// The server whose edge connects to a node that is not its own.
  var detour: String? { state.detour }

  /// The socket may hold more than was read.
  var mayHaveMore: Bool { if case .nothing = state.incoming { false } else { true } }

  var ended: Ending? { if case .ended(let ending) = state.incoming { ending } else { nil } }

  /// A request has been answered on it before.
  var isReused: Bool { state.restedAt != nil }

  /// When it was last given to a pool.
  var idleSince: Instant { state.restedAt ?? Instant(nanoseconds: 0) }

  private var pipe: PeerStream? {
    switch state.way {
    case .pipe(let pipe): pipe
    case .closed, .socket, .tls: nil
    }
  }

  private var stream: ClientStream? {
    switch state.way {
    case .tls(let stream, _): stream
    case .closed, .socket, .pipe: nil
    }
  }

  private var socket: NodeSocket? {
    switch state.way {
    case .socket(let socket), .tls(_, let socket): socket
    case .closed, .pipe: nil
    }
  }

  /// The descriptor of its socket; -1 where there is none.
  private var raw: Int32 { socket?.raw ?? -1 }

  // MARK: Life

  /// Begins to connect; bytes may be sent at once, and wait until the node has accepted.
  ///
  /// Where they are not, the node is to hear of the connection all the same: not `speaksFirst`.
  /// With `detour` that server connects to a node which is not its own.
  func open(
    _ node: NodeState, detour: String? = nil, through links: PeerLinks, speaksFirst: Bool = true
  ) throws(SystemError) {
    guard let server = node.server ?? detour else {
      return try open(node.address, speaksFirst: speaksFirst)
    }
    // It is looked at also where the way there cannot even be asked for.
    state.detour = detour
    begin(try links.open(node.address.description, at: server))
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
    state.way = .socket(NodeSocket(raw: socket.raw, canReset: address.family != .unix))
    state.descriptor = consume socket
  }

  private func begin(_ pipe: PeerStream) {
    pipe.attach(to: self)
    state.way = .pipe(pipe)
  }

  /// Has TLS spoken from the first byte, with the server called `name`.
  ///
  /// Not through a pipe, which is encrypted as far as the node's server.
  func secure(_ context: ClientContext, name: String) throws(TLSError) {
    guard let socket else { throw TLSError("a pipe", reason: "carries no TLS to a node") }
    let stream = try ClientStream(context: context, descriptor: socket.raw, name: name)
    state.way = .tls(stream, socket)
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
    guard let socket else { return }
    let events = sending || stream != nil ? Readiness.exchange : Readiness.answer
    guard state.token != .none else {
      state.token = try loop.register(socket.raw, self, events)
      state.watched = events
      return
    }
    guard state.watched.rawValue & events.rawValue != events.rawValue else { return }
    try loop.modify(socket.raw, state.token, events)
    state.watched = events
  }

  /// The answer is over and the connection waits for another request.
  func rest(_ owner: any NodeConnectionOwner) {
    state.owner = owner
    state.restedAt = loop.now
    if let pipe { return pipe.rest() }
    // What the node sends beyond its answer is to come now. It may hold it back until we acknowledge
    // the answer (RFC 896), and an acknowledgement that waited for our next request would bring it
    // as the answer to that one.
    if let socket, socket.canReset { Socket.acknowledgeNow(socket.raw) }
  }

  /// Closes it; `mayReset` where everything the node was sent has been answered.
  func close(mayReset: Bool = true) {
    if pipe != nil { return close(mayReset ? .answered : .inOrder) }
    if let socket {
      loop.forget(state.token)
      if let stream { stream.shutdown() }
      // Everything has been read and the peer has let go: nothing is left to be lost.
      if state.peerClosed, mayReset, socket.canReset { Socket.resetOnClose(socket.raw) }
    }
    state = State()
  }

  /// Breaks it off: whatever is on its way is lost.
  func reset() {
    if pipe != nil { return close(.reset) }
    if let socket { Socket.resetOnClose(socket.raw) }
    close(mayReset: false)
  }

  private func close(_ manner: PeerSession.Closing) {
    pipe?.close(manner)
    state = State()
  }

  func ready(_ events: Readiness) {
    if events.isReadable || events.isEnding, case .nothing = state.incoming {
      state.incoming = .mayBeMore
    }
    if events.isEnding { state.peerClosed = true }
    state.owner?.nodeReady(self, events)
  }

  // MARK: Bytes

  /// Whether the node could not be reached, once the socket has said that it is ready.
  var hasFailed: Bool { takeFailure() != nil }

  /// Why the node could not be reached, once the socket has said that it is ready; a socket says it
  /// once.
  func takeFailure() -> ConnectFailure? {
    if let pipe {
      guard pipe.ending == .reset else { return nil }
      return pipe.isRefusedAsBusy ? .busy : .other
    }
    let code = Socket.pendingError(raw)
    return code == 0 ? nil : ConnectFailure(code)
  }

  /// TLS is spoken and the node has accepted the connection beneath it.
  var awaitsTLS: Bool { stream != nil && Socket.peerAddress(raw) != nil }

  /// Whether it is certain, after the end of a pipe, that the node has had not a byte of ours.
  var hasReachedNobody: Bool { pipe?.hasReachedNobody ?? false }

  /// Whether it ended because the whole server was lost, whatever the node there may be doing.
  var hasLostServer: Bool { pipe?.hasLostServer ?? false }

  /// Whether the node, or the way to it, has only too much to do.
  var isRefusedAsBusy: Bool { pipe?.isRefusedAsBusy ?? false }

  /// `true` once bytes can be sent: at once without TLS.
  func handshake() throws(TLSError) -> Bool {
    guard let stream else { return true }
    return try stream.handshake() == .done
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
    guard case .mayBeMore = state.incoming else { return false }
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
      if stream == nil, count < free, !state.peerClosed { state.incoming = .nothing }
      return true
    case .wouldBlock: state.incoming = .nothing
    case .closed: state.incoming = .ended(.finished)
    case .failed: state.incoming = .ended(.reset)
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
    guard ended == nil, stream != nil || !state.peerClosed, pipe?.isLasting ?? true else {
      return false
    }
    var byte: [1 of UInt8] = [0]
    var space = byte.mutableSpan
    guard read(into: &space) == .wouldBlock else { return false }
    state.incoming = .nothing
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
