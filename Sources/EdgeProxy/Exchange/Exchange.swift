internal import CertStore
internal import Configuration
internal import EventLoop
internal import HTTPCore

/// One request and its answer, whatever carries them.
///
///     receiving ──▶ trying ◀──▶ held, queued
///         │           │          │
///         │           ▼          │
///         └──────▶ answering ◀───┘ ──▶ done
///
/// An exchange is used again for later requests, so that one costs no allocation. Its tries are in
/// `ExchangeTries.swift`, the way of the answer in `BodyRelay.swift`, our own answers in
/// `LocalAnswer.swift`.
final class Exchange: TimerTarget, TurnEnd {
  enum Stage { case receiving, trying, held, queued, answering, done }

  /// The worker owns its exchanges and outlives them.
  let worker: Worker
  /// Who carries the exchange; `nil` once nobody waits for the answer.
  private(set) var driver: ExchangeDriver?
  private(set) var connection: Connection?
  var stage = Stage.receiving
  /// The head of the final answer is with the driver: no other can follow it.
  private(set) var hasAnswered = false

  var head = RequestHead()
  var body = RequestBody()
  /// The request as it goes to an instance: the one in the form that its upstream speaks.
  var packet = UWSGIPacket()
  var message = HTTP1Request()
  /// Which of the two it is.
  var isPacket = true
  var facts = ForwardedFacts()

  /// Who asks: whom limits count.
  var client = IPAddress(ipv4: 0)
  /// What a trusted proxy says of the client.
  var forwarded = ForwardedChain()
  /// Where the signal handler finds it.
  private(set) var notedAt = UnderWay.Place.none
  private var requestID = [UInt8](repeating: 0, count: RandomSource.identifierBytes)

  // The route, from the configuration that was in force when the request began.
  var snapshot: WorkerSnapshot
  var route = -1
  var upstream: WorkerUpstream?
  /// What the route does to fields; `nil` for most.
  var rules: RouteRules?

  // Tries.
  var attempts = Attempts()
  var tries = Tries(Tries.Request(), generation: 0, at: Instant(nanoseconds: 0))
  /// Where it waits for an instance or for a node with less to do.
  var place = WaitPlace.none
  /// Where the tunnel leads that was agreed to.
  var tunnelNode: NodeState?

  // The answer.
  var spool = Spool()
  /// What the access log will say.
  var record = AccessRecord()
  var startedAt = Instant(nanoseconds: 0)
  var pump = RelayState()
  private var countedBytes = 0
  private var countedFileBytes: Int64 = 0
  var ownBody = OwnBody()
  var localHead = ResponseHead()
  var fileBody = FileBody()
  /// Runs while the page of a directory waits for the next turn.
  var listingDue = TimerToken.none

  init(worker: Worker) {
    self.worker = worker
    snapshot = worker.snapshot
  }

  // MARK: Life

  func assign(to driver: ExchangeDriver, on connection: Connection) {
    self.driver = driver
    self.connection = connection
    snapshot = worker.snapshot
    stage = .receiving
    hasAnswered = false
    client = connection.peer.address
    startedAt = worker.loop.now
    worker.random.nextIdentifier(into: &requestID)
    record.requestID = requestID
    connection.describe(&record)
  }

  /// The head is there: finds the route; `false` when the request has been answered already.
  func begin() -> Bool {
    startedAt = worker.loop.now
    notedAt = worker.underWay.begin(head, id: requestID, client: record.client, at: startedAt)
    identifyClient()
    guard let refusal = route(of: connection) else { return true }
    answerLocally(refusal)
    return false
  }

  /// Whether the rest of the request is waited for.
  ///
  /// An answer may begin before the request is whole. What comes of it then is nobody's.
  var isReceiving: Bool { stage == .receiving }

  /// Keeps a piece of the request body.
  func receiveBody(_ bytes: borrowing Span<UInt8>) throws(RequestBodyFailure) {
    guard isReceiving, route >= 0 else { return }
    let limit = snapshot.configuration.routes[route].bodyBytesMax
    guard body.count + bytes.count <= limit else { throw .tooLarge(limit: limit) }
    defer { countMemory() }
    do throws(SystemError) {
      try body.append(bytes, in: bodyPlace)
    } catch {
      throw .storage(error)
    }
  }

  /// The request is complete: the first instance is asked.
  func requestComplete() {
    guard isReceiving else { return }
    guard body.count == 0 || keepWholeBody() else {
      return answerLocally(.status(503, "body-storage"))
    }
    dispatch()
  }

  /// Brings the body to where it is sent from; `false` where there is no room for it.
  private func keepWholeBody() -> Bool {
    do throws(SystemError) {
      try body.complete(in: bodyPlace)
    } catch {
      return false
    }
    if let failure = body.diskFailure { worker.bodyKeptInMemory(failure) }
    return true
  }

