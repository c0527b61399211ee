internal import EventLoop

/// The upstreams of the file, with where each was named.
struct NamedUpstreams {
  var settings: [UpstreamSettings] = []
  var indices: [String: Int] = [:]
  var positions: [Position] = []
  /// Something is in their place that is no mapping of names, and was reported.
  var areRefused = false

  /// The place of an upstream that a key names; says so where there is none.
  func find(_ key: String, in section: Section, _ context: ReadingContext) -> Int? {
    let expected = "a name under 'upstreams'"
    if let value = section.collection(key), value.isMapping {
      context.wrong(value, key, expected, "; what it says belongs there")
      return nil
    }
    guard let (name, position) = section.text(key, expected) else { return nil }
    if let index = indices[name] { return index }
    // After a mistake of syntax it may only not have been reached.
    guard context.isComplete, !areRefused else { return nil }
    if name.contains(":") || name.contains("/") {
      context.wrong(
        YAMLNode(position: position, content: .scalar(name, quoted: false)), key, expected,
        "; addresses are 'nodes' of an upstream")
      return nil
    }
    let meant = Suggestion.nearest(to: name, among: settings.map(\.name))
    context.findings.error(
      position,
      "unknown upstream '\(Found.shortened(name))' in \(section.name)"
        + Found.meant(meant))
    return meant.flatMap { indices[$0] }
  }
}

/// Reads the upstreams.
struct UpstreamReader {
  let context: ReadingContext

  private static let nameBytesMax = 64

  func read(_ top: Section) -> NamedUpstreams {
    var upstreams = NamedUpstreams()
    if !top.isGiven("upstreams"), routesAnswerThemselves(top) { return upstreams }
    let (_, value) = top.take("upstreams")
    let entries = top.entries(of: value, "upstreams")
    upstreams.areRefused = value.map { !$0.isNothing && !$0.isMapping } ?? false
    if entries.isEmpty, context.isComplete, let value, value.isNothing || value.isMapping {
      context.findings.error(value.position, "'upstreams' must have at least one upstream")
    }
    for entry in entries {
      checkName(entry)
      upstreams.indices[entry.key] = upstreams.settings.count
      upstreams.positions.append(entry.keyPosition)
      let section = Section(
        parent: "upstreams.NAME", name: "upstreams.\(Found.shortened(entry.key))",
        node: entry.value,
        at: entry.keyPosition, context)
      let completing = TCPUpstreamReader(context: context, section: section)
      upstreams.settings.append(completing.complete(upstream(entry.key, section)))
    }
    return upstreams
  }

  /// Whether there are routes and each leads to files, a redirect or a fixed answer.
  private func routesAnswerThemselves(_ top: Section) -> Bool {
    guard top.isGiven("routes"), case .list(let routes)? = top.take("routes").value?.content,
      !routes.isEmpty
    else { return false }
    return routes.allSatisfy { route in
      guard case .mapping(let entries) = route.content else { return false }
      return entries.contains { ["files", "redirect", "respond"].contains($0.key) }
    }
  }

