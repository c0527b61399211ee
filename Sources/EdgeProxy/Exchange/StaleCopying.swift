internal import HTTPCore

/// What a request on a route with `stale_if_error` may do.
struct StaleUse {
  /// The route's `stale_if_error`.
  let limit: Duration
  /// Its answer may be kept for others, and it may be given theirs.
  let mayBeShared: Bool
}

/// Answers that are copied on their way, for when no application answers.
extension Exchange {
  /// Notes whether the answer to this request may be kept, before any rule changes the request.
  func considerStale() {
    guard let route = destination?.route, !isQuestion else { return }
    let routes = snapshot.configuration.routes
    let rows = routes.span
    guard let limit = rows[route].staleIfError else { return }
    // It looks at the destination, which must not be under change then.
    let mayBeShared = mayBeStored
    destination?.stale = StaleUse(limit: limit, mayBeShared: mayBeShared)
  }

  /// Whether the answer to this request may be kept for others, and theirs be given to it.
  ///
  /// Whatever tells an application who asks has to make this `false`: what is in the head, and all by
  /// which this program itself knows its clients.
  private var mayBeStored: Bool {
    request.head.mayShareAnswer && request.body.count == 0 && isForEverybody
  }

  /// An answer is about to be delivered: begins to copy it where it is to be kept.
  ///
  /// An unsafe method that succeeded takes away what was kept under its address, RFC 9111 §4.4.
  func considerCopy(of attempt: Attempt, _ framing: ResponseFraming) {
    guard let stale = snapshot.stale, let destination, let use = destination.stale else { return }
    let (now, status) = (worker.loop.now, attempt.response.status)
    guard request.head.method.isSafe else {
      if (200..<400).contains(status) { stale.store.forget(StaleKey(request), now: now) }
      return
    }
    guard use.mayBeShared, request.head.method == .get else { return }
    let delay = now.microseconds(since: attempt.startedAt) / 1_000_000
    switch CacheRules.verdict(on: attempt.response, now: worker.secondsNow, delay: delay) {
    case .ignore: break
    case .forget:
      let key = StaleKey(request)
      let mark = Self.mark(key, 0)
      if stale.recent.isDue(mark, now: now) { stale.store.forget(key, now: now) }
    case .keep(let terms):
      guard let most = lengthToCopy(framing, stale), !request.head.forbidsStorage else { return }
      let key = StaleKey(request)
      let selection = StaleSelection(
        scope: stale.scope(of: destination.route), names: terms.varies, of: request.head)
      let mark = Self.mark(key, status, selection)
      guard stale.recent.isDue(mark, now: now) else { return }
      let copy = AnswerCopy(
        key: key, selection: selection, terms: terms, status: status,
        head: attempt.response.stored(date: worker.date.span),
        bytesMax: stale.store.settings.objectBytesMax, mark: mark, recent: stale.recent,
        countedIn: worker.buffers)
      copy.expect(most)
      answer.copy(into: copy)
    }
  }

  /// How many bytes are known to come; `nil` where the answer cannot be kept.
  ///
  /// A body that ends with its connection may have been cut, which nobody can see.
  private func lengthToCopy(_ framing: ResponseFraming, _ stale: WorkerStale) -> Int? {
    guard !worker.buffers.isShort else { return nil }
    switch framing {
    case .none, .chunked, .perhapsChunked: return 0
    case .length(let count):
      return count <= UInt64(stale.store.settings.objectBytesMax) ? Int(count) : nil
    case .untilClose: return nil
    }
  }

  private static func mark(
    _ key: StaleKey, _ status: Int, _ selection: StaleSelection? = nil
  ) -> Int {
    var hasher = Hasher()
    hasher.combine(key)
    hasher.combine(status)
    hasher.combine(selection)
    return hasher.finalize()
  }

  /// The whole answer has been copied.
  func keepCopy() {
    guard let copy = answer.takeCopy(), let stale = snapshot.stale, let destination,
      let use = destination.stale
    else { return }
    let now = worker.loop.now
    guard let kept = copy.finished(at: now, limit: use.limit) else { return }
    let scope = stale.scope(of: destination.route)
    var old: [StaleAnswer] = []
    for answer in stale.store.find(kept.key)
    where answer.selection.fits(request.head, scope: scope) { old.append(answer) }
    stale.store.put(kept, replacing: old, now: now)
  }
}
