internal import EventLoop

/// How far one try has got; each begins with a new one.
struct AttemptProgress {
  var startedAt = Instant(nanoseconds: 0)
  var lateness = Lateness()
  /// Bytes of the request's head (or packet) and of its body that went out.
  var headSent = 0
  var bodySent = 0
  var sentAnything = false
  /// The request could not be sent to its end; an answer may be there all the same.
  var sendingFailed = false
  /// Interim answers that were relayed.
  var interims = 0
  /// What is known of its failure beside the kind.
  var detail: String?
}
