internal import Configuration
internal import EventLoop
internal import HTTPCore

/// Where the relay of one answer stands.
struct RelayState {
  enum Framing {
    case none
    case length(remaining: UInt64)
    case chunked(ChunkedDecoder)
    case untilClose
  }

  var framing = Framing.none
  /// The instance has given everything that belongs to the answer.
  var sourceDone = false
  /// The client could not take bytes when it was last asked.
  var clientBlocked = false
  /// The client has been slow for long enough that the disk takes over.
  var mayUseFile = false
  var patience = TimerToken.none
  /// What the body goes through.
  var compressor: GzipCompressor?
  /// Runs while a body of declared length has paused and the compressor holds something back.
  var flushing = TimerToken.none
}

/// The answer's way from the instance to the client.
///
/// Bytes go out as they arrive. What the client cannot take is taken from the instance anyway, into
/// memory, and when the client stays slow into a file, so that the application's worker is free;
/// only when that is full too has the instance to wait.
extension Exchange {
  /// How long a full memory spool waits for the client before the file is used.
  private static let patience = Duration.milliseconds(20)
  /// Reads of one instance in one turn, so that a fast one cannot starve the others.
  private static let readsPerTurnMax = 16

  /// The final head of an answer that will be delivered: it goes out with what follows it.
  func deliver(_ attempt: Attempt) {
    stage = .answering
    guard let driver, let upstream else { return attempt.close() }
    let source = attempt.response.bodyFraming(for: head.method)
    let coding = chooseCoding(attempt.response)
    let (relay, output) = framings(of: source, coding)
    pump.framing = relay
    if case .none = relay { pump.sourceDone = true }
    let mustClose = driver.mustClose() || output == .untilClose
    if let node = attempt.node { stick(to: node, &attempt.response) }
    rules?.apply(to: &attempt.response)
    let fitted = beginAnswer(driver, attempt.response.status, output) { buffer in
      HeadSerializer.write(
        attempt.response, framing: output,
        connection: connectionToken(closing: mustClose),
        date: worker.date.span, coding: coding, into: &buffer)
    }
    guard fitted else { return answerLocally(.status(502, "response-head-too-large")) }
    upstream.answered()
    relayMore(attempt)
  }

  /// A turn's share of reads was used up.
  func turnEnded() {
    guard stage == .answering else { return }
    if let attempt = attempts.first { relayMore(attempt) } else if fileBody.isActive { sendFile() }
  }

  /// More may be there from the instance.
  func relay(_ attempt: Attempt) {
    guard attempt === attempts.first, stage == .answering else { return }
    relayMore(attempt)
  }

  /// The client can take more.
  func downstreamWritable() {
    guard stage == .answering else { return }
    pump.clientBlocked = false
    drainSpool()
    sendRestOfOwnBody()
    if let attempt = attempts.first, !pump.clientBlocked { return relayMore(attempt) }
    if fileBody.isActive { return sendFile() }
    endIfDone()
  }

  private func relayMore(_ attempt: Attempt) {
    var reads = 0
    var hasPaused = false
    while !pump.sourceDone {
      if !attempt.input.isEmpty {
        if let cause = forward(&attempt.input) { return cut(cause) }
        continue
      }
      guard canTakeMore, reads < Self.readsPerTurnMax else { break }
      reads += 1
      if !attempt.fill() {
        hasPaused = true
        break
      }
    }
    if !pump.sourceDone, attempt.input.isEmpty, let ending = attempt.ended {
      guard case .untilClose = pump.framing, ending == .finished else {
        attemptBroke(attempt, .cut)
        return cut("response-truncated")
      }
      pump.sourceDone = true
    }
    if pump.sourceDone {
      guard endCompression() else { return cut("compression-failed") }
      releaseSource(attempt)
    } else if let upstream {
      attempt.arm(upstream.settings.idleTimeout)
      if hasPaused, !flushCompressor() { return cut("compression-failed") }
      // What there is goes out now: an event of a stream must not wait for the next one.
      if !pump.clientBlocked, let driver, !driver.flush() { pump.clientBlocked = true }
      if pump.clientBlocked { attempt.releaseInput() }
      if reads == Self.readsPerTurnMax { worker.loop.atTurnEnd(self) }
    }
    endIfDone()
  }

  /// Passes on what was read; returns why the answer has to be cut, or `nil`.
  ///
  /// The attempt's buffer is borrowed here, so nothing in here may end the attempt.
  private func forward(_ input: inout ByteBuffer) -> StaticString? {
    switch pump.framing {
    case .none:
      input.consume(input.count)
      pump.sourceDone = true
    case .untilClose:
      return pass(&input, skip: 0, count: input.count)
    case .length(let remaining):
      let count = Int(min(remaining, UInt64(input.count)))
      // What an application sends beyond its own Content-Length is cut off here: it would be
      // taken for the next answer.
      if input.count > count { note(cause: "response-longer-than-declared") }
      pump.framing = .length(remaining: remaining - UInt64(count))
      if remaining == UInt64(count) { pump.sourceDone = true }
      return pass(&input, skip: 0, count: count)
    case .chunked(var decoder):
      do throws(HTTPError) {
        let step = try decoder.next(input.readable)
        pump.framing = .chunked(decoder)
        switch step {
        case .more(let consumed): input.consume(consumed)
        case .data(let skip, let count): return pass(&input, skip: skip, count: count)
        case .end(let consumed):
          input.consume(consumed)
          pump.sourceDone = true
        }
      } catch {
        return "response-chunking-broken"
      }
    }
    return nil
  }

