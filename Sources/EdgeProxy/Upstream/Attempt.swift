internal import EventLoop
internal import Glibc
internal import HTTPCore

/// One try of an exchange against one node: a connection that carries one request.
///
///     sending ──▶ awaitingHead ──▶ relaying ──▶ over
///
/// uwsgi sockets serve one request each, so connecting comes late, and the packet with its body
/// goes out at once. The descriptor is edge-triggered: whoever stops reading remembers that there
/// may be more (`mayHaveMore`) and comes back.
final class Attempt: EventSource, TimerTarget {
  enum Stage { case sending, awaitingHead, relaying, over }

  /// The worker owns its attempts and outlives them.
  let worker: Worker
  private(set) var exchange: Exchange?
  private(set) var node: NodeState?
  private(set) var stage = Stage.over
  private var descriptor: FileDescriptor?
  private var raw: Int32 = -1
  private var token = SourceToken.none
  private var timer = TimerToken.none
  private(set) var startedAt = Instant(nanoseconds: 0)

  var input = ByteBuffer()
  var response = ResponseHead()
  private var parser = ResponseParser()
  /// The socket may hold more than was read.
  private(set) var mayHaveMore = false
  private var peerClosed = false
  private(set) var ended: Ending?
  private var packetSent = 0
  private var bodySent = 0
  private(set) var sentAnything = false
  /// The request could not be sent to its end; an answer may be there all the same.
  private var sendingFailed = false
  private var interims = 0

  /// How the instance ended its side.
  enum Ending { case finished, reset }

  /// Interim answers relayed from one instance at most.
  private static let interimsMax = 16

  init(worker: Worker) { self.worker = worker }

  // MARK: Life

  /// Connects and sends; what goes wrong is told to the exchange.
  func start(_ exchange: Exchange, _ node: NodeState, upstream: WorkerUpstream) {
    self.exchange = exchange
    self.node = node
    stage = .sending
    startedAt = worker.loop.now
    ended = nil
    mayHaveMore = false
    peerClosed = false
    packetSent = 0
    bodySent = 0
    sentAnything = false
    sendingFailed = false
    interims = 0
    parser.reset()
    node.begin()
    do throws(SystemError) {
      let socket = try Socket.connect(node.address)
      raw = socket.raw
      // A packet alone is one write; the last part of a body must not wait for an acknowledgement.
      if exchange.body.count > 0 { Socket.setNoDelay(raw) }
      descriptor = consume socket
    } catch {
      return fail(error.blamesNode ? .couldNotConnect : .busy)
    }
    send()
    guard stage != .over else { return }
    watch(upstream)
  }

  private func watch(_ upstream: WorkerUpstream) {
    let events = stage == .sending ? Readiness.exchange : Readiness.answer
    do throws(SystemError) {
      token = try worker.loop.register(raw, self, events)
    } catch {
      return fail(.couldNotConnect)
    }
    let settings = upstream.settings
    arm(stage == .sending && !sentAnything ? settings.connectTimeout : settings.responseTimeout)
  }

  /// Ends the attempt and its connection; the exchange hears nothing more.
  func close() {
    guard stage != .over else { return }
    stage = .over
    disarm()
    worker.loop.forget(token)
    token = .none
    if peerClosed { Socket.resetOnClose(raw) }
    descriptor = nil
    raw = -1
    if input.capacity > 0 { worker.buffers.give(input.takeStorage()) }
    node?.end()
    node = nil
    exchange = nil
    response.reset()
    worker.give(self)
  }

  private func fail(_ failure: AttemptFailure) {
    exchange?.attemptFailed(self, failure)
  }

  // MARK: Time

  func arm(_ span: Duration) {
    worker.loop.cancel(timer)
    timer = worker.loop.arm(self, after: span)
  }

  func disarm() {
    worker.loop.cancel(timer)
    timer = .none
  }

  func timerFired(_ token: TimerToken) {
    timer = .none
    switch stage {
    case .sending where !sentAnything: fail(.couldNotConnect)
    case .sending, .awaitingHead:
      fail(parser.hasBegun ? .headIncomplete(timedOut: true) : .responseTimeout)
    case .relaying: exchange?.answerStalled(self)
    case .over: break
    }
  }

  // MARK: Events

  func ready(_ events: Readiness) {
    if stage == .sending { send() }
    guard stage != .over else { return }
    if events.isReadable || events.isEnding {
      mayHaveMore = true
      if events.isEnding { peerClosed = true }
      receive()
    }
  }

  // MARK: The request

  private func send() {
    guard let exchange, !sendingFailed else { return }
    while packetSent < exchange.packet.count {
      let outcome = sendPacket(exchange.packet, hasBody: exchange.body.count > 0)
      guard let count = sent(outcome) else { return }
      packetSent += count
    }
    while bodySent < exchange.body.count {
      guard let count = sent(sendBody(exchange)) else { return }
      bodySent += count
    }
    requestSent(exchange)
  }

