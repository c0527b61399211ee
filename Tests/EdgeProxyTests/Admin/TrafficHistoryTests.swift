import Testing

@testable import EdgeProxy

@Suite("The traffic of the last minutes")
struct TrafficHistoryTests {
  private static func totals(_ answers: [Int], _ durations: [Int] = []) -> TrafficHistory.Totals {
    TrafficHistory.Totals(answers: answers, durations: durations)
  }

  @Test func `a second has what was counted in it`() {
    var history = TrafficHistory()
    history.add(Self.totals([0, 0, 10, 0, 1, 5]))
    history.add(Self.totals([0, 0, 14, 1, 3, 6]))
    history.add(Self.totals([0, 0, 14, 1, 3, 6]))
    #expect(
      history.samples == [
        .init(number: 1, requests: 16, clientErrors: 1, serverErrors: 5),
        .init(number: 2, requests: 8, clientErrors: 2, serverErrors: 1),
        .init(number: 3, requests: 0, clientErrors: 0, serverErrors: 0),
      ])
  }

  @Test func `five minutes are kept`() {
    var history = TrafficHistory()
    for second in 0...(TrafficHistory.secondsMax + 7) {
      history.add(Self.totals([0, 0, second * second, 0, 0, 0]))
    }
    #expect(history.samples.count == TrafficHistory.secondsMax)
    #expect(history.samples.map(\.number) == Array(9...(TrafficHistory.secondsMax + 8)))
  }

  @Test(
    arguments: [
      ([100, 0, 0, 0], 500, 990), ([0, 100, 0, 0], 5_500, 9_910), ([99, 0, 0, 1], 505, 1000),
      ([50, 49, 1, 0], 1000, 10_000), ([0, 0, 0, 7], 100_000, 100_000), ([0, 0, 0, 0], nil, nil),
    ] as [([Int], Int?, Int?)])
  func `how long requests took is told as well as the buckets tell it`(
    _ durations: [Int], _ median: Int?, _ slowest: Int?
  ) {
    var history = TrafficHistory(bounds: [1000, 10_000, 100_000])
    history.add(Self.totals([0], [3, 3, 3, 3]))
    history.add(Self.totals([0], durations.map { $0 + 3 }))
    #expect(history.samples.last?.median == median)
    #expect(history.samples.last?.slowest == slowest)
  }
}
