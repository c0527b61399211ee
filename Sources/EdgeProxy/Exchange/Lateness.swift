internal import EventLoop

/// When one try is late: silent for longer than usual, or too long without a connection or a head.
struct Lateness {
  /// When the head, or the connection, has taken too long.
  private var deadline = Instant(nanoseconds: 0)
  /// When silence is noticed next, and how often it was.
  private var silentAt = Instant(nanoseconds: .max)
  private var silences = 0
  /// When the answer is later than usual.
  private var answerDue = Instant(nanoseconds: .max)

  /// After this a connection that is not there yet is late.
  private static let connectDelay = Duration.milliseconds(250)
  /// Silence is noticed once, and while another server may give a sign of life again so often.
  private static let silencesMax = 10
  private static let silencePeriod = Duration.milliseconds(100)

  init() {}

  /// A try begins whose answer usually takes `delay`, in nanoseconds.
  init(startedAt: Instant, delay: Int64) {
    answerDue = startedAt + .nanoseconds(delay)
    // However slow its answers are, a node that is there takes a connection at once.
    silentAt = min(answerDue, startedAt + Self.connectDelay)
  }

  /// When to look next.
  var next: Instant { min(deadline, silentAt) }

  mutating func wait(until deadline: Instant) { self.deadline = deadline }

  /// The first byte has gone out: the connection is there.
  mutating func connected() {
    if silentAt != Instant(nanoseconds: .max) { silentAt = answerDue }
  }

  /// Nothing has come: how often that was noticed, or `nil` once it has taken too long.
  mutating func notice(at now: Instant) -> Int? {
    guard now < deadline else { return nil }
    silences += 1
    silentAt = Instant(nanoseconds: .max)
    return silences
  }

  /// Whether silence may be noticed once more, in a moment.
  mutating func lookAgain(from now: Instant) -> Bool {
    guard silences < Self.silencesMax else { return false }
    silentAt = now + Self.silencePeriod
    return true
  }
}
