internal import CertStore
internal import Configuration
internal import EventLoop
internal import HTTPCore

/// One request and its answer, whatever carries them.
///
///     receiving ──▶ trying ◀──▶ waiting for an instance, or for a node with less to do
///         │           │          │
///         │           ▼          │
///         └──────▶ answering ◀───┘ ──▶ done
///
/// An exchange is used again for later requests, so that one costs no allocation. Everything that
/// happens to a request comes in here, in this order: what its driver reads, what its attempts tell,
/// what its queue tells, what its driver can take. `docs/design/exchange.md` draws it.
final class Exchange: TimerTarget, TurnEnd, Waiter {
  enum Stage: Equatable { case receiving, trying, waiting(for: Awaited), answering, done }
  enum Awaited: Equatable {
    case instance, slot
    /// Its site is paused; with `hasBegun` it waited for a node before.
    case site(until: Instant, hasBegun: Bool)
  }

  /// The worker owns its exchanges and outlives them.
  let worker: Worker
  /// What carries the exchange; `nil` once nobody waits for the answer.
  private(set) var driver: ExchangeDriver?
  private(set) var connection: Connection?
  var stage = Stage.receiving

  var request = Request()
  /// The configuration that was in force when the request began.
  private(set) var snapshot: WorkerSnapshot
  /// `nil` while no route has been found.
  var destination: Destination?

  var attempts = Attempts()
  var tries = Tries(Tries.Request(), generation: 0, at: Instant(nanoseconds: 0))
  /// Where it waits for an instance or for a node with less to do.
  var place = WaitPlace.none
  /// Where the tunnel leads that was agreed to.
  var tunnelNode: NodeState?

  var spool = Spool()
  var answer = Answer()
  var ownBody = OwnBody()
  var localHead = ResponseHead()
  var fileBody = FileBody()
  /// Runs while the page of a directory waits for the next turn.
  var listingDue = TimerToken.none

  /// What the access log will say.
  private(set) var record = AccessRecord()
  private(set) var startedAt = Instant(nanoseconds: 0)
  /// Where the signal handler finds it.
  private(set) var notedAt = UnderWay.Place.none
  private var requestID = [UInt8](repeating: 0, count: RandomSource.identifierBytes)
  var counted = CountedMemory()

  init(worker: Worker) {
    self.worker = worker
    snapshot = worker.snapshot
  }

  var upstream: WorkerUpstream? { destination?.upstream }

  // MARK: The life of a request

  /// What has come to pass: whoever tells the exchange something below ends here.
  private enum Moment {
    case headIsRead
    case isWhole
    case isOrdered(Tries.Order)
    case isAnswered(Attempt)
    case isOver
  }

  /// The whole life, from the head to the line in the log; in between, the request waits.
  private func live(_ moment: Moment) {
    switch moment {
    case .headIsRead:
      if let reason = findAnswerer(of: connection) { answerLocally(reason) }
    case .isWhole:
      if let order = beginTries() { carryOut(order) }
    case .isOrdered(let order):
      carryOut(order)
    case .isAnswered(let attempt):
      relayAnswer(of: attempt)
    case .isOver:
      abandonTries()
      endAnswer()
      stage = .done
      completeRecord()
      if !isQuestion { worker.log(self) }
      worker.underWay.end(&notedAt)
      driver = nil
      connection = nil
    }
  }

  // MARK: What the driver reads

  func assign(to driver: ExchangeDriver, on connection: Connection) {
    self.driver = driver
    self.connection = connection
    snapshot = worker.snapshot
    stage = .receiving
    answer = Answer()
    request.begin(from: connection.client.address)
    startedAt = worker.loop.now
    worker.random.nextIdentifier(into: &requestID)
    record.requestID = requestID
    connection.describe(&record)
  }

  /// Parses what is there of a head; returns how many bytes once it is whole.
  func parseHead(
    _ parser: inout RequestParser, _ bytes: borrowing Span<UInt8>, _ limits: HeadLimits
  ) throws(HTTPError) -> Int? {
    try request.parseHead(&parser, bytes, limits)
  }

  /// Has `take` put the head here.
  func takeHead(_ take: (inout RequestHead) -> Void) { request.takeHead(take) }

  /// The head is there: finds the route; `false` when the request has been answered already.
  func begin() -> Bool {
    startedAt = worker.loop.now
    notedAt = worker.underWay.begin(
      request.head, id: requestID, client: record.client, at: startedAt)
    let trusted = snapshot.configuration.trusted
    if !trusted.isEmpty, trusted.contains(request.client) { identifyClient(trusted) }
    if request.head.namesTrace || snapshot.configuration.traces.mode == .make { settleTrace() }
    live(.headIsRead)
    return isReceiving
  }

