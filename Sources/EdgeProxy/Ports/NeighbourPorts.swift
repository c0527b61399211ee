internal import EventLoop

/// Asks the other servers' edges whether their https ports are open, for a server that cannot ask
/// etcd.
///
/// It runs on the control thread and asks only while it is told to.
final class NeighbourPorts {
  private let links: PeerLinks
  private let names: () -> [String]
  /// Servers that are being asked.
  private var asked: Set<String> = []
  private var answers: [String: (isOpen: Bool, at: Instant)] = [:]
  /// When each was last asked.
  private var askedAt: [String: Instant] = [:]

  /// Between two questions to the same server.
  private static let every = Duration.milliseconds(250)
  private static let timeout = Duration.milliseconds(500)
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
    for name in names() where !asked.contains(name) {
      if let last = askedAt[name], now < last + Self.every { continue }
      askedAt[name] = now
      asked.insert(name)
      NodeConnect(on: links.loop) { [unowned self] in answered(name, $0) }
        .start(within: Self.timeout) { connection throws(SystemError) in
          try connection.open(httpsPortOf: name, through: links)
        }
    }
  }

  private func answered(_ name: String, _ outcome: NodeConnect.Outcome) {
    asked.remove(name)
    switch outcome {
    case .connected: answers[name] = (true, links.loop.now)
    case .busy: answers[name] = (false, links.loop.now)
    // Other failures say nothing of the port.
    case .failed, .timedOut: break
    }
  }
}

@available(*, unavailable) extension NeighbourPorts: Sendable {}
