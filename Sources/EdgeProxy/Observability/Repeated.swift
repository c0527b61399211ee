internal import EventLoop

/// Lets an event that may happen many times a second be told: at once, and then at most once in a period,
/// with how often it happened since.
struct Repeated {
  private var toldAt: Instant?
  private var untold = 0

  /// The event has happened: for how many a line stands now; `nil` where none is due.
  mutating func happened(every period: Duration, now: Instant) -> Int? {
    untold += 1
    if let toldAt, now < toldAt + period { return nil }
    toldAt = now
    defer { untold = 0 }
    return untold
  }
}

/// The same for events of several kinds, each by what it is called.
///
/// The names are those of this program, or of servers of the fleet; past `namesMax` they share one.
struct RepeatedEvents {
  private var events: [String: Repeated] = [:]

  static let namesMax = 1000

  mutating func happened(_ name: String, every period: Duration, now: Instant) -> Int? {
    let isKnown = events[name] != nil || events.count < Self.namesMax
    return events[isKnown ? name : "", default: Repeated()].happened(every: period, now: now)
  }
}
