internal import Etcd
internal import EventLoop

/// All orders that this server knows: those of its fleet, and those of its own.
struct OrderBook: Equatable, Sendable {
  /// As etcd had them last.
  private(set) var fleet: [OrderSubject: Order] = [:]
  /// Of this server alone; etcd never hears of them.
  private(set) var own: [OrderSubject: Order] = [:]
  /// Keys of etcd whose values say nothing, with the reason.
  private(set) var refusals: [String: String] = [:]

  /// Orders of a fleet, and refusals, that are kept.
  static let countMax = 10_000

  var isEmpty: Bool { fleet.isEmpty && own.isEmpty }

  init(fleet: [OrderSubject: Order] = [:], own: [OrderSubject: Order] = [:]) {
    self.fleet = fleet
    self.own = own
  }

  /// What is in force of a subject; of two orders the stricter one.
  func order(of subject: OrderSubject) -> Order? {
    switch (own[subject], fleet[subject]) {
    case (let own?, let fleet?): own.state.strictness >= fleet.state.strictness ? own : fleet
    case (let own?, nil): own
    case (nil, let fleet): fleet
    }
  }

  /// Whether what is in force of a subject concerns this server alone.
  func isOwn(_ subject: OrderSubject) -> Bool {
    own[subject].map { $0 == order(of: subject) } ?? false
  }

  /// Everything that is in force, by name.
  var all: [(subject: OrderSubject, order: Order)] {
    Set(fleet.keys).union(own.keys).compactMap { subject in
      order(of: subject).map { (subject, $0) }
    }.sorted { $0.0.name < $1.0.name }
  }

  /// The addresses of nodes of which something is ordered, on whichever server.
  var nodeAddresses: Set<SocketAddress> {
    var addresses: Set<SocketAddress> = []
    for orders in [fleet, own] {
      for case .node(let reference) in orders.keys { addresses.insert(reference.address) }
    }
    return addresses
  }

  // MARK: Changes

  /// An order of this server alone, or `nil` to take it back.
  mutating func set(_ order: Order?, of subject: OrderSubject) { own[subject] = order }

  /// Takes what etcd has taken, before etcd tells of it.
  mutating func take(_ order: Order?, of subject: OrderSubject) { fleet[subject] = order }

  /// There is no etcd any more: who gave them does not matter, they can be taken back here.
  mutating func adopt() {
    own.merge(fleet) { own, fleet in
      own.state.strictness >= fleet.state.strictness ? own : fleet
    }
    fleet = [:]
    refusals = [:]
  }

  /// Takes what etcd tells of `prefix`, the range of orders.
  ///
  /// `isWhole` says that it is everything: what is known and not told is gone. A value that cannot be read
  /// changes nothing; what was known of its subject stays.
  mutating func take(_ changes: Changes, prefix: [UInt8], isWhole: Bool) {
    var kept: Set<OrderSubject> = []
    if isWhole { refusals = [:] }
    for key in changes.removed {
      guard let name = Self.name(key, prefix) else { continue }
      refusals[name] = nil
      if let subject = try? OrderSubject(name: name[...]) { fleet[subject] = nil }
    }
    for keyValue in changes.put {
      guard let name = Self.name(keyValue.key, prefix) else { continue }
      do throws(OrderRefusal) {
        let subject = try OrderSubject(name: name[...])
        kept.insert(subject)
        let order = try Order(value: keyValue.value)
        switch subject {
        case .node where order.state.isOfHosts: throw OrderRefusal("it is an order for hosts")
        case .host where !order.state.isOfHosts: throw OrderRefusal("it is an order for nodes")
        case .node, .host: break
        }
        guard fleet[subject] != nil || fleet.count < Self.countMax else {
          throw OrderRefusal("there are more than \(Self.countMax) orders")
        }
        fleet[subject] = order
        refusals[name] = nil
      } catch {
        if refusals.count < Self.countMax { refusals[name] = error.reason }
      }
    }
    guard isWhole else { return }
    for subject in fleet.keys where !kept.contains(subject) { fleet[subject] = nil }
  }

  private static func name(_ key: [UInt8], _ prefix: [UInt8]) -> String? {
    guard key.starts(with: prefix) else { return nil }
    return String(decoding: key.dropFirst(prefix.count), as: UTF8.self)
  }

  /// Takes away what has ended by itself; with `fleet` also orders of the fleet, which etcd ends otherwise.
  mutating func expire(now: Int64, fleet isIncluded: Bool) {
    func isOver(_ order: Order) -> Bool { order.until.map { $0 <= now } ?? false }
    own = own.filter { !isOver($0.value) }
    if isIncluded { fleet = fleet.filter { !isOver($0.value) } }
  }
}
