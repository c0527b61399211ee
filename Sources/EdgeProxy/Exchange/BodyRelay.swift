internal import Configuration
internal import EventLoop
internal import HTTPCore

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
    if case .call(let call) = driver { call.headArrived(attempt.response) }
    let source = attempt.response.bodyFraming(for: request.head.method)
    if destination?.stale != nil { considerCopy(of: attempt, source) }
    let mode = compressMode
    let coding = mode.isOff ? BodyCoding.asSent : chooseCoding(attempt.response, mode)
    let (relay, output) = framings(of: source, coding)
    let mustClose = driver.mustClose() || output == .untilClose
    if !upstream.settings.stickyCookie.isEmpty, let node = attempt.node {
      attempt.response.stick(
        to: node, upstream.settings.stickyCookie, bound: tries.request.bound,
        isTLS: connection?.listener.isTLS ?? true)
    }
    if let rules = destination?.rules { rules.apply(to: &attempt.response, for: request.head) }
    let fitted = beginAnswer(from: relay, driver, attempt.response.status, output) { buffer in
      HeadSerializer.write(
        attempt.response, framing: output,
        connection: connectionToken(closing: mustClose),
        date: worker.date.span, coding: coding, into: &buffer)
    }
    guard fitted else { return answerLocally(.status(502, "response-head-too-large")) }
    upstream.answered()
    relayMore(attempt)
  }

  /// The client can take more.
  func goOnAnswering() {
    if !spool.isEmpty { drainSpool() }
    switch answer.source {
    case .instance:
      if let attempt = attempts.first, !answer.clientIsFull { relayMore(attempt) }
    case .file: sendFile()
    case .given:
      sendRestOfOwnBody()
      endIfDone()
    case .none, .ended, .tunnel: break
    }
  }

  /// A turn's share of reads was used up.
  func goOnReading() {
    switch answer.source {
    case .instance: if let attempt = attempts.first { relayMore(attempt) }
    case .file: sendFile()
    case .none, .given, .ended, .tunnel: break
    }
  }

  /// Reads from the instance and passes on, until nothing is there or there is no place for it.
  func relayMore(_ attempt: Attempt) {
    var reads = 0
    var hasPaused = false
    while answer.comesFromInstance {
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
    if answer.comesFromInstance, attempt.input.isEmpty, let ending = attempt.ended {
      if case .instance(.perhapsChunked(let opening)) = answer.source, ending == .finished,
        let cause = endOpening(opening)
      {
        return cut(cause)
      }
      guard case .instance(.untilClose) = answer.source, ending == .finished else {
        attemptBroke(attempt, .cut)
        return cut("response-truncated")
      }
      answer.give()
    }
    if !answer.comesFromInstance {
      if answer.copy != nil { keepCopy() }
      guard answer.compressor == nil || endCompression() else { return cut("compression-failed") }
      releaseSource(attempt)
    } else if let upstream {
      attempt.arm(upstream.settings.idleTimeout)
      if hasPaused, answer.compressor != nil, !flushCompressor() {
        return cut("compression-failed")
      }
      // What there is goes out now: an event of a stream must not wait for the next one.
      if !answer.clientIsFull, let driver, !driver.flush() { answer.clientFilled() }
      if answer.clientIsFull { attempt.releaseInput() }
      if reads == Self.readsPerTurnMax { worker.loop.atTurnEnd(self) }
    }
    endIfDone()
  }

  /// Passes on what was read; returns why the answer has to be cut, or `nil`.
  ///
  /// The attempt's buffer is borrowed here, so nothing in here may end the attempt.
  private func forward(_ input: inout ByteBuffer) -> StaticString? {
    guard case .instance(let framing) = answer.source else { return nil }
    switch framing {
    case .untilClose:
      return pass(&input, skip: 0, count: input.count)
    case .length(let remaining):
      let count = Int(min(remaining, UInt64(input.count)))
      // What an application sends beyond its own Content-Length is cut off here: it would be
      // taken for the next answer.
      if input.count > count { note(cause: "response-longer-than-declared") }
      answer.advance(to: .length(remaining: remaining - UInt64(count)))
      if remaining == UInt64(count) { answer.give() }
      return pass(&input, skip: 0, count: count)
    case .chunked(var decoder):
      do throws(HTTPError) {
        let step = try decoder.next(input.readable)
        answer.advance(to: .chunked(decoder))
        switch step {
        case .more(let consumed): input.consume(consumed)
        case .data(let skip, let count): return pass(&input, skip: skip, count: count)
        case .end(let consumed):
          input.consume(consumed)
          answer.give()
        }
      } catch {
        return "response-chunking-broken"
      }
    case .perhapsChunked(var opening):
      switch opening.look(at: input.readable) {
      case .open:
        input.consume(input.count)
        answer.advance(to: .perhapsChunked(opening))
      case .chunks(let decoder, let consumed):
        input.consume(consumed)
        answer.advance(to: .chunked(decoder))
      case .none: return endOpening(opening)
      }
    }
    return nil
  }

  /// The body has no chunks, and what was looked at is its beginning.
  private func endOpening(_ opening: ChunkOpening) -> StaticString? {
    answer.advance(to: .untilClose)
    if answer.copy != nil { _ = answer.takeCopy() }
    guard driver != nil else { return nil }
    let seen = opening.seen
    guard answer.compressor != nil else {
      hand(seen.span)
      return nil
    }
    return compress(seen.span, .nothing) ? nil : "compression-failed"
  }

  /// Passes body bytes on.
  private func pass(_ input: inout ByteBuffer, skip: Int, count: Int) -> StaticString? {
    guard driver != nil else { return nil }
    let end = skip + count
    var isGood = true
    if let copy = answer.copy { copy.append(input.readable.extracting(skip..<end)) }
    if answer.compressor == nil {
      hand(input.readable.extracting(skip..<end))
    } else {
      isGood = compress(input.readable.extracting(skip..<end), .nothing)
    }
    input.consume(end)
    return isGood ? nil : "compression-failed"
  }

  /// Gives bytes to the client as they are, and what it cannot take to the spool.
  func hand(_ bytes: borrowing Span<UInt8>) {
    guard let driver else { return }
    carried(bytesOut: Int64(bytes.count))
    var taken = 0
    if spool.isEmpty { taken = driver.sendBody(bytes) }
    guard taken < bytes.count else { return }
    answer.clientFilled()
    defer { countMemory() }
    let kept = spool.append(
      bytes.extracting(taken..<bytes.count), toFile: answer.mayUseFile || mustUseFile,
      directory: worker.spoolDirectory)
    // Without a disk the instance has to wait for the client; nothing is lost.
    if !kept { note(cause: "response-storage") }
  }

  var compressMode: CompressSettings.Mode {
    let configuration = snapshot.configuration
    return destination.flatMap { configuration.routes[$0.route].compress }
      ?? configuration.compress.mode
  }

  private var limits: LimitSettings { snapshot.configuration.limits }

  /// Memory is short, so that the disk takes at once what the client does not.
  private var mustUseFile: Bool { worker.buffers.isShort && limits.responseFileBytes > 0 }

  /// Whether another read from the instance has a place to go to.
  private var canTakeMore: Bool {
    if spool.isEmpty { return true }
    if spool.hasTail { return false }
    if mustUseFile { answer.useFile() }
    let memory = driver?.responseMemory(limits.responseMemoryBytes) ?? 0
    if spool.memoryCount + BufferPool.blockBytes <= memory, spool.fileCount == 0, !answer.mayUseFile
    {
      return true
    }
    if answer.mayUseFile {
      return spool.fileCount < Int64(limits.responseFileBytes) && worker.buffers.hasFiles
    }
    if answer.patience == .none, limits.responseFileBytes > 0 {
      answer.waitForClient(worker.loop.arm(self, after: Self.patience))
    }
    return false
  }

  /// The client stayed slow: from here on the disk takes what memory cannot.
  func clientStaysSlow() {
    answer.patienceEnded()
    guard stage == .answering, answer.clientIsFull else { return }
    answer.useFile()
    if let attempt = attempts.first { relayMore(attempt) }
  }

  func pauseLasted() {
    answer.pauseEnded()
    guard stage == .answering, answer.comesFromInstance else { return }
    guard flushCompressor(hasLasted: true) else { return cut("compression-failed") }
    if !answer.clientIsFull, let driver, !driver.flush() { answer.clientFilled() }
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
        answer.clientFilled()
        return
      }
    }
  }

  private func releaseSource(_ attempt: Attempt) {
    _ = attempts.takeFirst()
    attempt.finish()
  }

  /// Nothing more of an answer is to come: lets go of what it was made from.
  func endAnswer() {
    if answer.compressor != nil { releaseCompressor() }
    if answer.copy != nil { _ = answer.takeCopy() }
    if listingDue != .none { worker.loop.cancel(listingDue) }
    listingDue = .none
    fileBody.end(worker.buffers)
  }

  func endIfDone() {
    guard stage == .answering, case .given = answer.source, spool.isEmpty, ownBody.isSent else {
      return
    }
    answer.end()
    worker.loop.cancel(answer.patience)
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
    if answer.clientIsFull, let upstream { return attempt.arm(upstream.settings.idleTimeout) }
    attemptBroke(attempt, .cut)
    cut("response-stalled")
  }

  /// What the body is on either side of us.
  private func framings(
    of source: ResponseFraming, _ coding: BodyCoding
  ) -> (Answer.Source, OutputFraming) {
    switch source {
    case .none: return (.given, .none)
    case .length(let count):
      let output = coding.isCompressed ? unknownLength : .length(count)
      return (.instance(.length(remaining: count)), output)
    case .chunked: return (.instance(.chunked(ChunkedDecoder())), unknownLength)
    case .perhapsChunked: return (.instance(.perhapsChunked(ChunkOpening())), unknownLength)
    case .untilClose: return (.instance(.untilClose), unknownLength)
    }
  }

  var unknownLength: OutputFraming {
    request.head.versionMinor == 0 ? .untilClose : .chunked
  }

  func connectionToken(closing: Bool) -> ConnectionToken {
    if closing { return .close }
    return request.head.versionMinor == 0 ? .keepAlive : .none
  }
}
