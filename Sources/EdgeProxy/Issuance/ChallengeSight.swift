internal import Etcd
internal import EventLoop

/// Tells the fleet which challenges this server shows, and waits until all others show theirs.
///
/// A CA asks any server, from several places at once, so all have to know a value before it is told to look.
/// A server's key lies under a lease: one that is gone is not waited for. One that is there and does not
/// answer is named, and what it keeps waiting goes on.
final class ChallengeSight {
  private let client: EtcdClient
  private let loop: EventLoop
  private let writes: EtcdWrites
  private var sightings: Sightings
  private var watch: RangeWatch?
  private var lease: KeptLease?
  private var leaseIdentifier: Int64?
  private var retry: Alarm?
  private var isWriting = false
  /// What etcd was last told, and under which lease.
  private var told: (value: [UInt8], lease: Int64)?
  private var questions: [Question] = []

  /// Somebody waits until a revision is seen.
  private final class Question {
    let revision: Int64
    let answer: ([String]) -> Void
    var alarm: Alarm?

    init(_ revision: Int64, _ answer: @escaping ([String]) -> Void) {
      self.revision = revision
      self.answer = answer
    }
  }

  private static let timeToLive = Duration.seconds(10)
  private static let retryAfter = Duration.seconds(1)

  init(
    _ client: EtcdClient, on loop: EventLoop, prefix: String, node: String, writes: EtcdWrites
  ) {
    self.client = client
    self.loop = loop
    self.writes = writes
    sightings = Sightings(prefix: prefix, node: node)
    retry = Alarm(on: loop) { [unowned self] in write() }
    watch = RangeWatch(client, sightings.range) { [unowned self] in
      sightings.apply($0)
      answer()
    }
    lease = KeptLease(
      client, timeToLive: Self.timeToLive,
      gained: { [unowned self] in
        writes.succeeded(.leases)
        leaseIdentifier = $0
        write()
      },
      lost: { [unowned self] in leaseIdentifier = nil },
      failed: { writes.failed(.leases, $0) })
    watch?.start()
  }

  /// All workers of this server show what etcd had at a revision.
  func reached(_ revision: Int64) {
    sightings.reached(revision)
    write()
    answer()
  }

  /// `done` is called once, from the loop and not within this call: when every living server has reached the
  /// revision, or after `limit` with the names of those that have not.
  func whenSeen(
    _ revision: Int64, within limit: Duration, _ done: @escaping (_ unseen: [String]) -> Void
  ) {
    let question = Question(revision, done)
    question.alarm = Alarm(on: loop) { [unowned self, unowned question] in end(question) }
    question.alarm?.set(after: sightings.unseen(revision).isEmpty ? .zero : limit)
    questions.append(question)
  }

  private func answer() {
    for question in questions where sightings.unseen(question.revision).isEmpty { end(question) }
  }

  private func end(_ question: Question) {
    guard questions.contains(where: { $0 === question }) else { return }
    questions.removeAll { $0 === question }
    question.alarm?.cancel()
    question.answer(sightings.unseen(question.revision))
  }

  private func write() {
    guard let lease = leaseIdentifier, !isWriting else { return }
    let value = sightings.value
    if let told, told == (value, lease) { return }
    isWriting = true
    client.put(PutRequest(key: sightings.key, value: value, lease: lease)) { [weak self] result in
      guard let self else { return }
      isWriting = false
      writes.ended(.challenges, result)
      guard case .success = result else { return retry?.set(after: Self.retryAfter) ?? () }
      told = (value, lease)
      write()
    }
  }

  /// Hears of nothing any more; whoever waits is told at once.
  func stop() {
    watch?.end()
    for question in questions { end(question) }
  }

  /// Has etcd delete this server's key.
  func end() {
    leaseIdentifier = nil
    retry?.cancel()
    lease?.end()
  }

  /// Whether etcd has heard of the end.
  var isOver: Bool { lease?.isOver ?? true }
}

@available(*, unavailable) extension ChallengeSight: Sendable {}
