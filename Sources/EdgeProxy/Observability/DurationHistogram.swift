/// How long things took, in fixed buckets from a millisecond to a minute: written by one thread, read
/// by any.
///
/// The buckets are the same everywhere and for ever, so that those of all workers and all servers may
/// be summed, and a graph goes on over an update. Two bounds are at least a factor of two apart, so
/// that at most one lies between two powers of two: the highest bit of a time and one comparison find
/// its bucket.
struct DurationHistogram: ~Copyable, Sendable {
  /// The last one has no bound.
  static let bucketCount = 16

  private let buckets = [16 of Count](initializingWith: { span in
    while !span.isFull { span.append(Count()) }
  })
  /// Microseconds of all together.
  private let sum = Count()

  func record(_ microseconds: Int64) {
    buckets[Self.bucket(microseconds)].add()
    sum.add(Int(microseconds))
  }

  /// Takes over what another one has counted.
  func add(_ other: borrowing DurationHistogram) {
    for index in 0..<Self.bucketCount { buckets[index].add(other.buckets[index].now) }
    sum.add(other.sum.now)
  }

  var reading: DurationReading {
    var reading = DurationReading()
    for index in 0..<Self.bucketCount { reading.buckets[index] = buckets[index].now }
    reading.microseconds = sum.now
    return reading
  }

  /// The first bucket whose bound is not below a number of microseconds.
  static func bucket(_ microseconds: Int64) -> Int {
    let exponent = 63 - UInt64(max(microseconds, 1)).leadingZeroBitCount
    let place = UInt64(min(max(exponent, 10), 25) - 10)
    let first = Int(truncatingIfNeeded: firstBounds &>> (place * 4) & 15)
    return first + (microseconds > bound(first) ? 1 : 0) - (microseconds <= bound(0) ? 1 : 0)
  }

  /// For each power of two from 2^10 to 2^25 microseconds the first bucket whose bound is not below
  /// it, four bits each.
  private static let firstBounds: UInt64 = 0xedcb_aa98_7654_3211

  /// The longest time of a bucket, in microseconds.
  static func bound(_ bucket: Int) -> Int64 {
    switch bucket {
    case 0: 1000
    case 1: 2500
    case 2: 5000
    case 3: 10_000
    case 4: 25_000
    case 5: 50_000
    case 6: 100_000
    case 7: 250_000
    case 8: 500_000
    case 9: 1_000_000
    case 10: 2_500_000
    case 11: 5_000_000
    case 12: 10_000_000
    case 13: 30_000_000
    case 14: 60_000_000
    default: .max
    }
  }
}

/// What a histogram had counted at one moment; those of several workers are added.
struct DurationReading: Equatable, Sendable {
  /// How many there are in each bucket of `DurationHistogram`.
  var buckets = Array(repeating: 0, count: DurationHistogram.bucketCount)
  var microseconds = 0

  /// The bounds of the buckets in seconds, as Prometheus writes them (`le`).
  static let bounds = [
    "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5",
    "10", "30", "60", "+Inf",
  ]

  var count: Int { buckets.reduce(0, &+) }

  /// How many there are in each bucket and those before it.
  var cumulative: [Int] {
    var sum = 0
    return buckets.map { count in
      sum &+= count
      return sum
    }
  }

  static func += (left: inout DurationReading, right: DurationReading) {
    for index in left.buckets.indices { left.buckets[index] &+= right.buckets[index] }
    left.microseconds &+= right.microseconds
  }

  /// The time within which a share of all stayed, in milliseconds; `nil` where there are none.
  ///
  /// It is estimated as Prometheus does (`histogram_quantile`): within a bucket times are taken to lie
  /// evenly, and what is above the last bound counts as the last bound.
  func milliseconds(share: Double) -> Double? {
    let rank = share * Double(count)
    var (below, from) = (0.0, 0.0)
    for (index, number) in buckets.enumerated() where number > 0 {
      let last = index == buckets.count - 1
      from = index == 0 ? 0 : Double(DurationHistogram.bound(index - 1)) / 1000
      if last { return from }
      if below + Double(number) >= rank {
        let span = Double(DurationHistogram.bound(index)) / 1000 - from
        return from + span * max(0, rank - below) / Double(number)
      }
      below += Double(number)
    }
    return nil
  }
}
