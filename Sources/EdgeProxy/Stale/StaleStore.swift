internal import Configuration
internal import EventLoop
internal import Synchronization

/// The last good answers of routes with `stale_if_error`, shared by all workers.
///
/// Only a request whose answer is stored, forgotten or given comes here. It holds the lock of one
/// shard for a look into a dictionary; bodies are not copied, and files are written and removed by
/// another thread.
final class StaleStore: Sendable {
  let settings: StaleSettings
  let counters = StaleCounters()
  private let shards: [Guarded<StaleShard>]
  private let directory: StaleDirectory
  private let runLater: @Sendable (@escaping @Sendable () -> Void) -> Void

  private static let shardsMax = 16
  /// Bytes on their way to the disk at most; while it is slower, what gives way is gone.
  private static let writingBytesMax = 8 << 20

  /// Answers that are let go while a shard is locked.
  private static let sweptMax = 256

  /// Files are in `directory`, which is made when the first is written.
  ///
  /// `runLater` takes what needs the disk.
  init(
    _ settings: StaleSettings, directory: String,
    runLater: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void = StaleStore.background()
  ) {
    self.settings = settings
    self.directory = StaleDirectory(path: directory)
    self.runLater = runLater
    // A shard has room for four of the largest answers.
    let count = max(1, min(Self.shardsMax, settings.memoryBytes / (4 * settings.objectBytesMax)))
    let writing = max(settings.objectBytesMax * 2, Self.writingBytesMax / count)
    shards = (0..<count).map { _ in
      Guarded(
        StaleShard(
          memoryMax: settings.memoryBytes / count, diskMax: settings.diskBytes / count,
          writingMax: writing))
    }
  }

  /// The store for a configuration, which is the one before where its bounds are the same; `nil` where no
  /// route keeps answers.
  static func planned(_ configuration: Configuration, previous: StaleStore?) -> StaleStore? {
    guard configuration.keepsAnswers else { return nil }
    if let previous, previous.settings == configuration.stale { return previous }
    return StaleStore(
      configuration.stale, directory: StaleDirectory.path(in: configuration.state))
  }

  /// What is kept under an address.
  func find(_ key: StaleKey) -> [StaleAnswer] { shard(key).withLock { $0.find(key) } }

  func put(_ answer: StaleAnswer, replacing old: [StaleAnswer], now: Instant) {
    counters.stored.add()
    change(answer.key, now) {
      $0.put(answer, replacing: old, mayWrite: directory.takesFiles(at: now))
    }
  }

  /// Somebody is given an answer.
  func touch(_ answer: StaleAnswer, now: Instant) {
    counters.served.add()
    change(answer.key, now) { $0.touch(answer, mayWrite: directory.takesFiles(at: now)) }
  }

  /// The file of an answer cannot be read.
  func remove(_ answer: StaleAnswer, now: Instant) { change(answer.key, now) { $0.remove(answer) } }

  /// What was kept under an address is not good any more.
  func forget(_ key: StaleKey, now: Instant) { change(key, now) { $0.forget(key) } }

  /// Lets go of what has become too old.
  func sweep(now: Instant) {
    for shard in shards {
      var count = Self.sweptMax
      // Workers get the lock in between.
      while count == Self.sweptMax {
        let displaced = shard.withLock { shard in
          shard.sweep(most: Self.sweptMax) { $0.endsAt < now }
        }
        count = displaced.gone.count
        perform(shard, displaced, now: now)
      }
    }
  }

  /// Why the disk takes nothing; `nil` while it does.
  var diskFailure: SystemError? { directory.failure }

  /// What is kept at this moment.
  struct Contents: Equatable, Sendable {
    var answers = 0
    var memoryBytes = 0
    var diskBytes = 0
  }

  var contents: Contents {
    shards.reduce(into: Contents()) { sum, shard in
      shard.withLock {
        sum.answers += $0.count
        sum.memoryBytes += $0.memoryBytes
        sum.diskBytes += $0.diskBytes
      }
    }
  }

  /// The most that may be in memory, what is on its way to the disk included.
  var memoryBytesMax: Int {
    shards.reduce(0) { sum, shard in sum + shard.withLock { $0.memoryMax + $0.writingMax } }
  }

  // MARK: Changes

  private func shard(_ key: StaleKey) -> Guarded<StaleShard> {
    shards[Int(UInt(bitPattern: key.hashValue) % UInt(shards.count))]
  }

  private func change(
    _ key: StaleKey, _ now: Instant, _ body: (inout StaleShard) -> StaleShard.Displaced
  ) {
    let shard = shard(key)
    perform(shard, shard.withLock(body), now: now)
  }

  /// Writes what leaves the memory, and lets go of what is gone, without the lock.
  private func perform(
    _ shard: Guarded<StaleShard>, _ displaced: StaleShard.Displaced, now: Instant
  ) {
    for answer in displaced.leaving {
      runLater { [self] in
        let file = answer.bodyBytes.flatMap { directory.write($0, now: now) }
        if file == nil { counters.failures.add() }
        let onDisk = file.map { StaleAnswer(answer, in: $0) }
        let mayWrite = directory.takesFiles(at: now)
        let next = shard.withLock { $0.written(answer, as: onDisk, mayWrite: mayWrite) }
        perform(shard, next, now: now)
      }
    }
    // Their files are removed where the last reference goes.
    let files = displaced.gone.filter { $0.bodyBytes == nil }
    if !files.isEmpty { runLater { _ = files.count } }
  }

  /// Runs jobs one after the other on a thread that lives while there are any.
  static func background() -> @Sendable (@escaping @Sendable () -> Void) -> Void {
    let jobs = StaleJobs()
    return { jobs.add($0) }
  }
}

/// What has happened, counted by whichever thread it happens on.
final class StaleCounters: Sendable {
  final class Sum: Sendable {
    private let value = Atomic<Int>(0)
    var now: Int { value.load(ordering: .relaxed) }
    func add(_ number: Int = 1) { value.wrappingAdd(number, ordering: .relaxed) }
  }

  let stored = Sum()
  let served = Sum()
  /// Files that the disk did not take.
  let failures = Sum()
}

/// Jobs for a thread that is begun with the first and ends with the last of them.
private final class StaleJobs: Sendable {
  private struct Waiting: Sendable {
    var jobs: [@Sendable () -> Void] = []
    var isRunning = false
  }

  private let waiting = Guarded(Waiting())

  func add(_ job: @escaping @Sendable () -> Void) {
    let begins = waiting.withLock { waiting in
      waiting.jobs.append(job)
      defer { waiting.isRunning = true }
      return !waiting.isRunning
    }
    guard begins else { return }
    do throws(SystemError) {
      try WorkerThread.detached(name: "stale") { self.run() }
    } catch {
      // There is no thread to be had: the jobs wait for the next one.
      waiting.withLock { $0.isRunning = false }
    }
  }

  private func run() {
    while true {
      let jobs = waiting.withLock { waiting in
        let jobs = waiting.jobs
        waiting.jobs = []
        if jobs.isEmpty { waiting.isRunning = false }
        return jobs
      }
      guard !jobs.isEmpty else { return }
      for job in jobs { job() }
    }
  }
}
