internal import EventLoop
internal import Glibc
internal import Logging
internal import TLS
internal import Wire

/// The sessions of one loop with other servers' edges.
///
/// A session is made when it is first needed. While one is being replaced, because it leaves or has as
/// many pipes as it takes, there are two with the same server, never more.
final class PeerLinks {
  let loop: EventLoop
  let counters: PeerCounters
  let reading = ReadingBlock()
  private let logger: Logger
  private var directory = PeerDirectory.empty
  private var credentials: PeerCredentials?
  /// The TLS context with our certificate; `nil` without a certificate of the fleet.
  private var context: ClientContext?
  private var sessions: [PeerSession] = []
  /// For nodes that cannot be reached directly.
  var detours = Detours()
  /// Servers that were asked for a sign of life, by their names.
  private var asked: Set<String> = []
  /// Called when one of them has given it.
  var onSign: (() -> Void)?
  /// What was said of servers, by their names.
  private var endings = RepeatedEvents()

  private static let perPeerMax = 2
  /// Between two lines about the same server.
  private static let tellPeriod = Duration.seconds(10)

  init(loop: EventLoop, counters: PeerCounters, logger: Logger) {
    self.loop = loop
    self.counters = counters
    self.logger = logger
  }

  /// Takes over the list of the fleet's servers, and this server's own certificate.
  func install(_ peering: Peering) {
    var context = context
    if peering.credentials != credentials {
      credentials = peering.credentials
      do throws(TLSError) {
        context = try peering.credentials.map { credentials throws(TLSError) in
          try ClientContext(credentials.identity, protocols: ["h2"])
        }
      } catch {
        logger.error("other servers cannot be asked", metadata: ["error": "\(error)"])
      }
    }
    install(peering.directory, context: context)
  }

  /// The same with a context at hand; sessions with servers that left end with this turn.
  func install(_ directory: PeerDirectory, context: ClientContext?) {
    self.directory = directory
    self.context = context
    for session in sessions where directory[session.peer.name] != session.peer {
      session.condemn("the server does not belong to the fleet any more")
    }
  }

  /// Begins a pipe to an instance of another server, by its address.
  ///
  /// It behaves as a socket that is connecting. Throws where the server is not known, or cannot take
  /// another pipe (EAGAIN, which says nothing of the instance).
  func open(_ node: String, at server: String) throws(SystemError) -> PeerStream {
    guard let peer = directory[server], let context else {
      throw SystemError("peer", code: EHOSTUNREACH)
    }
    for session in sessions where session.peer == peer && session.takesStreams {
      return try session.begin(node)
    }
    return try makeSession(peer, context).begin(node)
  }

  /// Through which server a node is reached now that is not its own; `nil` for the direct way.
  func detour(to node: NodeState) -> String? {
    detours.isEmpty ? nil : detours.way(to: node, now: loop.now)
  }

  /// One of the nodes that we cannot reach, and a server that may.
  func helper(
    for nodes: [NodeState], random: UInt64
  ) -> (node: NodeState, server: String)? {
    guard context != nil else { return nil }
    let living = sessions.filter { $0.takesStreams && $0.isOpen }.map(\.peer.name)
    return detours.choose(
      nodes, living: living, known: directory.all.map(\.name), now: loop.now, random: random)
  }

  /// Whether another server has sent anything after `moment`.
  ///
  /// If not, it is asked for a sign of life, and `onSign` is called when it comes.
  func hasHeard(from server: String, since moment: Instant) -> Bool {
    guard let peer = directory[server], let context else { return false }
    let own = sessions.filter { $0.peer == peer && $0.takesStreams }
    if own.contains(where: { $0.hasHeard(since: moment) }) { return true }
    asked.insert(server)
    for session in own { session.askForSign() }
    // Where there may be no further session, the present ones end first, or give the sign.
    if own.isEmpty { _ = try? makeSession(peer, context) }
    return false
  }

  /// A session has received something.
  func heard(from peer: Peer) {
    guard !asked.isEmpty, asked.remove(peer.name) != nil else { return }
    onSign?()
  }

  private func makeSession(
    _ peer: Peer, _ context: ClientContext
  ) throws(SystemError) -> PeerSession {
    let own = sessions.filter { $0.peer.name == peer.name }
    if own.count >= Self.perPeerMax {
      guard let leaving = own.first(where: { $0.isLeaving }) else {
        throw SystemError("peer", code: EAGAIN)
      }
      leaving.condemn("it has been leaving for too long")
    }
    let session = try PeerSession(peer, context: context, links: self)
    sessions.append(session)
    return session
  }

  func ended(_ session: PeerSession, _ reason: String?) {
    sessions.removeAll { $0 === session }
    if let reason { tell(session.peer, reason) }
  }

  /// A connection serves no new pipes any more.
  func tell(_ peer: Peer, _ reason: String) {
    let name = peer.name
    guard let times = endings.happened(name, every: Self.tellPeriod, now: loop.now) else { return }
    logger.warning(
      "a connection to another server is over",
      metadata: ["server": "\(name)", "times": "\(times)", "why": "\(reason)"])
  }

  /// Ends all sessions with the present turn.
  func close() {
    for session in sessions { session.condemn("this server stops") }
  }
}

@available(*, unavailable) extension PeerLinks: Sendable {}
