internal import HTTPCore

/// The last good answer in the place of an error, where a route has `stale_if_error`.
extension Exchange {
  /// No application has answered: gives the last good answer, or else the error.
  func answerForWant(_ status: Int, _ cause: StaticString) {
    if !answerStale(cause) { answerLocally(.status(status, cause)) }
  }

  /// What an application's own status is called that counts as an error, RFC 5861 §4; `nil` for others.
  static func errorWord(_ status: Int) -> StaticString? {
    switch status {
    case 500: "upstream-500"
    case 502: "upstream-502"
    case 503: "upstream-503"
    case 504: "upstream-504"
    default: nil
    }
  }

  /// Gives the last good answer; `false` where there is none for this request.
  ///
  /// `cause` is why no application answered, for the field `Cache-Status`.
  func answerStale(_ cause: StaticString) -> Bool {
    guard let stale = snapshot.stale, let destination, let use = destination.stale,
      use.mayBeShared, !answer.hasBegun, stage != .done, driver != nil
    else { return false }
    let now = worker.loop.now
    guard
      let found = stale.find(request, route: destination.route, limit: use.limit, now: now),
      readHead(found)
    else { return false }
    guard let page = stale.page(of: found, worker.buffers) else {
      stale.store.remove(found, now: now)
      return false
    }
    abandonTries()
    countMemory()
    stage = .answering
    note(cause: "stale")
    stale.store.touch(found, now: now)
    let hasIt = request.head.has(localHead)
    if hasIt { localHead.becomeNotModified() }
    let age = found.age(at: now)
    localHead.add("Age", decimal: UInt64(clamping: age))
    let told = CacheStatus.hit(ttl: found.terms.freshness - age, detail: cause)
    localHead.add("Cache-Status", told.span)
    send(page, hidesBody: hasIt || request.head.method == .head || page.bytes.isEmpty)
    return true
  }

  /// Puts a kept head in the place of one that is made here; `false` where the limits of now refuse it.
  private func readHead(_ found: StaleAnswer) -> Bool {
    var parser = ResponseParser()
    localHead.reset()
    let bytes = found.head
    do throws(HTTPError) {
      return try parser.parse(
        bytes.span, into: &localHead, limits: snapshot.headLimits) != nil
    } catch {
      return false
    }
  }

  /// Sends `localHead` and the body, compressed as a fresh one would be.
  ///
  /// Ranges are not made of it: the whole is an answer to any of them (RFC 9110 §14.2).
  private func send(_ page: SharedPage, hidesBody: Bool) {
    let mode = compressMode
    let coding = mode.isOff ? BodyCoding.asSent : chooseCoding(localHead, mode)
    let isCompressed = answer.compressor != nil
    let bytes = page.bytes
    let framing =
      hidesBody
      ? OutputFraming.none : isCompressed ? unknownLength : .length(UInt64(bytes.count))
    ownBody.begin()
    guard sendLocalHead(from: .given, framing, coding: coding) else { return }
    if isCompressed {
      guard compress(bytes.span, .nothing), endCompression() else {
        note(cause: "compression-failed")
        driver?.cutAnswer()
        return
      }
    } else if !hidesBody {
      ownBody.begin(page)
      sendOwnBody()
    }
    endIfDone()
  }
}