  private func checkName(_ entry: YAMLNode.Entry) {
    let isGood = entry.key.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0 & 0xDF)
        || [0x2D, 0x2E, 0x5F].contains($0)
    }
    guard !isGood || entry.key.isEmpty || entry.key.utf8.count > Self.nameBytesMax else { return }
    context.findings.error(
      entry.keyPosition,
      "the name of an upstream is 1 to \(Self.nameBytesMax) letters, digits, '-', '_' or '.',"
        + " found '\(Found.shortened(entry.key))'")
  }

  private func upstream(_ name: String, _ section: Section) -> UpstreamSettings {
    let spoken = UpstreamSettings.NodeProtocol(rawValue: section.word("protocol")) ?? .uwsgi
    let timeouts = section.section("timeouts")
    let discovery = discovery(section, spoken)
    let nodes = discovery == nil ? NodeReader(context: context).read(section) : []
    let links = NodeLinkReader(context: context, section: section, spoken: spoken)
    let balancing = BalancingReader(context: context, section: section)
    let balance = UpstreamSettings.Balance(rawValue: section.word("balance")) ?? .leastRequests
    return UpstreamSettings(
      name: name, nodeProtocol: spoken, modifier1: modifier("modifier1", section),
      modifier2: UInt8(section.number("modifier2")), nodes: nodes,
      isEverywhere: everywhere(section, spoken, nodes), discovery: discovery,
      balance: balance, hashOn: balancing.affinity(balance), stickyCookie: balancing.sticky(),
      slowStart: section.duration("slow_start"), queueTimeout: section.duration("queue"),
      connectTimeout: timeouts.duration("connect"), responseTimeout: timeouts.duration("response"),
      idleTimeout: timeouts.duration("idle"), tunnelTimeout: timeouts.duration("tunnel"),
      keepAlive: links.keepAlive(), tls: links.tls(nodes), retry: retry(section.section("retry")),
      hold: section.duration("hold"), bufferSizeBytes: section.size("buffer_size"),
      health: HealthCheckReader(
        context: context, spoken: spoken,
        greeting: spoken == .tcp ? Greeting(rawValue: section.word("greeting")) ?? .none : .none
      ).read(section))
  }

  /// Whether each server of the fleet has the nodes; says so where that cannot be.
  private func everywhere(
    _ section: Section, _ spoken: UpstreamSettings.NodeProtocol, _ nodes: [NodeSettings]
  ) -> Bool {
    guard section.flag("everywhere") else { return false }
    let position = section.position(of: "everywhere")
    if section.isGiven("discover") {
      context.findings.error(
        position, "'everywhere' does not go with 'discover': what is announced is known everywhere")
    }
    if spoken == .https {
      context.findings.error(
        position, "'everywhere' does not go with 'protocol: https': other servers' edges speak TLS")
    }
    if let node = nodes.first(where: { $0.address.fixed?.isLocal != true }) {
      context.findings.error(
        position,
        "'everywhere' is for unix sockets and loopback addresses, found '\(node.address)'")
    }
    context.named.upstreams.everywhere.append((section.name, position))
    return true
  }

  /// Where instances come from, if not from `nodes`.
  private func discovery(
    _ section: Section, _ spoken: UpstreamSettings.NodeProtocol
  ) -> UpstreamSettings.Discovery? {
    let discovery = UpstreamSettings.Discovery(rawValue: section.word("discover"))
    guard section.isGiven("discover") else { return nil }
    // A word that is none was reported; 'nodes' are not missed because of it.
    guard let discovery else { return .subscriptions }
    for key in ["nodes", "modifier1", "modifier2"] where section.isGiven(key) {
      context.findings.error(
        section.position(of: key), "'\(key)' does not go with 'discover': instances announce it")
    }
    if spoken != .uwsgi {
      context.findings.error(
        section.position(of: "protocol"),
        "'protocol' must be uwsgi with 'discover', found '\(spoken.rawValue)'")
    }
    let name = section.name
    context.named.upstreams.discovered.append((name, section.position(of: "discover")))
    return discovery
  }

  private func modifier(_ key: String, _ section: Section) -> UInt8 {
    let number = section.number(key)
    if let meaning = UpstreamSettings.refusedModifiers[number], let value = section.take(key).value
    {
      context.findings.error(
        value.position, "'\(key)' must not be \(number): it tells uWSGI to \(meaning)")
    }
    return UInt8(number)
  }

  private func retry(_ section: Section) -> RetrySettings {
    let causes = self.causes(section)
    return RetrySettings(
      tries: section.number("tries"), onConnect: causes.words.contains("connect"),
      onReset: causes.words.contains("reset"), statuses: causes.statuses,
      within: section.duration("within"), nonIdempotent: section.flag("non_idempotent"),
      hedges: section.word("hedge") == "auto")
  }

  private func causes(_ section: Section) -> (words: Set<String>, statuses: Set<Int>) {
    let (row, value) = section.take("on")
    guard case .causes(let words, let range) = row.type else { preconditionFailure(row.path) }
    let expected =
      "\(words.joined(separator: ", ")) or a status from \(range.lowerBound) to \(range.upperBound)"
    guard let value else {
      let items = (row.defaultText ?? "").split { "[], ".contains($0) }.map(String.init)
      return (Set(items).intersection(words), Set(items.compactMap { Number.parse($0) }))
    }
    guard case .list(let items) = value.content else {
      context.wrong(value, "on", "a list of \(expected)")
      return ([], [])
    }
    var causes: (words: Set<String>, statuses: Set<Int>) = ([], [])
    for item in items {
      guard let text = context.text(item, "on", expected) else { continue }
      if words.contains(text) {
        causes.words.insert(text)
      } else if !item.isQuoted, let status = Number.parse(text), range.contains(status) {
        causes.statuses.insert(status)
      } else {
        let isNumber = item.isQuoted && Number.parse(text) != nil
        let hint = isNumber ? Found.inQuotes : Suggestion.text(for: text, among: words)
        context.wrong(item, "on", expected, hint)
      }
    }
    return causes
  }
}

/// Reads the nodes of one upstream.
struct NodeReader {
  let context: ReadingContext

  func read(_ section: Section) -> [NodeSettings] {
    let (_, value) = section.take("nodes")
    guard let value else { return [] }
    guard case .list(let items) = value.content else {
      context.wrong(value, "nodes", "a list of addresses such as [\"10.0.0.2:3031\"]")
      return []
    }
    if items.isEmpty, context.isComplete {
      context.findings.error(value.position, "'nodes' must have at least one node")
    }
    if items.count > Directives.nodesMax {
      context.findings.error(
        value.position, "'nodes' must have at most \(Directives.nodesMax), found \(items.count)")
    }
    var seen: [NodeAddress: Int] = [:]
    return items.enumerated().compactMap { index, item in
      guard let node = node(item, "\(section.child("nodes"))[\(index)]") else { return nil }
      if let line = seen.updateValue(item.position.line, forKey: node.address) {
        context.findings.error(
          item.position, "duplicate node '\(node.address)', first on line \(line)")
      }
      context.named.nodes.append((node.address, item.position))
      if let socket = node.address.fixed, socket.family == .unix {
        context.named.sockets.append((socket, item.position))
      }
      return node
    }
  }

  private func node(_ item: YAMLNode, _ name: String) -> NodeSettings? {
    let addresses = AddressReader(context: context)
    guard case .mapping = item.content else {
      return addresses.readNode(item, "nodes").map {
        NodeSettings(address: $0, backup: false)
      }
    }
    let section = Section(
      parent: "upstreams.NAME.nodes[]", name: name, node: item, at: item.position, context)
    let backup = section.flag("backup")
    let (weight, cores) = (section.number("weight"), section.number("cores"))
    guard let value = section.take("address").value,
      let address = addresses.readNode(value, "address")
    else { return nil }
    return NodeSettings(address: address, backup: backup, weight: weight, cores: cores)
  }
}
