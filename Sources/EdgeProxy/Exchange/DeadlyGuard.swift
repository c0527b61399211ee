internal import EventLoop
internal import HTTPCore

/// What an exchange has to do with requests that end instances.
extension Exchange {
  /// Before the first try: looks whether the same request has just ended two instances.
  func recognise() {
    let now = worker.loop.now.nanoseconds
    tries.isDeadly =
      snapshot.deadly.isWatching(now: now) && snapshot.deadly.contains(fingerprint, now: now)
  }

  /// An instance ended without a byte: the second time it is remembered that this request does that.
  ///
  /// A reset counts as well. It may mean that nobody read the request, since an instance that is
  /// reloaded drops its listen queue; then the first answer clears the request again.
  func noteUnanswered() {
    guard tries.unanswered >= 2 || tries.isDeadly else { return }
    snapshot.deadly.remember(fingerprint, now: worker.loop.now.nanoseconds)
  }

  /// An instance has answered it.
  func acquit() {
    guard tries.isDeadly || tries.unanswered >= 2 else { return }
    tries.isDeadly = false
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
