/// The last good answers that are kept for when no application answers.
struct StaleSection {
  private let contents: StaleStore.Contents
  private let counters: StaleCounters
  private let failure: String?

  init(_ store: StaleStore) {
    contents = store.contents
    counters = store.counters
    failure = store.diskFailure.map { "\($0)" }
  }

  var section: StatusSection {
    StatusSection(
      name: "stale",
      value: [
        "answers": .number(contents.answers), "memory_bytes": .number(contents.memoryBytes),
        "disk_bytes": .number(contents.diskBytes), "stored": .number(counters.stored.now),
        "served": .number(counters.served.now), "disk_failures": .number(counters.failures.now),
      ],
      text: [
        .line(
          "last good answers",
          "\(contents.answers) kept, \(contents.memoryBytes >> 10)KiB in memory,"
            + " \(contents.diskBytes >> 10)KiB on disk; given \(counters.served.now) times")
      ],
      metrics: metrics,
      warnings: failure.map { ["last good answers cannot be written below 'state': \($0)"] } ?? [])
  }

  private var metrics: [Metric] {
    [
      Metric.gauge("stale_answers", "Last good answers that are kept.").adding(contents.answers),
      Metric.gauge("stale_memory_bytes", "Memory that they take.").adding(contents.memoryBytes),
      Metric.gauge("stale_disk_bytes", "What they take of the disk.").adding(contents.diskBytes),
      Metric.counter("stale_stored_total", "Answers that were kept, or kept anew.")
        .adding(counters.stored.now),
      Metric.counter("stale_served_total", "Requests that were given a last good answer.")
        .adding(counters.served.now),
      Metric.counter("stale_disk_failures_total", "Kept answers that the disk did not take.")
        .adding(counters.failures.now),
    ]
  }
}
