internal import EventLoop

/// Decides when a session gets a PING, and when it is given up.
///
/// A connection whose other end is frozen or cut off looks like one that has nothing to say. So
/// silence while something is under way is answered by a ping, and silence after that is the end.
struct PeerPulse {
  enum Step: Equatable { case wait, ping, stalled, idle }

  /// Silence while something is under way that makes us ask.
  static let quietMax = Duration.milliseconds(500)
  /// Silence before something is begun that makes us ask with it.
  static let freshMax = Duration.seconds(1)
  /// After this without a byte no request that can go elsewhere waits for the session.
  static let answerWithin = Duration.seconds(1)
  /// Between two pings where nothing is under way.
  static let idlePeriod = Duration.seconds(15)
  /// How long a session without streams is kept.
  static let idleMax = Duration.minutes(5)

  private var heardAt: Instant
  private var pingedAt: Instant?
  /// Since when something has been under way; `nil` while nothing is.
  private var busySince: Instant?
  private var idleSince: Instant

  init(now: Instant) {
    heardAt = now
    idleSince = now
  }

  /// A byte has come, or the other end has taken some.
  mutating func heard(now: Instant) {
    heardAt = now
    pingedAt = nil
  }

  /// Something is begun; `true` where a ping is to go with it.
  mutating func began(now: Instant) -> Bool {
    if busySince == nil { busySince = now }
    guard pingedAt == nil, now >= heardAt + Self.freshMax else { return false }
    pingedAt = now
    return true
  }

  /// Nothing is under way any more.
  mutating func rested(now: Instant) {
    busySince = nil
    idleSince = now
  }

  /// When `step` has something to say.
  var due: Instant {
    if let pingedAt { return pingedAt + Self.answerWithin }
    if let busySince { return max(heardAt, busySince) + Self.quietMax }
    return min(heardAt + Self.idlePeriod, idleSince + Self.idleMax)
  }

  /// A sign of life is wanted, whatever is under way; `true` where a ping is to go out for it.
  mutating func asked(now: Instant) -> Bool {
    guard pingedAt == nil else { return false }
    pingedAt = now
    return true
  }

  /// Whether a byte has come after `moment`.
  func hasHeard(since moment: Instant) -> Bool { heardAt > moment }

  /// How long nothing has been heard.
  func silence(now: Instant) -> Duration { .nanoseconds(now.nanoseconds - heardAt.nanoseconds) }

  /// It stalls, and is looked at again in a second.
  mutating func waitOn(now: Instant) { pingedAt = now }

  mutating func step(now: Instant) -> Step {
    guard now >= due else { return .wait }
    if pingedAt != nil { return .stalled }
    if busySince == nil, now >= idleSince + Self.idleMax {
      idleSince = now
      return .idle
    }
    pingedAt = now
    return .ping
  }
}
