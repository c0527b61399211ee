/// The requests of the last five minutes, second by second.
struct TrafficHistory {
  /// What has been counted since the start of the server.
  struct Totals: Equatable {
    /// By the first digit of the status, as `StatusCodes.classes` has it.
    var answers: [Int]
    /// How many requests took how long, bucket by bucket; the last bucket has no end.
    var durations: [Int] = []
  }

  /// One second.
  struct Sample: Equatable {
    /// Counts the seconds since the start; the clock may be set, and this may not.
    var number: Int
    var requests: Int
    /// Answers of 400 to 499, and of 500 or more.
    var clientErrors: Int
    var serverErrors: Int
    /// How long half of them, and all but one in a hundred, took at most, in microseconds; `nil` for none.
    var median: Int?
    var slowest: Int?
  }

  static let secondsMax = 300

  /// Where each bucket of durations but the last ends, in microseconds.
  let bounds: [Int]
  private(set) var samples: [Sample] = []
  /// Nothing has been counted when the server starts.
  private var previous = Totals(answers: [])
  private var seconds = 0

  init(bounds: [Int] = []) { self.bounds = bounds }

  /// A second is over, and this has been counted by now.
  mutating func add(_ totals: Totals) {
    seconds += 1
    let answers = Self.news(totals.answers, since: previous.answers)
    let durations = Self.news(totals.durations, since: previous.durations)
    previous = totals
    samples.append(
      Sample(
        number: seconds, requests: answers.reduce(0, +),
        clientErrors: answers.indices.contains(4) ? answers[4] : 0,
        serverErrors: answers.indices.contains(5) ? answers[5] : 0,
        median: quantile(2, durations), slowest: quantile(100, durations)))
    if samples.count > Self.secondsMax { samples.removeFirst() }
  }

  private static func news(_ now: [Int], since before: [Int]) -> [Int] {
    now.enumerated().map { index, count in
      max(0, count &- (before.indices.contains(index) ? before[index] : 0))
    }
  }

  /// What all but one in `share` requests took at most, in microseconds, as far as buckets tell it.
  private func quantile(_ share: Int, _ durations: [Int]) -> Int? {
    let count = durations.reduce(0, +)
    guard count > 0, durations.count <= bounds.count + 1 else { return nil }
    var left = count - count / share
    for (bucket, number) in durations.enumerated() {
      guard number < left else {
        // Somewhere between the ends of the bucket: as if its requests were spread evenly.
        let begin = bucket == 0 ? 0 : bounds[bucket - 1]
        guard bucket < bounds.count else { return begin }
        return begin + (bounds[bucket] - begin) * left / max(1, number)
      }
      left -= number
    }
    return bounds.last
  }
}

extension TrafficHistory.Sample {
  /// As the page reads it: number, requests, client errors, server errors, median, slowest.
  var value: StatusValue {
    .list([
      .number(number), .number(requests), .number(clientErrors), .number(serverErrors),
      median.map { .number($0) } ?? .nothing, slowest.map { .number($0) } ?? .nothing,
    ])
  }
}