  /// Passes body bytes on.
  private func pass(_ input: inout ByteBuffer, skip: Int, count: Int) -> StaticString? {
    guard driver != nil else { return nil }
    let isGood = handOn(input.readable.extracting(skip..<(skip + count)))
    input.consume(skip + count)
    return isGood ? nil : "compression-failed"
  }

  /// Gives bytes to the client as they are, and what it cannot take to the spool.
  func hand(_ bytes: borrowing Span<UInt8>) {
    guard let driver else { return }
    record.bytesOut += Int64(bytes.count)
    var taken = 0
    if spool.isEmpty { taken = driver.sendBody(bytes) }
    guard taken < bytes.count else { return }
    pump.clientBlocked = true
    defer { countMemory() }
    let kept = spool.append(
      bytes.extracting(taken..<bytes.count), toFile: pump.mayUseFile || mustUseFile,
      directory: worker.spoolDirectory)
    // Without a disk the instance has to wait for the client; nothing is lost.
    if !kept { note(cause: "response-storage") }
  }

  private var limits: LimitSettings { snapshot.configuration.limits }

  /// Memory is short, so that the disk takes at once what the client does not.
  private var mustUseFile: Bool { worker.buffers.isShort && limits.responseFileBytes > 0 }

  /// Whether another read from the instance has a place to go to.
  private var canTakeMore: Bool {
    if spool.isEmpty { return true }
    if spool.hasTail { return false }
    if mustUseFile { pump.mayUseFile = true }
    let memory = driver?.responseMemory(limits.responseMemoryBytes) ?? 0
    if spool.memoryCount + BufferPool.blockBytes <= memory, spool.fileCount == 0, !pump.mayUseFile {
      return true
    }
    if pump.mayUseFile {
      return spool.fileCount < Int64(limits.responseFileBytes) && worker.buffers.hasFiles
    }
    if pump.patience == .none, limits.responseFileBytes > 0 {
      pump.patience = worker.loop.arm(self, after: Self.patience)
    }
    return false
  }

  /// The client stayed slow: from here on the disk takes what memory cannot.
  func timerFired(_ token: TimerToken) {
    if token == pump.flushing { return pauseLasted() }
    if token == listingDue { return listingMayBeMade() }
    pump.patience = .none
    guard stage == .answering, pump.clientBlocked else { return }
    pump.mayUseFile = true
    if let attempt = attempts.first { relayMore(attempt) }
  }

  private func pauseLasted() {
    pump.flushing = .none
    guard stage == .answering, !pump.sourceDone else { return }
    guard flushCompressor(hasLasted: true) else { return cut("compression-failed") }
    if !pump.clientBlocked, let driver, !driver.flush() { pump.clientBlocked = true }
  }

  private func drainSpool() {
    guard let driver, !spool.isEmpty else { return }
    defer { countMemory() }
    while !spool.isEmpty {
      let taken = driver.sendBody(spool.front)
      do throws(SystemError) {
        try spool.consume(taken)
      } catch {
        return cut("response-storage")
      }
      if taken == 0 {
        pump.clientBlocked = true
        return
      }
    }
  }

  private func releaseSource(_ attempt: Attempt) {
    _ = attempts.takeFirst()
    attempt.finish()
  }

  func endIfDone() {
    guard stage == .answering, pump.sourceDone, spool.isEmpty, ownBody.isSent else { return }
    pump.sourceDone = false
    worker.loop.cancel(pump.patience)
    driver?.endAnswer()
  }

  /// The answer has begun and cannot be completed: the client must see that.
  private func cut(_ cause: StaticString) {
    note(cause: cause)
    driver?.cutAnswer()
  }

  /// Nothing came from the instance for the idle timeout, though there was room for it.
  func answerStalled(_ attempt: Attempt) {
    guard attempt === attempts.first else { return }
    // While the client is the slow one the instance is not to blame.
    if pump.clientBlocked, let upstream { return attempt.arm(upstream.settings.idleTimeout) }
    attemptBroke(attempt, .cut)
    cut("response-stalled")
  }

  /// What the body is on either side of us.
  private func framings(
    of source: ResponseFraming, _ coding: BodyCoding
  ) -> (RelayState.Framing, OutputFraming) {
    switch source {
    case .none: return (.none, .none)
    case .length(let count):
      return (.length(remaining: count), coding == .gzip ? unknownLength : .length(count))
    case .chunked: return (.chunked(ChunkedDecoder()), unknownLength)
    case .untilClose: return (.untilClose, unknownLength)
    }
  }

  private var unknownLength: OutputFraming {
    head.versionMinor == 0 ? .untilClose : .chunked
  }

  func connectionToken(closing: Bool) -> ConnectionToken {
    if closing { return .close }
    return head.versionMinor == 0 ? .keepAlive : .none
  }
}
