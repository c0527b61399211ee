internal import ArgumentParser
internal import Configuration
internal import EventLoop

/// Does a command's work again while etcd is away: an ACME client runs its hook once, and never again
/// for the same certificate.
struct Patience {
  /// From the first try on; zero for one try.
  let limit: Duration
  let now: () -> Instant
  let pause: (Duration) throws -> Void
  let tell: (String) -> Void

  static let between = Duration.seconds(2)

  /// Throws what `work` throws, and `CommandFailure` where etcd was away until the end.
  func run(_ work: () throws -> Void) throws {
    let deadline = now() + limit
    var isTold = false
    while true {
      do {
        return try work()
      } catch let away as EtcdAway {
        guard now() + Self.between <= deadline else {
          throw CommandFailure("\(away); not done within \(TimeSpan.text(limit)), see '--wait'")
        }
        if !isTold { tell("\(away); it is tried again for up to \(TimeSpan.text(limit))") }
        isTold = true
        try pause(Self.between)
      }
    }
  }
}

/// etcd did not do what it was asked, and may do it later: it is away, has no leader or no room.
struct EtcdAway: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// A time span of the command line, of at most a week; `0` needs no unit.
struct WaitLimit: ExpressibleByArgument, Equatable {
  let span: Duration

  private static let longest = Duration.seconds(7 * 24 * 3600)

  init(_ span: Duration) { self.span = span }

  init?(argument: String) {
    guard let span = argument == "0" ? .zero : TimeSpan.parse(argument), span <= Self.longest
    else { return nil }
    self.span = span
  }

  var defaultValueDescription: String { TimeSpan.text(span) }
}
