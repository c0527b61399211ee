internal import EventLoop
internal import HTTPCore

/// What an exchange has to do with requests that end instances.
extension Exchange {
  /// The same request has just ended two instances.
  ///
  /// Looked at only while any request is remembered.
  var isDeadly: Bool {
    snapshot.deadly.contains(fingerprint, now: worker.loop.now.nanoseconds)
  }

  func rememberAsDeadly() {
    snapshot.deadly.remember(fingerprint, now: worker.loop.now.nanoseconds)
  }

  func forgetAsDeadly() { snapshot.deadly.forget(fingerprint) }

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
