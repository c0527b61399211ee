internal import CNghttp2

/// How far the end of a session has got.
struct SessionEnd {
  /// The session ends in an error; nothing that comes is looked at any more.
  var isCondemned = false
  /// Requests on higher streams than this are not taken any more; the library does not know them once
  /// GOAWAY is out.
  var lastTaken: Int32?
  /// What the client has sent too much of.
  var flood: Flood?
  /// A GOAWAY went out that names an error of the client.
  var hasFailed = false
}

/// How a session ends: by a goodbye that lets what is under way finish, or at once.
// SAFETY: the session owns the library's, and one thread uses both.
extension ServerSession {
  /// What a client has done to lose what is under way on its connection.
  package enum Cut: Equatable {
    case protocolError
    case flood(Flood)
  }

  /// What the client has sent too much of: it opens no more streams, or its connection ends.
  package var flood: Flood? { end.flood }

  /// Ends the session with an error or, with `none`, because nobody needs it any more.
  package func terminate(_ code: ErrorCode) {
    guard !end.isCondemned else { return }
    end.isCondemned = true
    unsafe nghttp2_session_terminate_session(raw, code.rawValue)
  }

  /// Tells the client to go elsewhere with its next request; those on their way are still taken.
  package func announceEnd() { unsafe nghttp2_submit_shutdown_notice(raw) }

  /// Takes no further request, RFC 9113 §6.8.
  package func refuseFurther() { sayGoodbye(.none, "") }

  /// No stream above the last one that was taken is taken from now on.
  private func sayGoodbye(_ code: ErrorCode, _ words: StaticString) {
    let last = end.lastTaken ?? (unsafe nghttp2_session_get_last_proc_stream_id(raw))
    end.lastTaken = last
    // SAFETY: a static string lives for ever, and the library copies it.
    unsafe nghttp2_submit_goaway(
      raw, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, code.rawValue, words.utf8Start,
      words.utf8CodeUnitCount)
  }

  /// Takes no more streams from a client that has used up an allowance, and ends the connection of one
  /// that goes on.
  func hold(to verdict: FrameBudget.Verdict) {
    switch verdict {
    case .fine: break
    case .spent(let kind):
      guard end.flood == nil, !end.isCondemned else { return }
      end.flood = kind
      sayGoodbye(.enhanceYourCalm, kind.words)
    case .exceeded(let kind):
      guard !end.isCondemned else { return }
      if end.flood == nil { sayGoodbye(.enhanceYourCalm, kind.words) }
      end.flood = kind
      terminate(.enhanceYourCalm)
    }
  }

  /// Why the connection ends with what is under way on it; `nil` where it does not, or where the caller
  /// ends it.
  package var cut: Cut? {
    if end.hasFailed { return .protocolError }
    return end.isCondemned ? end.flood.map(Cut.flood) : nil
  }

  /// Everything has been said on both sides.
  package var isOver: Bool {
    if isBroken { return true }
    return unsafe nghttp2_session_want_read(raw) == 0 && output.isEmpty
      && nghttp2_session_want_write(raw) == 0
  }

  /// A GOAWAY went out.
  func goodbyeSent(_ code: UInt32) {
    let isError = code != ErrorCode.none.rawValue && code != ErrorCode.enhanceYourCalm.rawValue
    if isError { end.hasFailed = true }
  }
}
