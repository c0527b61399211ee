/// The tries at the nodes of each upstream: how they ended, and how long answers took.
struct TriesSection {
  /// What all workers have counted for one upstream.
  struct Upstream {
    var name: String
    /// How often a try ended with each of `TryOutcome.all`.
    var outcomes: [Int]
    var durations: DurationReading
  }

  let upstreams: [Upstream]

  /// Outcomes that are told even while there are none, since alerts compare them.
  private static let alwaysTold: [TryOutcome] =
    [.ok, .failed(.refused), .failed(.reset), .failed(.closed), .failed(.timeout)]

  init(_ workers: [WorkerCounters]) {
    var upstreams: [Upstream] = []
    var places: [String: Int] = [:]
    for worker in workers {
      for (name, row) in worker.upstreams.all {
        let outcomes = TryOutcome.all.map { row.count(of: $0) }
        if let place = places[name] {
          for index in outcomes.indices { upstreams[place].outcomes[index] &+= outcomes[index] }
          upstreams[place].durations += row.durations.reading
        } else {
          places[name] = upstreams.count
          upstreams.append(
            Upstream(name: name, outcomes: outcomes, durations: row.durations.reading))
        }
      }
    }
    self.upstreams = upstreams.filter {
      $0.name != BoundedNames.other || $0.outcomes.contains { $0 > 0 }
    }
  }

  var section: StatusSection {
    StatusSection(
      name: "tries", value: .list(upstreams.map(Self.value)), text: [], metrics: metrics)
  }

  private static func value(_ upstream: Upstream) -> StatusValue {
    let outcomes = zip(TryOutcome.all, upstream.outcomes).filter { $0.1 > 0 }
    return [
      "upstream": .text(upstream.name),
      "tries": .number(upstream.outcomes.reduce(0, &+)),
      "outcomes": .fields(outcomes.map { .init(name: "\($0.0.word)", value: .number($0.1)) }),
      "durations": upstream.durations.value,
    ]
  }

  private var metrics: [Metric] {
    var tries = Metric.counter(
      "upstream_tries_total", "Tries at nodes that have ended, by upstream and outcome.")
    var durations = Metric.histogram(
      "upstream_duration_seconds",
      "From the beginning of a try at a node to the head of its answer.")
    for upstream in upstreams {
      for (outcome, count) in zip(TryOutcome.all, upstream.outcomes)
      where count > 0 || Self.alwaysTold.contains(outcome) {
        tries.add(count, ("upstream", upstream.name), ("outcome", "\(outcome.word)"))
      }
      durations.add(upstream.durations, ("upstream", upstream.name))
    }
    return [tries, durations]
  }
}
