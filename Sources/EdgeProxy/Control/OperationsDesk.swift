internal import CertStore
internal import Configuration
internal import EventLoop

/// Takes the commands of operators about nodes and sites.
struct OperationsDesk {
  let keeper: OperationsKeeper
  /// All upstreams, as they are now.
  let upstreams: [UpstreamState]
  /// The hosts that routes and applications have, normalised, `*.` first for a wildcard.
  let hosts: [[UInt8]]
  let loop: EventLoop
  /// Seconds since 1970.
  let now: Int64

  /// Carries a command out for a user; its answer comes once, perhaps later.
  func take(
    _ command: OperationsCommand, by user: String, _ done: @escaping (AdminAnswer) -> Void
  ) {
    switch command.isOfHosts ? host(command) : node(command.subject) {
    case .failure(let refusal): done(.text(404, refusal.reason + "\n"))
    case .success(let subject): take(command, of: subject, by: user, done)
    }
  }

  private func take(
    _ command: OperationsCommand, of subject: OrderSubject, by user: String,
    _ done: @escaping (AdminAnswer) -> Void
  ) {
    let order = command.state.map {
      Order(
        state: $0, at: now, server: keeper.node, user: Order.isUser(user) ? user : "unknown",
        until: command.seconds.map { min(now + $0, WallTime.secondsMax) }, reason: command.reason)
    }
    guard let shared = keeper.shared, !command.isOwn else {
      // Taking back without etcd takes all back; with it the fleet's order stays.
      keeper.change { $0.set(order, of: subject) }
      return done(.text(200, ended(command, subject, everywhere: false)))
    }
    guard shared.isSynced else {
      let reason = shared.failure ?? "no answer yet"
      return done(.text(503, "etcd is away (\(reason)): \(Self.unchanged)\n"))
    }
    shared.write(order, of: subject, now: now) { written in
      if order == nil, written == .inForce || written == .taken {
        keeper.change { $0.set(nil, of: subject) }
      }
      done(answer(written, command, subject))
    }
  }

  private static let unchanged =
    "nothing was changed; '--here' does it on this server alone"

  private func answer(
    _ written: SharedOrders.Written, _ command: OperationsCommand, _ subject: OrderSubject
  ) -> AdminAnswer {
    switch written {
    case .inForce: .text(200, ended(command, subject, everywhere: true))
    case .taken:
      .text(
        202,
        "etcd has the order, and this server has not heard it back yet: look at"
          + " 'edgeproxy status'\n")
    case .refused(let reason): .text(503, "etcd: \(reason): \(Self.unchanged)\n")
    case .unknown(let reason):
      .text(
        503,
        "etcd: \(reason): it may have the order or not; look at 'edgeproxy status', and give"
          + " the order again\n")
    }
  }

  // MARK: What is said

  private func ended(
    _ command: OperationsCommand, _ subject: OrderSubject, everywhere: Bool
  ) -> String {
    let place = everywhere ? "on every server" : "on this server"
    var lines = ["\(subject) is \(Self.word(command)) \(place)"]
    if let left = keeper.book.order(of: subject), command.state == nil {
      lines[0] = "the order of this server alone is taken back"
      lines.append("\(subject) stays \(left.state.rawValue) \(left.source) for the whole fleet")
    }
    if !everywhere, keeper.shared != nil {
      lines.append("other servers do not know of it; '--here' takes it back as well")
    }
    lines += command.isOfHosts ? siteRemarks(command, subject) : nodeRemarks(command, subject)
    return lines.joined(separator: "\n") + "\n"
  }

  private static func word(_ command: OperationsCommand) -> String {
    guard let state = command.state else { return command.isOfHosts ? "served" : "enabled" }
    return state == .maintenance ? "in maintenance" : state.rawValue
  }

