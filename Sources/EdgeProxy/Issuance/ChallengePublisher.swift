internal import ACME
internal import Etcd
internal import EventLoop

/// Makes known what a CA is to be shown: to all servers of a fleet, or to this one.
protocol ChallengePublisher: AnyObject {
  /// What this server is called among those that have not seen something.
  var node: String { get }
  /// `done` is called once, from the loop: when every server shows the values, or after a while with the names of
  /// those that do not. This server's own name is among them where the values have not become known at all.
  func publish(_ values: [ChallengeValue], _ done: @escaping (_ unseen: [String]) -> Void)
  /// A value that stays behind does no harm.
  func withdraw(_ values: [ChallengeValue])
}

/// How long servers and workers are waited for.
enum ChallengePatience {
  static let limit = Duration.seconds(10)
}

/// Values that lie in etcd for all servers, under a lease of whoever asked the CA.
///
/// All are there before anybody is waited for: two values of one name that came one after the other would be
/// seen one at a time.
final class SharedChallenges: ChallengePublisher {
  private let client: EtcdClient
  private let loop: EventLoop
  private let prefix: String
  let node: String
  private let sight: ChallengeSight
  private let lease: () -> Int64?
  private let writes: EtcdWrites
  private var retries: [ObjectIdentifier: Alarm] = [:]

  /// etcd takes 128 steps in a transaction where nobody has set another number.
  private static let batch = 100
  private static let retryAfter = Duration.milliseconds(500)

  /// Nothing is published while `lease` has none.
  init(
    _ client: EtcdClient, on loop: EventLoop, prefix: String, node: String, sight: ChallengeSight,
    writes: EtcdWrites, lease: @escaping () -> Int64?
  ) {
    self.client = client
    self.loop = loop
    self.prefix = prefix
    self.node = node
    self.sight = sight
    self.writes = writes
    self.lease = lease
  }

  func publish(_ values: [ChallengeValue], _ done: @escaping (_ unseen: [String]) -> Void) {
    let stored = values.compactMap { ChallengeKey.encode($0, prefix: prefix) }
    let deadline = loop.clockNow + ChallengePatience.limit
    guard stored.count == values.count else {
      return later(.zero) { [node] in done([node]) }
    }
    later(.zero) { [weak self] in self?.put(stored[...], revision: 0, until: deadline, done) }
  }

  private func put(
    _ left: ArraySlice<(key: [UInt8], value: [UInt8])>, revision: Int64, until deadline: Instant,
    _ done: @escaping ([String]) -> Void
  ) {
    let limit = deadline - loop.clockNow
    guard let lease = lease(), limit > .zero else { return done([node]) }
    let batch = left.prefix(Self.batch)
    guard !batch.isEmpty else { return sight.whenSeen(revision, within: limit, done) }
    let puts = batch.map {
      RequestOp.put(PutRequest(key: $0.key, value: $0.value, lease: lease))
    }
    client.txn(TxnRequest(compare: [], success: puts)) { [weak self] result in
      guard let self else { return }
      writes.ended(.challenges, result)
      switch result {
      case .success(let response):
        put(
          left.dropFirst(batch.count), revision: response.header.revision, until: deadline, done)
      case .failure(let error) where error.mayPass:
        // Once more does no harm: the same is put again.
        later(Self.retryAfter) { [weak self] in
          self?.put(left, revision: revision, until: deadline, done)
        }
      case .failure: done([node])
      }
    }
  }

  func withdraw(_ values: [ChallengeValue]) {
    var left = values.compactMap { ChallengeKey.encode($0, prefix: prefix)?.key }[...]
    while !left.isEmpty {
      let deletions = left.prefix(Self.batch).map {
        RequestOp.deleteRange(DeleteRangeRequest(.key($0)))
      }
      left = left.dropFirst(Self.batch)
      // What is not deleted goes with the lease.
      client.txn(TxnRequest(compare: [], success: deletions)) { _ in }
    }
  }

  private func later(_ delay: Duration, _ action: @escaping () -> Void) {
    var identifier: ObjectIdentifier?
    let alarm = Alarm(on: loop) { [weak self] in
      if let identifier { self?.retries[identifier] = nil }
      action()
    }
    identifier = ObjectIdentifier(alarm)
    retries[ObjectIdentifier(alarm)] = alarm
    alarm.set(after: delay)
  }
}

@available(*, unavailable) extension SharedChallenges: Sendable {}

/// Values of a server that shares nothing.
final class LocalChallenges: ChallengePublisher {
  private let delivery: ChallengeDelivery
  private let loop: EventLoop
  let node: String
  private var values: Set<ChallengeValue> = []

  init(_ delivery: ChallengeDelivery, on loop: EventLoop, node: String) {
    self.delivery = delivery
    self.loop = loop
    self.node = node
  }

  func publish(_ values: [ChallengeValue], _ done: @escaping (_ unseen: [String]) -> Void) {
    self.values.formUnion(values)
    var unseen = [node]
    // A worker that hangs would keep the order waiting for ever.
    let alarm = Alarm(on: loop) { done(unseen) }
    alarm.set(after: ChallengePatience.limit)
    delivery.deliver(self.values) {
      guard alarm.isSet else { return }
      unseen = []
      alarm.set(after: .zero)
    }
  }

  func withdraw(_ values: [ChallengeValue]) {
    self.values.subtract(values)
    delivery.deliver(self.values) {}
  }
}

@available(*, unavailable) extension LocalChallenges: Sendable {}