  private func sendPacket(_ packet: borrowing UWSGIPacket, hasBody: Bool) -> WriteOutcome {
    Descriptor.send(
      raw, packet.bytes.extracting(packetSent..<packet.count), more: hasBody)
  }

  private func sendBody(_ exchange: Exchange) -> WriteOutcome {
    if let file = exchange.body.fileDescriptor {
      let count = min(exchange.body.count - bodySent, 1 << 20)
      return Descriptor.sendFile(
        from: file, at: Int64(bodySent), count: count, to: raw)
    }
    let memory = exchange.body.memory
    return Descriptor.send(raw, memory.span.extracting(bodySent..<memory.count))
  }

  /// How many bytes went out; `nil` to stop, for whatever reason.
  private func sent(_ outcome: WriteOutcome) -> Int? {
    switch outcome {
    case .bytes(let count):
      if !sentAnything {
        sentAnything = true
        if token != .none, let upstream = exchange?.upstream {
          arm(upstream.settings.responseTimeout)
        }
      }
      return count
    case .wouldBlock: return nil
    case .failed(let error):
      guard sentAnything else {
        fail(error.blamesNode ? .couldNotConnect : .busy)
        return nil
      }
      // The instance may have answered before it had read everything: look before judging.
      sendingFailed = true
      requestSent(exchange)
      return nil
    }
  }

  private func requestSent(_ exchange: Exchange?) {
    if stage == .sending { stage = .awaitingHead }
  }

  // MARK: The answer

  /// Reads and passes on until nothing more is there or the reader has enough.
  func receive() {
    switch stage {
    case .sending, .awaitingHead: receiveHead()
    case .relaying: exchange?.relay(self)
    case .over: break
    }
  }

  private func receiveHead() {
    while stage == .sending || stage == .awaitingHead {
      let progress = fill()
      if !parseHead() { return }
      guard stage != .relaying else { return }
      if case .nothing = progress {
        guard let ended else { return }
        return fail(failure(of: ended))
      }
    }
  }

  private func failure(of ending: Ending) -> AttemptFailure {
    if !input.isEmpty || parser.hasBegun { return .headIncomplete(timedOut: false) }
    return ending == .reset
      ? .resetBeforeResponse(sentAnything: sentAnything)
      : .closedBeforeResponse(sentAnything: sentAnything)
  }

  /// Parses what is there; `false` when the attempt is over.
  private func parseHead() -> Bool {
    guard let exchange else { return false }
    while !input.isEmpty {
      do throws(HTTPError) {
        let limits = exchange.snapshot.headLimits
        guard let count = try parser.parse(input.readable, into: &response, limits: limits) else {
          return true
        }
        input.consume(count)
      } catch {
        fail(.malformedResponse)
        return false
      }
      if (100..<200).contains(response.status) {
        interims += 1
        guard response.status != 101, interims <= Self.interimsMax else {
          fail(.malformedResponse)
          return false
        }
        exchange.interimArrived(self)
        parser.reset()
        response.reset()
        continue
      }
      stage = .relaying
      disarm()
      exchange.headArrived(self)
      return stage != .over
    }
    return true
  }

  /// Gives an empty input back while nobody reads.
  func releaseInput() {
    if input.isEmpty, input.capacity > 0 { worker.buffers.give(input.takeStorage()) }
  }

  enum Progress { case something, nothing }

  /// One read into the input; remembers when the socket is empty or the instance has ended.
  func fill() -> Progress {
    guard mayHaveMore, ended == nil else { return .nothing }
    if input.capacity == 0 { input = ByteBuffer(storage: worker.buffers.take()) }
    if input.freeCount == 0 { input.compact() }
    let free = input.freeCount
    guard free > 0 else { return .nothing }
    var outcome = ReadOutcome.wouldBlock
    _ = input.write { space in
      outcome = Descriptor.read(raw, into: &space)
      if case .bytes(let count) = outcome { return count }
      return 0
    }
    switch outcome {
    case .bytes(let count):
      // A short read has emptied the socket; the next edge tells of more (epoll(7), question 9).
      if count < free, !peerClosed { mayHaveMore = false }
      return .something
    case .wouldBlock: mayHaveMore = false
    case .closed: ended = .finished
    case .failed: ended = .reset
    }
    return .nothing
  }
}

extension SystemError {
  /// Whether a connection that could not be made says anything about the node: not when its queue
  /// is full (EAGAIN on a unix socket), nor when this process has run out of something.
  fileprivate var blamesNode: Bool {
    ![EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL].contains(code)
  }
}

@available(*, unavailable) extension Attempt: Sendable {}
