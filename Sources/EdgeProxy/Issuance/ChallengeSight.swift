internal import Etcd
internal import EventLoop

/// Tells the fleet which challenges this server shows, and waits until all others show theirs.
///
/// A CA asks any server, from several places at once, so all have to know a value before it is told to look.
/// A server's key lies under a lease: one that is gone is not waited for. One that is there and does not
/// answer is named, and what it keeps waiting goes on.
final class ChallengeSight {
  private let loop: EventLoop
  private var sightings: Sightings
  private var key: LeasedKey?
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

  init(
    _ client: EtcdClient, on loop: EventLoop, prefix: String, node: String, writes: EtcdWrites
  ) {
    self.loop = loop
    sightings = Sightings(prefix: prefix, node: node)
    key = LeasedKey(
      client, on: loop, key: sightings.key, in: sightings.range, timeToLive: Self.timeToLive,
      kind: .challenges, writes: writes, value: { [unowned self] in sightings.value },
      changed: { [unowned self] in
        sightings.apply($0)
        answer()
      })
    key?.start()
  }

  /// All workers of this server show what etcd had at a revision.
  func reached(_ revision: Int64) {
    sightings.reached(revision)
    key?.write()
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

  /// Hears of nothing any more; whoever waits is told at once.
  func stop() {
    key?.stop()
    for question in questions { end(question) }
  }

  /// Has etcd delete this server's key.
  func end() { key?.end() }

  /// Whether etcd has heard of the end.
  var isOver: Bool { key?.isOver ?? true }
}

@available(*, unavailable) extension ChallengeSight: Sendable {}