  private func nodeRemarks(_ command: OperationsCommand, _ subject: OrderSubject) -> [String] {
    let found = upstreams.filter { $0.nodes.contains { keeper.subject(of: $0) == subject } }
    guard command.state != nil else { return [] }
    let busy = found.flatMap(\.nodes).filter { keeper.subject(of: $0) == subject }
      .reduce(0) { $0 + $1.inFlight }
    var lines: [String] = []
    if busy > 0 { lines.append("\(busy) requests of this server are under way there, and finish") }
    for upstream in found where upstream.isDown {
      let hold = TimeSpan.text(upstream.settings.hold)
      lines.append(
        "warning: no other node of '\(upstream.title)' can be asked: requests wait up to \(hold)"
          + " and are then answered 503")
    }
    return lines
  }

  private func siteRemarks(_ command: OperationsCommand, _ subject: OrderSubject) -> [String] {
    guard command.state == nil, case .host(let host) = subject else { return [] }
    // Another order may still be over it.
    guard let table = keeper.sites, !host.hasPrefix("*"),
      let entry = table.find(Array(host.utf8).span)
    else { return [] }
    return [
      "warning: an order for a wildcard keeps it \(entry.isPaused ? "paused" : "in maintenance")"
    ]
  }

  // MARK: What is meant

  /// The node that an operator names; what there is instead where there is none.
  func node(_ text: String) -> Result<OrderSubject, OrderRefusal> {
    let nodes = upstreams.flatMap(\.nodes)
    var known: [String: OrderSubject] = [:]
    for node in nodes { known["\(node)"] = keeper.subject(of: node) }
    // Also as the fleet calls it, and one that has gone and has an order.
    for subject in known.values { known["\(subject)"] = subject }
    for (subject, _) in keeper.book.all {
      if case .node = subject { known["\(subject)"] = subject }
    }
    if let found = known[text] { return .success(found) }
    if let address = SocketAddress(text), let found = known["\(address)"] { return .success(found) }
    return .failure(
      OrderRefusal(
        "no node '\(Found.shortened(text))' is known here" + Self.instead(text, Array(known.keys))))
  }

  private func host(_ command: OperationsCommand) -> Result<OrderSubject, OrderRefusal> {
    guard let host = HostPattern.read(command.subject) else {
      return .failure(
        OrderRefusal(
          "'\(Found.shortened(command.subject))' is no host such as example.org, *.example.org or *"
        ))
    }
    let subject = OrderSubject.host(host)
    if host == HostPattern.all || keeper.book.order(of: subject) != nil {
      return .success(subject)
    }
    let names = hosts.map { String(decoding: $0, as: UTF8.self) }
    let table = NameTable(hosts.map { (name: $0, value: true) })
    let bytes = Array(host.utf8)
    let isServed =
      host.hasPrefix("*.")
      ? names.contains { $0 == host || $0.hasSuffix(host.dropFirst()) }
      : table.lookup(bytes.span) != nil
    if isServed || names.contains(HostPattern.all) { return .success(subject) }
    return .failure(
      OrderRefusal("no route serves '\(Found.shortened(host))'" + Self.instead(host, names)))
  }

  /// As in `; did you mean 'a'?`, or what there is where nothing is near.
  private static func instead(_ text: String, _ known: [String]) -> String {
    let known = Set(known).sorted()
    guard !known.isEmpty else { return "; there is none" }
    if let near = Suggestion.closest(to: text, among: known) {
      return "; did you mean '\(near)'?"
    }
    let shown = known.prefix(shownMax).map { "'\(Found.shortened($0))'" }
    let more = known.count > shownMax ? ", and \(known.count - shownMax) more" : ""
    return "; there are \(shown.joined(separator: ", "))\(more)"
  }

  private static let shownMax = 5
}

extension UpstreamState {
  /// Its name, with the application's where it has one.
  fileprivate var title: String {
    let name = settings.name
    return key.isEmpty ? name : "\(name) \(String(decoding: key, as: UTF8.self))"
  }
}
