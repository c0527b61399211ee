internal import Configuration
internal import EventLoop

/// Finds out whether a node that has never answered speaks another protocol than the configuration says.
///
/// Over uwsgi an HTTP server is silent or hangs up, and so does uWSGI when it is asked over HTTP: that
/// looks like a dead application. So such a node is asked once in the other protocol. uWSGI answers
/// HTTP on its uwsgi socket with nothing, and an HTTP server answers a PING with nothing.
final class ProtocolQuestions {
  private let links: PeerLinks
  private var running: [ObjectIdentifier: Check] = [:]
  /// How often a node was asked, and when; as long as it is here, no other node is its key.
  private var asked: [ObjectIdentifier: (node: NodeState, count: Int, at: Instant)] = [:]

  private static let timeout = Duration.seconds(1)
  private static let runningMax = 4
  /// An application may be started for the first time between two questions.
  private static let countMax = 3
  private static let pause = Duration.seconds(30)
  /// Nodes that are remembered; when there are more, all are forgotten.
  private static let nodesMax = 10_000

  init(links: PeerLinks) { self.links = links }

  func isAsking(_ node: NodeState) -> Bool { running[ObjectIdentifier(node)] != nil }

  /// Asks a node whose failure may be of this kind.
  func askIfStrange(_ node: NodeState, of upstream: UpstreamState, now: Instant) {
    guard !node.hasEverAnswered, node.server == nil, let last = node.lastFailure,
      last.failure.maybeWrongProtocol, let question = Self.question(upstream),
      running.count < Self.runningMax
    else { return }
    let key = ObjectIdentifier(node)
    let before = asked[key] ?? (node, count: 0, at: Instant(nanoseconds: 0))
    guard running[key] == nil, node.trouble?.failure != .wrongProtocol,
      before.count < Self.countMax, before.count == 0 || now >= before.at + Self.pause
    else { return }
    if asked.count >= Self.nodesMax { asked.removeAll() }
    asked[key] = (node, before.count + 1, now)
    let spoken = upstream.settings.nodeProtocol
    let check = Check(question, loop: links.loop) { [unowned self] _, outcome in
      running[key] = nil
      if let detail = Self.verdict(outcome, speaking: spoken) {
        node.goDown(NodeTrouble(.wrongProtocol, detail: detail), instead: true)
      }
    }
    running[key] = check
    check.start(node, through: links, identity: nil, timeout: Self.timeout)
  }

  private static func question(_ upstream: UpstreamState) -> CheckQuestion? {
    switch upstream.settings.nodeProtocol {
    case .uwsgi, .https: CheckQuestion(suspectSpeaking: .http)
    case .http: CheckQuestion(suspectSpeaking: .uwsgi)
    case .tcp: nil
    }
  }

  /// What to do, where the answer shows that the other protocol is spoken.
  private static func verdict(
    _ outcome: CheckOutcome, speaking spoken: UpstreamSettings.NodeProtocol
  ) -> String? {
    switch (spoken, outcome) {
    // A server that speaks TLS often answers plain HTTP with 400.
    case (.https, .answered(status: 400, _)): nil
    case (.uwsgi, .answered), (.https, .answered): WrongProtocol.http.advice
    case (.http, .passed), (.http, .closed): WrongProtocol.uwsgi.advice
    default: nil
    }
  }
}

@available(*, unavailable) extension ProtocolQuestions: Sendable {}
