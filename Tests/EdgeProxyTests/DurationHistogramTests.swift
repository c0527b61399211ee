import Testing

@testable import EdgeProxy

@Suite("How long requests and tries took, in buckets")
struct DurationHistogramTests {
  private static let bounds = (0..<DurationHistogram.bucketCount - 1).map {
    DurationHistogram.bound($0)
  }

  @Test func `every time is in the first bucket whose bound is not below it`() {
    var times: [Int64] = [.min, -1, 0, 1, .max]
    for bound in Self.bounds { times += [bound - 1, bound, bound + 1] }
    for exponent in 0..<63 { times += [1 << exponent - 1, 1 << exponent, 1 << exponent + 1] }
    var random = RandomSource(seed: 7)
    for _ in 0..<10_000 { times.append(Int64(truncatingIfNeeded: random.next() >> 36)) }
    for time in times {
      let expected = Self.bounds.firstIndex { $0 >= time } ?? DurationHistogram.bucketCount - 1
      #expect(DurationHistogram.bucket(time) == expected, "\(time) µs")
    }
  }

  @Test func `Prometheus is told the bounds, each at least twice the one before`() {
    let told = DurationReading.bounds.dropLast().map { Double($0) ?? 0 }
    #expect(told == Self.bounds.map { Double($0) / 1_000_000 })
    #expect(DurationReading.bounds.last == "+Inf")
    for (one, next) in zip(Self.bounds, Self.bounds.dropFirst()) { #expect(next >= 2 * one) }
  }

  @Test func `what is recorded is counted once and summed`() {
    let histogram = DurationHistogram()
    for time: Int64 in [0, 900, 1000, 1001, 30_000_000, 90_000_000] { histogram.record(time) }
    let reading = histogram.reading
    #expect(reading.count == 6 && reading.microseconds == 120_002_901)
    #expect(reading.buckets[0] == 3 && reading.buckets[1] == 1)
    #expect(reading.buckets[13] == 1 && reading.buckets[15] == 1)
    #expect(reading.cumulative.last == 6 && reading.cumulative[13] == 5)
    let other = DurationHistogram()
    other.add(histogram)
    other.record(2000)
    #expect(other.reading.count == 7 && other.reading.microseconds == 120_004_901)
  }

  @Test(arguments: [(0.5, 75.0), (0.25, 50), (1, 100)])
  func `within a bucket times are taken to lie evenly`(share: Double, milliseconds: Double) {
    let histogram = DurationHistogram()
    for _ in 0..<50 { histogram.record(40_000) }
    for _ in 0..<150 { histogram.record(60_000) }
    // A quarter lies up to 50 ms, and all up to 100 ms.
    let expected = share <= 0.25 ? 50 : 50 + 50 * (share - 0.25) / 0.75
    #expect(abs((histogram.reading.milliseconds(share: share) ?? 0) - expected) < 0.001)
    #expect(expected <= milliseconds)
  }

  @Test func `what is above the last bound counts as the last bound`() {
    let histogram = DurationHistogram()
    #expect(histogram.reading.milliseconds(share: 0.5) == nil)
    histogram.record(3_600_000_000)
    #expect(histogram.reading.milliseconds(share: 0.5) == 60_000)
  }
}

@Suite("Statuses by which requests are counted")
struct StatusCodesTests {
  @Test func `a known status is counted by itself and others by their first digit`() {
    #expect(Set(StatusCodes.known).count == StatusCodes.known.count)
    #expect(StatusCodes.names.count <= StatusCodes.placesMax)
    let codes = StatusCodes()
    for status in 0..<1100 {
      let name = StatusCodes.names[codes.place(of: status)]
      if StatusCodes.known.contains(status) {
        #expect(name == "\(status)")
      } else if (100..<600).contains(status) {
        #expect(name == "\(status / 100)xx")
      }
    }
    for status in [0, 99, 600, 999, -1, .min, .max] {
      let place = codes.place(of: status)
      #expect(StatusCodes.names.indices.contains(place), "\(status)")
    }
    let names = [codes.place(of: 0), codes.place(of: 999)].map { StatusCodes.names[$0] }
    #expect(names == ["none", "none"])
  }

  @Test func `each place belongs to the class of its statuses`() {
    let codes = StatusCodes()
    for status in 100..<600 {
      let place = codes.place(of: status)
      #expect(StatusCodes.number(ofClass: place) == status / 100, "\(status)")
    }
  }
}

@Suite("Counters by name, of which there are at most so many")
struct BoundedNamesTests {
  private func names(_ range: Range<Int>) -> [String] { range.map { "host\($0).test" } }

  private func count(_ row: RouteCounters, times: Int = 1) {
    for _ in 0..<times { row.count(place: 0, status: 0, microseconds: 10) }
  }

  private func requests(_ counters: NamedCounters<RouteCounters>, _ name: String) -> Int? {
    counters.all.first { $0.name == name }?.row.answers.reduce(0, +)
  }

  @Test func `a name that stays keeps its counters, wherever it stands`() {
    let counters = NamedCounters<RouteCounters>()
    let first = BoundedNames(["a", "b", "a"], after: nil)
    let rows = counters.install(first, for: ["a", "b", "a"])
    #expect(rows[0] === rows[2] && rows[0] !== rows[1])
    count(rows[1], times: 3)
    let next = BoundedNames(["c", "b"], after: first)
    let later = counters.install(next, for: ["c", "b"])
    #expect(later[1] === rows[1])
    count(later[1])
    #expect(requests(counters, "b") == 4)
    // One that is gone may come back.
    #expect(counters.install(BoundedNames(["a"], after: next), for: ["a"])[0] === rows[0])
  }

  @Test func `beyond so many names all others are counted together`() {
    let counters = NamedCounters<RouteCounters>()
    let wanted = names(0..<BoundedNames.most + 20)
    let rows = counters.install(BoundedNames(wanted, after: nil), for: wanted)
    for row in rows { count(row) }
    #expect(counters.all.count == BoundedNames.most + 1)
    #expect(requests(counters, BoundedNames.other) == 20)
    #expect(requests(counters, wanted[BoundedNames.most - 1]) == 1)
  }

  @Test func `a name that came late gets the place of one that went, and nothing is lost`() {
    let counters = NamedCounters<RouteCounters>()
    let wanted = names(0..<BoundedNames.most)
    let first = BoundedNames(wanted, after: nil)
    for row in counters.install(first, for: wanted) { count(row, times: 2) }
    let next = Array(wanted.dropFirst()) + ["late.test", "later.test"]
    let rows = counters.install(BoundedNames(next, after: first), for: next)
    #expect(requests(counters, wanted[0]) == nil)
    #expect(requests(counters, wanted[1]) == 2)
    #expect(requests(counters, "late.test") == 0)
    #expect(requests(counters, BoundedNames.other) == 2)
    #expect(rows.last === counters.other)
    let all = counters.all.reduce(0) { $0 + $1.row.answers.reduce(0, +) }
    #expect(all == 2 * BoundedNames.most)
  }

  @Test func `a route may be called as the rest is`() {
    let counters = NamedCounters<RouteCounters>()
    let rows = counters.install(BoundedNames(["other"], after: nil), for: ["other"])
    #expect(rows[0] === counters.other && counters.all.count == 1)
  }
}
