internal import Configuration
internal import EventLoop
internal import Logging

/// The orders of operators on this server: it knows them, keeps them on disk, and puts them on nodes.
///
/// It runs on the control thread. `OrderBook` has what is ordered; `SharedOrders` brings what the fleet orders.
final class OperationsKeeper {
  private(set) var book: OrderBook
  let node: String
  private let copy: OrderCopy
  private let logger: Logger
  private let warnings: Warnings
  private let now: () -> Int64
  private let changed: () -> Void
  private(set) var shared: SharedOrders?
  /// Some node may have an order.
  private var hasStandings = false
  /// Values of etcd that are told of as warnings.
  private var told: Set<String> = []
  private(set) var sites: SiteTable?

  private static let copyFault = "operations copy"
  /// Values of etcd that get a warning each.
  private static let toldMax = 100

  /// Begins with what was in force before the restart; `changed` hears of all that is different later.
  init(
    node: String, state: String, logger: Logger, warnings: Warnings, now: @escaping () -> Int64,
    changed: @escaping () -> Void
  ) {
    self.node = node
    self.logger = logger
    self.warnings = warnings
    self.now = now
    self.changed = changed
    copy = OrderCopy(state: state)
    let (found, mistakes) = copy.load()
    book = found
    for mistake in mistakes {
      logger.warning("an order on disk cannot be read", metadata: ["error": "\(mistake)"])
    }
    book.expire(now: now(), fleet: false)
    sites = SiteTable(book.all)
  }

  // MARK: The fleet

  /// Follows what a fleet orders, which `make` brings; with `nil` all orders are its own from now on.
  func share(_ make: ((@escaping SharedOrders.Heard) -> SharedOrders)?) {
    guard let make else {
      shared = nil
      guard !book.fleet.isEmpty || !book.refusals.isEmpty else { return }
      return change { $0.adopt() }
    }
    let orders = make { [unowned self] changes, prefix, isWhole in
      change { $0.take(changes, prefix: prefix, isWhole: isWhole) }
    }
    shared = orders
    orders.start()
  }

  /// Ends what has run out; the fleet's orders only where etcd does not do it.
  func everySecond() {
    let isAlone = !(shared?.isSynced ?? false)
    guard !book.isEmpty else { return }
    change { [now] in $0.expire(now: now(), fleet: isAlone) }
  }

  /// Changes what is ordered, and lets everybody know where that made a difference.
  func change(_ body: (inout OrderBook) -> Void) {
    let before = book
    body(&book)
    guard book != before else { return }
    log(after: before)
    tellRefusals()
    save()
    sites = SiteTable(book.all)
    changed()
  }

  private func log(after before: OrderBook) {
    let subjects = Set(before.fleet.keys).union(before.own.keys)
      .union(book.fleet.keys).union(book.own.keys)
    for subject in subjects.sorted(by: { $0.name < $1.name }) {
      let (old, new) = (before.order(of: subject), book.order(of: subject))
      guard old != new else { continue }
      var fields: Logger.Metadata = [subject.kind: "\(subject)"]
      guard let new else {
        logger.notice("an operator's order has ended", metadata: fields)
        continue
      }
      fields["state"] = "\(new.state.rawValue)"
      fields["by"] = "\(new.user)"
      fields["server"] = "\(new.server)"
      if !new.reason.isEmpty { fields["reason"] = "\(new.reason)" }
      logger.notice("an operator's order is in force", metadata: fields)
    }
  }

  private func tellRefusals() {
    for name in told where book.refusals[name] == nil {
      warnings.clear(Self.fault(name))
      told.remove(name)
    }
    for (name, reason) in book.refusals.sorted(by: { $0.key < $1.key }) {
      guard told.count < Self.toldMax || told.contains(name) else { return }
      told.insert(name)
      let text =
        "the order of etcd at '\(OrderSubject.directory)\(name)' changes nothing: \(reason)"
      let advice = "delete the key with etcdctl del, and give the order again with edgeproxy"
      guard warnings.raise(Self.fault(name), text, advice: advice) else { continue }
      logger.warning(
        "an order of etcd refused", metadata: ["key": "\(name)", "reason": "\(reason)"])
    }
  }

  private static func fault(_ name: String) -> String { "operations \(name)" }

  private func save() {
    guard let failure = copy.save(book) else {
      warnings.clear(Self.copyFault)
      return
    }
    let text = "orders of operators will not be in force after a restart: \(failure)"
    let advice = "'state' must be a directory that this user can write to"
    guard warnings.raise(Self.copyFault, text, advice: advice) else { return }
    logger.warning("orders of operators are not kept", metadata: ["error": "\(failure)"])
  }

  // MARK: Nodes

  /// Puts the orders on nodes; to be called before workers get them.
  func apply(to upstreams: [UpstreamState]) {
    let addresses = book.nodeAddresses
    guard !addresses.isEmpty || hasStandings else { return }
    hasStandings = !addresses.isEmpty
    for upstream in upstreams {
      var hasOrders = false
      for node in upstream.nodes {
        // Thousands of instances may be known: most are told apart by their address alone.
        let ordered = addresses.contains(node.address) ? order(of: node) : nil
        let standing = ordered?.state.standing ?? .enabled
        if node.standing != standing { node.stand(standing) }
        hasOrders = hasOrders || standing != .enabled
      }
      if hasOrders || upstream.lasting.hasOrders { upstream.takeStandings() }
    }
  }

  func order(of node: NodeState) -> Order? { book.order(of: subject(of: node)) }

  func subject(of node: NodeState) -> OrderSubject {
    .node(NodeReference(node.address, on: node.server, own: self.node))
  }
}

extension Order.State {
  /// What it leaves a node; `.enabled` for orders of hosts.
  fileprivate var standing: Standing {
    switch self {
    case .disabled: .disabled
    case .draining: .draining
    case .maintenance, .paused: .enabled
    }
  }
}

extension OrderSubject {
  /// One word for logs and status.
  var kind: String {
    switch self {
    case .node: "node"
    case .host: "host"
    }
  }
}

@available(*, unavailable) extension OperationsKeeper: Sendable {}
