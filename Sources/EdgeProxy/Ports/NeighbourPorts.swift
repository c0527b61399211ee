internal import EventLoop

/// What the other servers' edges say of their https ports, for a server that cannot ask etcd.
///
/// It runs on the control thread and asks only while it is told to.
final class NeighbourPorts {
  private let links: PeerLinks
  private let names: () -> [String]
  private var questions: [String: PortQuestion] = [:]
  private var answers: [String: (isOpen: Bool, at: Instant)] = [:]
  /// When each was last asked.
  private var askedAt: [String: Instant] = [:]

  /// Between two questions to the same server.
  private static let every = Duration.milliseconds(250)
  /// An answer counts for so long.
  private static let lasting = Duration.seconds(2)

  /// `names` are the servers that belong to the fleet, without this one.
  init(_ links: PeerLinks, names: @escaping () -> [String]) {
    self.links = links
    self.names = names
  }

  /// Servers that are known, without this one.
  var count: Int { names().count }

  /// Whether their ports are open, of those that said so a moment ago.
  var heard: [String: Bool] {
    let now = links.loop.now
    return answers.filter { now < $0.value.at + Self.lasting }.mapValues(\.isOpen)
  }

  /// Asks those again that were not asked a moment ago.
  func ask() {
    let now = links.loop.now
    for name in names() where questions[name] == nil {
      if let last = askedAt[name], now < last + Self.every { continue }
      askedAt[name] = now
      questions[name] = PortQuestion(name, links) { [unowned self] isOpen in
        questions[name] = nil
        if let isOpen { answers[name] = (isOpen, links.loop.now) }
      }
    }
  }
}

/// One question to one server.
private final class PortQuestion: NodeConnectionOwner, TimerTarget {
  private let links: PeerLinks
  private let connection: NodeConnection
  private let done: (Bool?) -> Void
  private var timer = TimerToken.none

  private static let timeout = Duration.milliseconds(500)

  /// `done` is called once, from the loop; with `nil` where no answer came.
  init(_ server: String, _ links: PeerLinks, done: @escaping (Bool?) -> Void) {
    self.links = links
    self.done = done
    connection = NodeConnection(loop: links.loop)
    // Of one that cannot even be asked the timer tells as well.
    if (try? connection.open(httpsPortOf: server, through: links)) != nil {
      connection.owner = self
    }
    timer = links.loop.arm(self, after: Self.timeout)
  }

  func nodeReady(_ connection: NodeConnection, _ events: Readiness) {
    if !connection.hasFailed { return finish(true) }
    // Other failures say nothing of the port.
    finish(connection.isRefusedAsBusy ? false : nil)
  }

  func timerFired(_ token: TimerToken) { finish(nil) }

  private func finish(_ isOpen: Bool?) {
    links.loop.cancel(timer)
    connection.close()
    done(isOpen)
  }
}

@available(*, unavailable) extension NeighbourPorts: Sendable {}