  /// Asks an authenticator whether another request may go on, see `AuthenticatorCall`.
  func ask(_ path: [UInt8], about other: Exchange, at destination: Destination) {
    snapshot = other.snapshot
    (record.requestID, record.client) = (other.record.requestID, other.record.client)
    request.ask(path, about: other.request)
    self.destination = destination
    live(.isWhole)
  }

  /// Reads what a trusted peer forwards; from all others nothing is believed.
  private func identifyClient(_ trusted: [Network]) {
    let peer = request.client
    request.readForwarded(trusted: trusted)
    if request.client != peer { record.client = request.client.text }
    if !request.forwarded.requestID.isEmpty { record.requestID = request.forwarded.requestID }
  }

  /// Which trace the request belongs to is what its client says, or what is made here.
  private func settleTrace() {
    record.traceID = request.settleTrace(snapshot.configuration.traces, &worker.random)
  }

  /// Whether the rest of the request is waited for.
  ///
  /// An answer may begin before the request is whole. The rest of the request is discarded then.
  var isReceiving: Bool { stage == .receiving }

  /// Keeps a piece of the request body.
  func receiveBody(_ bytes: borrowing Span<UInt8>) throws(RequestBodyFailure) {
    guard isReceiving, let route = destination?.route else { return }
    let limit = snapshot.configuration.routes[route].bodyBytesMax
    guard request.body.count + bytes.count <= limit else { throw .tooLarge(limit: limit) }
    defer { countMemory() }
    do throws(SystemError) {
      try request.receive(bytes, in: bodyPlace)
    } catch {
      throw .storage(error)
    }
  }

  /// The request is complete: the first instance is asked.
  func requestComplete() {
    guard isReceiving else { return }
    if let gate = destination?.gate { return gate.isWhole = true }
    guard request.body.count == 0 || keepWholeBody() else {
      return answerLocally(.status(503, "body-storage"))
    }
    if let table = worker.sites.table, waitsForSite(table, hasBegun: false) { return }
    live(.isWhole)
  }

  /// Brings the body to where it is sent from; `false` where there is no room for it.
  private func keepWholeBody() -> Bool {
    do throws(SystemError) {
      try request.complete(in: bodyPlace)
    } catch {
      return false
    }
    if let failure = request.body.diskFailure { worker.bodyKeptInMemory(failure) }
    return true
  }

  // MARK: What attempts tell

  /// The try ended without an answer to deliver.
  func attemptFailed(_ attempt: Attempt, _ cause: AttemptFailure) {
    guard let which = attempts.which(attempt), let upstream else { return dropStale(attempt) }
    if let order = tryFailed(attempt, which, cause, upstream) { live(.isOrdered(order)) }
  }

  /// A complete head arrived: it is delivered, or another node is asked for a better one.
  func headArrived(_ attempt: Attempt) {
    guard let which = attempts.which(attempt), let upstream else { return dropStale(attempt) }
    switch judge(attempt, which, upstream) {
    case .deliver: live(.isAnswered(attempt))
    case .keep(let order): live(.isOrdered(order))
    }
  }

  /// Nothing has come from a try for much longer than usual; `true` to be told again in a moment.
  func attemptSilent(_ attempt: Attempt, isFirst: Bool) -> Bool {
    guard stage == .trying, let which = attempts.which(attempt), let upstream else { return false }
    return lookForOther(than: attempt, which, upstream, isFirst: isFirst)
  }

  func interimArrived(_ attempt: Attempt) {
    // An HTTP/1.0 client does not know interim answers (RFC 9110 §15.2), and its 100 is ours.
    guard attempt === attempts.first, request.head.versionMinor == 1,
      attempt.response.status != 100
    else { return }
    driver?.sendInterim { output in
      HeadSerializer.writeInterim(attempt.response, into: &output)
    }
  }

  /// More may be there from the instance.
  func relay(_ attempt: Attempt) {
    guard attempt === attempts.first, stage == .answering else { return }
    relayMore(attempt)
  }

  // MARK: What the queue tells

  /// What the request waits for may be there.
  func mayGoOn() {
    if let table = worker.sites.table, staysForSite(table) { return }
    switch stage {
    case .waiting(for: .instance): if let order = released() { live(.isOrdered(order)) }
    case .waiting(for: .slot): if let order = slotFreed() { live(.isOrdered(order)) }
    case .waiting(for: .site(let until, let hasBegun)):
      guard siteIsBack(until, hasBegun: hasBegun) else { return }
      guard hasBegun else { return live(.isWhole) }
      if let order = released() { live(.isOrdered(order)) }
    case .receiving, .trying, .answering, .done: break
    }
  }

