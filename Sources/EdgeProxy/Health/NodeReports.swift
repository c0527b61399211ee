internal import Configuration
internal import EventLoop
internal import Glibc
internal import Logging

/// Tells in the error log which nodes have gone down and come back, and which upstreams have no node
/// left.
///
/// It runs on the control thread. A few times a second it compares what is known of the nodes with what
/// it has told. So a line comes once, however many workers and checks have noticed, and what was over
/// between two looks is not told at all. A node that comes and goes has a few lines at once, and then
/// one in ten seconds.
final class NodeReports {
  /// What was told of one node or of one upstream.
  private struct Told {
    /// The node or the `lasting` of the upstream; as long as it is here, nothing else is its key.
    let subject: AnyObject
    var isDown = false
    var lines = LineAllowance()
    /// Since when an upstream has had no nodes.
    var emptySince: Instant?
  }

  private let logger: Logger
  private let protocols: ProtocolQuestions
  private let lookupFailure: (HostAndPort) -> String?
  /// Nodes, and the `lasting` of upstreams, of which something was told not long ago.
  private var told: [ObjectIdentifier: Told] = [:]

  /// Lines in one look; the others come with the next.
  private static let linesMax = 50
  /// A name may be looked up, and an instance may be between two announcements.
  private static let emptyMin = Duration.seconds(1)

  /// `lookupFailure` says why a host name is not resolved.
  init(
    links: PeerLinks, logger: Logger, lookupFailure: @escaping (HostAndPort) -> String?
  ) {
    self.logger = logger
    self.lookupFailure = lookupFailure
    protocols = ProtocolQuestions(links: links)
  }

  func look(at upstreams: [UpstreamState], now: Instant) {
    var kept: [ObjectIdentifier: Told] = [:]
    var linesLeft = Self.linesMax
    for upstream in upstreams {
      for node in upstream.nodes {
        protocols.askIfStrange(node, of: upstream, now: now)
        let key = ObjectIdentifier(node)
        guard node.isDown || told[key] != nil else { continue }
        var entry = told[key] ?? Told(subject: node)
        report(node, upstream, &entry, &linesLeft, now)
        if entry.isDown || !entry.lines.isWhole(now) { kept[key] = entry }
      }
      let key = ObjectIdentifier(upstream.lasting)
      guard upstream.isDown || told[key] != nil else { continue }
      var entry = told[key] ?? Told(subject: upstream.lasting)
      report(upstream, &entry, &linesLeft, now)
      if entry.isDown || entry.emptySince != nil || !entry.lines.isWhole(now) { kept[key] = entry }
    }
    told = kept
  }

  // MARK: Nodes

  private func report(
    _ node: NodeState, _ upstream: UpstreamState, _ entry: inout Told, _ linesLeft: inout Int,
    _ now: Instant
  ) {
    // An operator who has disabled it knows; what it is afterwards is told when it is enabled.
    guard node.standing != .disabled else { return }
    let trouble = node.isDown ? node.trouble : nil
    guard entry.isDown != (trouble != nil), !protocols.isAsking(node), linesLeft > 0,
      entry.lines.take(now)
    else { return }
    linesLeft -= 1
    entry.isDown = trouble != nil
    var fields = Self.fields(upstream)
    fields["node"] = "\(node)"
    guard let trouble else { return logger.notice("node is up again", metadata: fields) }
    fields["cause"] = "\(trouble.cause)"
    fields["error"] = "\(Self.words(trouble, node))"
    logger.warning("node is down", metadata: fields)
  }

  private static func fields(_ upstream: UpstreamState) -> Logger.Metadata {
    var fields: Logger.Metadata = ["upstream": "\(upstream.settings.name)"]
    if !upstream.key.isEmpty {
      fields["application"] = "\(String(decoding: upstream.key, as: UTF8.self))"
    }
    return fields
  }

  /// The trouble in words, with the path and the user where they are the reason.
  private static func words(_ trouble: NodeTrouble, _ node: NodeState) -> String {
    guard node.address.family == .unix, node.server == nil else { return trouble.text }
    let path = node.address.host
    return switch trouble.failure {
    case .permissionDenied: "\(trouble.text): user \(ProcessUser.name) may not use \(path)"
    case .noSuchSocket: "\(trouble.text): \(path) does not exist"
    case .refused: "\(trouble.text): nobody listens on \(path)"
    default: trouble.text
    }
  }

  // MARK: Upstreams

  private func report(
    _ upstream: UpstreamState, _ entry: inout Told, _ linesLeft: inout Int, _ now: Instant
  ) {
    entry.emptySince = upstream.nodes.isEmpty ? entry.emptySince ?? now : nil
    var isDown = upstream.isDown
    // The lines of its nodes come first.
    if isDown, upstream.nodes.contains(where: protocols.isAsking) { isDown = entry.isDown }
    if let since = entry.emptySince, now < since + Self.emptyMin { isDown = entry.isDown }
    guard entry.isDown != isDown, linesLeft > 0, entry.lines.take(now) else { return }
    linesLeft -= 1
    entry.isDown = isDown
    var fields = Self.fields(upstream)
    guard isDown else { return logger.notice("upstream has a node again", metadata: fields) }
    if let host = upstream.unresolved.first, upstream.nodes.isEmpty {
      fields["cause"] = "unresolved"
      fields["error"] = "\(host) is not resolved: \(lookupFailure(host) ?? "no answer yet")"
    }
    let effect =
      upstream.settings.nodeProtocol == .tcp
      ? "connections are refused" : "requests are answered 502 or 503"
    logger.error("upstream has no node left: \(effect)", metadata: fields)
  }
}

/// Lets something that changes again and again have several lines at once, and then one in a period.
struct LineAllowance {
  private var left = most
  private var changed = Instant(nanoseconds: 0)

  private static let most = 6
  private static let period = Duration.seconds(10)

  /// Uses one up; `false` where none is left.
  mutating func take(_ now: Instant) -> Bool {
    refill(now)
    guard left > 0 else { return false }
    if left == Self.most { changed = now }
    left -= 1
    return true
  }

  /// Nothing was told for so long that there is nothing to remember.
  func isWhole(_ now: Instant) -> Bool {
    var copy = self
    copy.refill(now)
    return copy.left == Self.most
  }

  private mutating func refill(_ now: Instant) {
    while left < Self.most, now >= changed + Self.period {
      changed = changed + Self.period
      left += 1
    }
  }
}

/// Who this process is, for messages.
enum ProcessUser {
  /// The name of the effective user with its number; only the control thread asks.
  static var name: String {
    let number = geteuid()
    return word(number).map { "\($0) (\(number))" } ?? "\(number)"
  }

  /// The user at the other end of a unix socket, as the kernel says.
  static func name(atPeerOf raw: Int32) -> String {
    guard let number = Socket.peerUser(raw) else { return "unknown" }
    return word(number) ?? "\(number)"
  }

  private static func word(_ number: UInt32) -> String? {
    // SAFETY: the entry belongs to the C library until the next call, and is copied at once.
    guard let entry = unsafe getpwuid(number), let name = unsafe entry.pointee.pw_name else {
      return nil
    }
    return unsafe String(cString: name)
  }
}

@available(*, unavailable) extension NodeReports: Sendable {}
