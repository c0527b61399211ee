internal import EventLoop
internal import Logging

/// All workers as the control thread sees them: orders go out, signs of life come back.
final class WorkerGroup {
  let count: Int
  private(set) var handles: [WorkerHandle] = []
  private var threads: [WorkerThread] = []
  private let watch: WorkerWatch
  private var undrained = 0

  /// A worker that has not turned for this long is frozen.
  private static let frozenAfter = Duration.seconds(10)

  init(count: Int, now: Instant) {
    self.count = count
    watch = WorkerWatch(count: count, now: now)
  }

  /// Starts them all, one after the other.
  func start(_ plan: WorkerPlan, logger: Logger) throws {
    for number in 0..<count {
      let (handle, thread) = try WorkerStart.start(number, plan, logger: logger)
      handles.append(handle)
      threads.append(thread)
    }
  }

  func post(_ job: @escaping @Sendable (Worker) -> Void) {
    for handle in handles { handle.post(job) }
  }

  /// Asks all for a sign of life.
  func ask() { watch.ask(handles) }

  /// Whether none is frozen.
  func areAlive(now: Instant) -> Bool { watch.allAlive(now: now, within: Self.frozenAfter) }

  /// Has all close what they listen on and finish what they have; `done` is called for each of them.
  func drain(_ done: @escaping @Sendable () -> Void) {
    undrained = count
    post { $0.drain(done) }
  }

  /// Connections and sessions that are open.
  var openCount: Int {
    handles.reduce(into: 0) { $0 += $1.counters.connections.now + $1.counters.sessions.now }
  }

  /// One more has finished what it had; `true` with the last.
  func drained() -> Bool {
    undrained -= 1
    return undrained == 0
  }

  /// Ends their loops and waits for their threads.
  func stop() {
    post { $0.stop() }
    for thread in threads { thread.join() }
  }

  /// What they all have counted, for the page's plots.
  var traffic: TrafficHistory.Totals {
    var durations = DurationReading()
    var answers = StatusCodes.classes.map { _ in 0 }
    for counters in handles.map(\.counters) {
      for row in counters.routes.all.map(\.row) + [counters.unrouted] {
        durations += row.durations.reading
      }
      for (number, count) in counters.answersByClass.enumerated() { answers[number] &+= count }
    }
    return TrafficHistory.Totals(answers: answers, durations: durations.buckets)
  }

  func section(now: Instant) -> StatusSection {
    let workers = handles.enumerated().map { number, handle in
      let silence = watch.silence(of: number, now: now)
      return WorkersSection.Worker(
        counters: handle.counters, silentSeconds: Int(silence.nanoseconds / 1_000_000_000))
    }
    return WorkersSection(workers: workers).section
  }
}