  /// It has waited as long as it may.
  func waitEnded() {
    let cause: StaticString
    switch stage {
    case .waiting(for: .instance): cause = upstream?.state.absence ?? "no-instance"
    case .waiting(for: .slot): cause = "queue-timeout"
    case .waiting(for: .site): return siteStaysAway()
    case .receiving, .trying, .answering, .done: return
    }
    stage = .trying
    answerForWant(503, cause)
  }

  // MARK: What the client takes

  /// The client can take more.
  func downstreamWritable() {
    guard stage == .answering else { return }
    answer.clientTakes()
    goOnAnswering()
  }

  /// A turn's share of reads was used up.
  func turnEnded() {
    guard stage == .answering else { return }
    goOnReading()
  }

  func timerFired(_ token: TimerToken) {
    if token == answer.flushing { return pauseLasted() }
    if token == listingDue { return listingMayBeMade() }
    clientStaysSlow()
  }

  /// The client's connection is gone: nothing can be delivered any more.
  func clientGone() {
    guard stage != .done else { return }
    note(cause: "client-gone")
    if record.status == 0 { record.status = 499 }
    live(.isOver)
  }

  /// The client's connection is about to be ended for what the client has done.
  func clientCut(_ cut: ServerSession.Cut) {
    switch cut {
    case .protocolError:
      note(cause: "client-protocol")
      if record.status == 0 { record.status = 400 }
    case .flood:
      note(cause: "client-flood")
      if record.status == 0 { record.status = 429 }
    }
  }

  // MARK: The answer begins

  /// Gives the head of the final answer to the driver, as `write` makes it; the body follows by `framing`.
  ///
  /// All answers begin here, whatever they come from. `false` where the head did not fit, and nothing
  /// of it went out; a second head for the same request is a mistake of ours, and none goes out either.
  func beginAnswer(
    from source: Answer.Source, _ driver: ExchangeDriver, _ status: Int,
    _ framing: OutputFraming, _ write: (inout ByteBuffer) -> Bool
  ) -> Bool {
    guard !answer.hasBegun else { return false }
    stage = .answering
    guard driver.sendHead(framing, write) else { return false }
    answer.begin(from: source)
    record.status = status
    record.firstByteMicroseconds = worker.loop.now.microseconds(since: startedAt)
    return true
  }

  // MARK: The end

  /// The answer is out or will never be: writes the log and forgets everything.
  func finish() {
    if stage != .done { live(.isOver) }
  }

  /// Makes the exchange ready for another request; what is large goes back.
  func reset() {
    request.reset()
    spool.reset()
    // The body's small buffer is kept for the next request, which counts it. An exchange that is not
    // kept must not leave a count behind.
    counted.forget(worker.buffers)
    ownBody.reset()
    destination = nil
    record.reset()
  }

  // MARK: The log

  func note(cause: StaticString) {
    if record.cause == nil { record.cause = cause }
  }

  func note(user: [UInt8]) { record.user = user }

  /// The health endpoint answers.
  func noteHealth() { record.isHealth = true }

  func noteTry(_ attempt: Attempt, _ outcome: TryOutcome) {
    guard let node = attempt.node else { return }
    let spent = worker.loop.now.microseconds(since: attempt.startedAt)
    let name = attempt.detour.map { Array("\($0)/".utf8) + node.name } ?? node.name
    record.addTry(node: name, outcome: outcome.word, microseconds: spent)
    record.upstreamMicroseconds = spent
    upstream?.counters.count(outcome, microseconds: spent)
  }

  /// Bytes of a body have gone to the client, or through a tunnel.
  func carried(bytesIn: Int64 = 0, bytesOut: Int64) {
    record.bytesIn += bytesIn
    record.bytesOut += bytesOut
  }

  private func completeRecord() {
    let now = worker.loop.clockNow
    record.time = worker.wallClock(at: startedAt)
    record.bytesIn += Int64(request.body.count)
    record.totalMicroseconds = now.microseconds(since: startedAt)
    guard let destination else { return }
    record.route = snapshot.routeNames[destination.route]
    guard let upstream = destination.upstream else { return }
    record.upstream = upstream.state.name
    if record.triesCount == 0 { record.addUnresolved(upstream.state) }
  }
}

@available(*, unavailable) extension Exchange: Sendable {}
