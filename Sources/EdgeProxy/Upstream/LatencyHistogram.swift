internal import Synchronization

/// How long an upstream usually takes to its first byte, shared by all workers.
///
/// Four buckets for each doubling of milliseconds. When 1024 answers are in, all are halved, so
/// that the last few hundred count. Times of abandoned tries are not recorded. Workers may
/// interleave in any way: a lost count is no harm.
final class LatencyHistogram: Sendable {
  /// How long a try may stay silent before another node is asked, at least.
  static let delayMin: Int64 = 250_000_000
  /// As long as too little is known.
  static let delayAtFirst: Int64 = 1_000_000_000
  /// How much longer than nearly all answers took.
  private static let factor: Int64 = 4
  private static let recordsMax: UInt32 = 1024
  private static let recordsMin: UInt64 = 32
  /// Up to 131 s.
  private static let bucketCount = 68

  private let buckets = [68 of Atomic<UInt32>](initializingWith: { span in
    while !span.isFull { span.append(Atomic<UInt32>(0)) }
  })
  private let records = Atomic<UInt32>(0)
  private let current = Atomic<Int64>(LatencyHistogram.delayAtFirst)

  /// 4 × the 99th percentile, at least `delayMin`, in nanoseconds.
  var delay: Int64 { current.load(ordering: .relaxed) }

  /// An answer's first byte came after so many nanoseconds.
  func record(_ nanoseconds: Int64) {
    buckets[Self.bucket(nanoseconds / 1_000_000)].add(1, ordering: .relaxed)
    let count = records.add(1, ordering: .relaxed).newValue
    guard count % 32 == 0 else { return }
    refresh()
    if count == Self.recordsMax { halve() }
  }

  /// The last few hundred answers.
  struct Summary: Equatable, Sendable {
    var count = 0
    /// Milliseconds that so many in a hundred stayed below, at most a quarter more than they took.
    var p50 = 0
    var p95 = 0
    var p99 = 0
  }

  var summary: Summary {
    let counts = (0..<Self.bucketCount).map { Int(buckets[$0].load(ordering: .relaxed)) }
    let total = counts.reduce(0, +)
    guard total > 0 else { return Summary() }
    func percentile(_ percent: Int) -> Int {
      var left = max(1, (total * percent + 99) / 100)
      for (index, count) in counts.enumerated() {
        left -= count
        if left <= 0 { return Int(Self.end(of: index)) - 1 }
      }
      return Int(Self.end(of: Self.bucketCount - 1)) - 1
    }
    return Summary(
      count: total, p50: percentile(50), p95: percentile(95), p99: percentile(99))
  }

  private func refresh() {
    var total: UInt64 = 0
    for index in 0..<Self.bucketCount { total += UInt64(buckets[index].load(ordering: .relaxed)) }
    guard total >= Self.recordsMin else { return }
    var above = total / 100
    var index = Self.bucketCount - 1
    while index > 0 {
      let count = UInt64(buckets[index].load(ordering: .relaxed))
      guard count <= above else { break }
      above -= count
      index -= 1
    }
    let delay = max(Self.delayMin, Self.end(of: index) * 1_000_000 * Self.factor)
    current.store(delay, ordering: .relaxed)
  }

  private func halve() {
    for index in 0..<Self.bucketCount {
      let count = buckets[index].load(ordering: .relaxed)
      buckets[index].store(count / 2, ordering: .relaxed)
    }
    records.store(Self.recordsMax / 2, ordering: .relaxed)
  }

  /// The bucket of a number of milliseconds: its highest bit and the two after it.
  private static func bucket(_ milliseconds: Int64) -> Int {
    let value = UInt64(max(milliseconds, 1))
    let exponent = 63 - value.leadingZeroBitCount
    let mantissa = (value << 2) >> UInt64(exponent) & 3
    return min(exponent * 4 + Int(mantissa), bucketCount - 1)
  }

  /// Where a bucket ends, in milliseconds.
  private static func end(of bucket: Int) -> Int64 {
    Int64(5 + bucket % 4) << Int64(bucket / 4) / 4 + 1
  }
}
