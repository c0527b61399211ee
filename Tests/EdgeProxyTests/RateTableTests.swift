import HTTPCore
import Testing

@testable import Configuration
@testable import EdgeProxy

@Suite("Request rates of clients")
struct RateTableTests {
  static let second: Int64 = 1_000_000_000
  let table = RateTable(rowCount: 1024)

  private func client(_ number: Int) -> IPAddress { IPAddress(ipv4: UInt32(number)) }

  /// How many of `count` requests at one moment may go on.
  private func allowed(
    _ count: Int, client number: Int = 1, scope: Int = 0, _ rate: RequestRate, at now: Int64
  ) -> Int {
    (0..<count).count { _ in
      table.take(client(number), scope: scope, rate, now: now) == nil
    }
  }

  @Test func `a burst goes on at once, and no more`() {
    let rate = RequestRate(perSecond: 10, burst: 25)
    #expect(allowed(100, rate, at: 5 * Self.second) == 25)
  }

  @Test func `after a burst requests go on at the rate`() {
    let rate = RequestRate(perSecond: 10, burst: 20)
    #expect(allowed(100, rate, at: 0) == 20)
    #expect(allowed(100, rate, at: Self.second / 10 - 1000) == 0)
    #expect(allowed(100, rate, at: Self.second / 10) == 1)
    #expect(allowed(100, rate, at: Self.second) == 9)
    #expect(allowed(100, rate, at: 60 * Self.second) == 20)
  }

  @Test(arguments: [1, 2, 7, 100, 3000, 10_000])
  func `in the long run the rate is kept`(perSecond: Int) {
    let rate = RequestRate(perSecond: perSecond, burst: 3)
    var count = 0
    for step in 0..<(20 * 20_000) {
      count += allowed(1, rate, at: Int64(step) * Self.second / 20_000)
    }
    #expect(abs(Double(count) / 20 - Double(perSecond)) <= max(1, Double(perSecond) * 0.01))
  }

  @Test func `who is refused hears when to come again`() {
    let rate = RequestRate(perSecond: 1, burst: 3)
    #expect(allowed(3, rate, at: 0) == 3)
    #expect(table.take(client(1), scope: 0, rate, now: 0) == 1)
    #expect(table.take(client(1), scope: 0, rate, now: Self.second - 2000) == 1)
    #expect(table.take(client(1), scope: 0, rate, now: Self.second) == nil)
    let slow = RequestRate(perSecond: 1, burst: 1)
    #expect(allowed(3, scope: 1, slow, at: 0) == 1)
    #expect(table.take(client(1), scope: 1, slow, now: 0) == 1)
  }

  @Test func `refused requests do not lengthen the time`() {
    let rate = RequestRate(perSecond: 1, burst: 1)
    #expect(allowed(1000, rate, at: 0) == 1)
    #expect(allowed(1, rate, at: Self.second) == 1)
  }

  @Test func `clients and scopes are counted each for itself`() {
    let rate = RequestRate(perSecond: 1, burst: 2)
    for number in 0..<200 { #expect(allowed(3, client: number, rate, at: 0) == 2) }
    #expect(allowed(3, client: 7, scope: 5, rate, at: 0) == 2)
  }

  @Test func `more clients than the table holds are let through rather than refused`() {
    let small = RateTable(rowCount: 1)
    let rate = RequestRate(perSecond: 1, burst: 1)
    let refused = (0..<1000).count { small.take(client($0), scope: 0, rate, now: 0) != nil }
    // Two may be taken for one with a probability of 2⁻¹⁸ for each of the row's four.
    #expect(refused <= 2)
  }

  @Test func `the one nearest to being forgiven gives way`() {
    let small = RateTable(rowCount: 1)
    let rate = RequestRate(perSecond: 1, burst: 10)
    for _ in 0..<10 { _ = small.take(client(1), scope: 0, rate, now: 0) }
    for number in 2..<100 { _ = small.take(client(number), scope: 0, rate, now: 0) }
    #expect(small.take(client(1), scope: 0, rate, now: 0) != nil)
  }

  @Test func `the clock may begin anew`() {
    let rate = RequestRate(perSecond: 1, burst: 1)
    let late = Int64(1 << 46) * 1000 - Self.second
    #expect(allowed(2, rate, at: late) == 1)
    #expect(allowed(2, rate, at: late + 2 * Self.second) == 1)
    #expect(allowed(2, rate, at: 1 << 40) == 1)
  }

  @Test func `all threads together have one rate`() async {
    let rate = RequestRate(perSecond: 1, burst: 1000)
    let table = table
    let allowed = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<4 {
        group.addTask {
          (0..<1000).count { _ in
            table.take(IPAddress(ipv4: 9), scope: 0, rate, now: 0) == nil
          }
        }
      }
      return await group.reduce(0, +)
    }
    // A request that met too much contention is let through.
    #expect((1000...1100).contains(allowed))
  }
}
