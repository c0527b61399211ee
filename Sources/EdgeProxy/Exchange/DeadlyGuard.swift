internal import EventLoop
internal import HTTPCore

/// What an exchange has to do with requests that end instances.
extension Exchange {
  /// Before the first try: looks whether the same request has just ended two instances.
  func recognise() {
    let now = worker.loop.now.nanoseconds
    isDeadly =
      snapshot.deadly.isWatching(now: now) && snapshot.deadly.contains(fingerprint, now: now)
  }

  /// Whether the request may be why the instance ended without a byte.
  ///
  /// A reset says that bytes were left unread. Without a body these are the request's own, which then
  /// nobody has seen: it waited in the queue of an instance that was reloaded.
  func mayBlame(_ failure: AttemptFailure) -> Bool {
    if case .resetBeforeResponse = failure, body.count == 0 { return false }
    return failure.isEmptyAnswer
  }

  /// An instance ended without a byte: the second time it is remembered that this request does that.
  func noteEmptyAnswer() {
    emptyAnswers += 1
    guard emptyAnswers >= 2 || isDeadly else { return }
    snapshot.deadly.remember(fingerprint, now: worker.loop.now.nanoseconds)
  }

  /// An instance has answered it.
  func acquit() {
    guard isDeadly || emptyAnswers >= 2 else { return }
    isDeadly = false
    snapshot.deadly.forget(fingerprint)
  }

  private var fingerprint: UInt64 {
    var fingerprint = RequestFingerprint(head)
    guard body.count > 0 else { return fingerprint.value }
    let most = min(body.count, RequestFingerprint.bodyBytesMax)
    guard let file = body.fileDescriptor else {
      let memory = body.memory
      fingerprint.add(memory.span.extracting(0..<most))
      return fingerprint.value
    }
    var block = worker.buffers.take()
    defer { worker.buffers.give(block) }
    var whole = block.mutableSpan
    var space = whole._mutatingExtracting(0..<min(most, whole.count))
    if case .bytes(let count) = Descriptor.read(file, at: 0, into: &space) {
      fingerprint.add(block.span.extracting(0..<count))
    }
    return fingerprint.value
  }
}
