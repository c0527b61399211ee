internal import Etcd
internal import EventLoop

/// The orders of a fleet in etcd: every server follows them, and the one that is asked writes.
///
/// A write has ended when this server has heard it back, so that who gave the order sees it in force.
final class SharedOrders {
  /// Is told what has changed, the range, and whether that is everything.
  typealias Heard = (Changes, [UInt8], Bool) -> Void

  /// How the write of an order ended.
  enum Written: Equatable {
    /// It is in etcd, and in force here.
    case inForce
    /// It is in etcd, which has not told it back yet.
    case taken
    /// Nothing was changed, for this reason.
    case refused(String)
    /// Nobody knows whether etcd has it.
    case unknown(String)
  }

  private struct Waiting {
    let revision: Int64
    let alarm: Alarm
    let done: (Written) -> Void
  }

  private let client: EtcdClient
  private let loop: EventLoop
  private let directory: [UInt8]
  private let writes: EtcdWrites
  private let heard: Heard
  private var watch: RangeWatch?
  private var hasListed = false
  private var waiting: [Waiting] = []

  /// So long etcd may take to tell back what it has taken.
  private static let echoWithin = Duration.seconds(3)

  init(
    _ client: EtcdClient, on loop: EventLoop, prefix: String, writes: EtcdWrites,
    heard: @escaping Heard
  ) {
    self.client = client
    self.loop = loop
    self.writes = writes
    self.heard = heard
    directory = Array((prefix + OrderSubject.directory).utf8)
  }

  /// Begins to hear of orders; the owner is whole by now.
  func start() {
    let watch = RangeWatch(client, .prefix(directory)) { [unowned self] in told($0) }
    self.watch = watch
    watch.start()
  }

  /// Whether etcd tells of every order now.
  var isSynced: Bool { watch?.isSynced ?? false }

  /// Why it does not; `nil` where nothing is known.
  var failure: String? { watch?.failure ?? client.lastFailure }

  /// Hears of nothing any more; who waits is told so.
  func stop() {
    watch?.end()
    for each in waiting { each.alarm.cancel() }
    let left = waiting
    waiting = []
    for each in left { each.done(.taken) }
  }

  private func told(_ changes: Changes) {
    let isWhole = !hasListed
    hasListed = true
    heard(changes, directory, isWhole)
    guard let seen = watch?.lastSeen else { return }
    let over = waiting.filter { $0.revision <= seen }
    waiting.removeAll { $0.revision <= seen }
    for each in over {
      each.alarm.cancel()
      each.done(.inForce)
    }
  }

  // MARK: Writing

  /// Gives an order to the fleet, or with `nil` takes it back; `now` is in seconds since 1970.
  func write(
    _ order: Order?, of subject: OrderSubject, now: Int64, _ done: @escaping (Written) -> Void
  ) {
    let key = directory + Array(subject.name.utf8)
    guard let order else {
      return client.deleteRange(DeleteRangeRequest(.key(key))) { [weak self] result in
        self?.ended(result.map { ($0.header.revision, $0.deleted > 0) }, done)
      }
    }
    guard let until = order.until else { return put(order, key, lease: 0, done) }
    client.leaseGrant(LeaseGrantRequest(seconds: max(1, until - now))) { [weak self] result in
      guard let self else { return }
      switch result {
      case .success(let granted): put(order, key, lease: granted.id, done)
      case .failure(let error):
        writes.failed(.operations, error)
        done(.refused("\(error)"))
      }
    }
  }

  private func put(
    _ order: Order, _ key: [UInt8], lease: Int64, _ done: @escaping (Written) -> Void
  ) {
    client.put(PutRequest(key: key, value: order.value, lease: lease)) { [weak self] result in
      self?.ended(result.map { ($0.header.revision, true) }, done)
    }
  }

  private func ended(
    _ result: Result<(revision: Int64, isChange: Bool), CallError>,
    _ done: @escaping (Written) -> Void
  ) {
    switch result {
    case .success(let (revision, isChange)):
      writes.succeeded(.operations)
      // What changes nothing is not told.
      guard isChange, watch?.lastSeen.map({ $0 < revision }) ?? true else { return done(.inForce) }
      hearBack(revision, done)
    case .failure(let error):
      writes.failed(.operations, error)
      done(Self.mayHaveArrived(error) ? .unknown("\(error)") : .refused("\(error)"))
    }
  }

  private func hearBack(_ revision: Int64, _ done: @escaping (Written) -> Void) {
    let alarm = Alarm(on: loop) { [weak self] in self?.giveUp(revision) }
    alarm.set(after: Self.echoWithin)
    waiting.append(Waiting(revision: revision, alarm: alarm, done: done))
  }

  private func giveUp(_ revision: Int64) {
    guard let index = waiting.firstIndex(where: { $0.revision == revision }) else { return }
    waiting.remove(at: index).done(.taken)
  }

  private static func mayHaveArrived(_ error: CallError) -> Bool {
    switch error {
    case .unreachable(_, let mayHaveArrived): mayHaveArrived
    case .timedOut, .malformed: true
    case .refused: !error.isRefusal
    }
  }
}

@available(*, unavailable) extension SharedOrders: Sendable {}