  private var bodyPlace: RequestBody.Place {
    let limits = snapshot.configuration.limits
    let isShort = worker.buffers.isShort
    return RequestBody.Place(
      memoryBytesMax: isShort ? 0 : limits.bodyMemoryBytes, directory: worker.spoolDirectory,
      spareBytes: limits.memoryBytes - worker.buffers.bytesOut)
  }

  /// The client's connection is gone: nothing can be delivered any more.
  func clientGone() {
    guard stage != .done else { return }
    note(cause: "client-gone")
    if record.status == 0 { record.status = 499 }
    leave()
  }

  /// The client has ended its side while it waits; `true` when the request is given up.
  ///
  /// A request that only reads is dropped and its worker freed; one that changes something goes on.
  func clientEnded() -> Bool {
    guard stage != .answering, head.method.isSafe else { return false }
    note(cause: "client-gone")
    record.status = 499
    return true
  }

  /// Counts what is kept for this exchange against the worker's ceilings.
  func countMemory() {
    let bytes =
      Self.objectBytes + head.memoryBytes + packet.memoryBytes + message.memoryBytes
      + body.memoryBytes + spool.memoryBytes + ownBody.memoryBytes
    if bytes != countedBytes { count(bytes) }
    let files = body.diskBytes + spool.fileBytes
    if files != countedFileBytes { count(files: files) }
  }

  /// What is kept for this exchange, with the blocks that it has from the pool.
  var memoryHeld: Int {
    let compressor = pump.compressor == nil ? 0 : GzipCompressor.memoryBytes
    return countedBytes + attempts.inputBytes + compressor + fileBody.blockBytes
  }

  var filesHeld: Int64 { countedFileBytes }

  /// Moves to files what does not go out next; returns how many bytes.
  func spill() -> Int {
    defer { countMemory() }
    let moved = stage == .receiving ? body.spill(in: bodyPlace) : 0
    guard snapshot.configuration.limits.responseFileBytes > 0 else { return moved }
    return moved + spool.spill(in: worker.spoolDirectory)
  }

  /// The client holds more than its share: its answer is given up.
  func cutForMemory() {
    guard stage != .done else { return }
    worker.counters.refused(.memory)
    guard hasAnswered else { return answerLocally(.status(503, "memory-limit")) }
    note(cause: "memory-limit")
    driver?.cutAnswer()
  }

  /// A request with a head of this size is counted only once something else is kept for it.
  static let uncountedHeadBytes = 8 * 1024

  /// The exchange itself with what belongs to it always: its stream, its record, its attempt.
  private static let objectBytes = 4 * 1024

  private func count(_ bytes: Int) {
    worker.buffers.count(bytes - countedBytes)
    countedBytes = bytes
  }

  private func count(files bytes: Int64) {
    worker.buffers.countFiles(bytes - countedFileBytes)
    countedFileBytes = bytes
  }

  func note(cause: StaticString) {
    if record.cause == nil { record.cause = cause }
  }

  /// The answer is out or will never be: writes the log and forgets everything.
  func finish() {
    guard stage != .done else { return }
    leave()
  }

  private func leave() {
    abandonTries()
    releaseCompressor()
    worker.loop.cancel(listingDue)
    listingDue = .none
    fileBody.end(worker.buffers)
    stage = .done
    completeRecord()
    worker.log(self)
    worker.underWay.end(&notedAt)
    driver = nil
    connection = nil
  }

  private func completeRecord() {
    let now = worker.loop.clockNow
    record.time = worker.wallClock(at: startedAt)
    record.bytesIn += Int64(body.count)
    record.totalMicroseconds = now.microseconds(since: startedAt)
    if let upstream { record.upstream = upstream.state.name }
    if route >= 0 { record.route = snapshot.routeNames[route] }
  }

  /// Gives the head of the final answer to the driver, as `write` makes it; the body follows by `framing`.
  ///
  /// All answers begin here, whatever they come from. `false` where the head did not fit, and nothing
  /// of it went out; a second head for the same request is a mistake of ours, and none goes out either.
  func beginAnswer(
    _ driver: ExchangeDriver, _ status: Int, _ framing: OutputFraming,
    _ write: (inout ByteBuffer) -> Bool
  ) -> Bool {
    guard !hasAnswered else { return false }
    stage = .answering
    guard driver.sendHead(framing, write) else { return false }
    hasAnswered = true
    record.status = status
    record.firstByteMicroseconds = worker.loop.now.microseconds(since: startedAt)
    return true
  }

  /// Makes the exchange ready for another request; what is large goes back.
  func reset() {
    head.reset()
    body.reset()
    spool.reset()
    // The body's small buffer is kept for the next request, which counts it. An exchange that is not
    // kept must not leave a count behind.
    if countedBytes != 0 { count(0) }
    if countedFileBytes != 0 { count(files: 0) }
    ownBody.reset()
    packet.shrink()
    message.shrink()
    route = -1
    upstream = nil
    rules = nil
    record.reset()
    // Shared storage would have to be copied for the next request's name.
    facts.requestID = []
    facts.forwardedHost = []
    forwarded.reset()
    pump = RelayState()
  }
}

@available(*, unavailable) extension Exchange: Sendable {}
