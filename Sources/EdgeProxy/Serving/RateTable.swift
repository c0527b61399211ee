internal import Configuration
internal import HTTPCore
internal import Synchronization

/// The request rates of all clients, shared by all workers.
///
/// The kernel spreads a client's connections over the workers, so a bucket in each would let it
/// have its rate several times. The table has one word per client and no lock: a client's next
/// request is due at a time (the leaky bucket as a meter, ITU-T I.371 "GCRA"), each request
/// moves it on by the interval of the rate, and one that comes earlier than the burst allows is
/// refused.
///
/// Its size is fixed. A row holds four clients; where a fifth comes, the one that would be forgiven
/// first gives way. So too many clients make limits laxer, never stricter. Two clients of one row
/// are taken for one with a probability of 2⁻¹⁸.
final class RateTable: Sendable {
  /// Four clients whose numbers have the same low bits.
  private final class Row: Sendable {
    let slots = [4 of Atomic<UInt64>](initializingWith: { span in
      while !span.isFull { span.append(Atomic<UInt64>(0)) }
    })
  }

  /// What is read from a slot: 18 bits of the client's number, 46 bits of the due time in
  /// microseconds.
  private struct Word {
    let value: UInt64
    static let timeMask: UInt64 = 1 << 46 - 1

    init(_ value: UInt64) { self.value = value }
    init(mark: UInt64, due: UInt64) { value = mark & ~Self.timeMask | due & Self.timeMask }

    func isOf(_ mark: UInt64) -> Bool { (value ^ mark) & ~Self.timeMask == 0 }

    /// How far the due time lies ahead; 0 where it has passed, or is from before the clock began
    /// anew.
    func ahead(of now: UInt64) -> UInt64 {
      let ahead = (value &- now) & Self.timeMask
      return ahead > RateTable.aheadMax ? 0 : ahead
    }
  }

  /// More than the largest burst at the smallest rate.
  private static let aheadMax: UInt64 = 1 << 40

  private let rows: [Row]
  private let seeds: (UInt64, UInt64)

  /// `rowCount` is a power of two.
  init(rowCount: Int = 16_384) {
    rows = (0..<rowCount).map { _ in Row() }
    seeds = (UInt64.random(in: 0 ... .max), UInt64.random(in: 0 ... .max))
  }

  /// Counts a request at `now`, in nanoseconds of a monotonic clock; `nil` when it may go on, else
  /// the seconds to wait, at least 1.
  ///
  /// Each `scope` has its own count of a client.
  func take(_ client: IPAddress, scope: Int, _ rate: RequestRate, now: Int64) -> Int? {
    let mark = mark(client, scope)
    let now = UInt64(now / 1000) & Word.timeMask
    let interval = UInt64(max(1, 1_000_000 / rate.perSecond))
    let allowance = interval * UInt64(rate.burst - 1)
    let row = rows[Int(mark & UInt64(rows.count - 1))]
    for _ in 0..<4 {
      let (index, old) = Self.slot(row, mark, now: now)
      let ahead = old.isOf(mark) ? old.ahead(of: now) : 0
      if ahead > allowance { return Int((ahead - allowance + 999_999) / 1_000_000) }
      let new = Word(mark: mark, due: now &+ ahead &+ interval)
      let result = row.slots[index].compareExchange(
        expected: old.value, desired: new.value, ordering: .relaxed)
      if result.exchanged { return nil }
    }
    // So much contention that it is not worth another look.
    return nil
  }

  /// The client's slot, or the one that is given up for it.
  private static func slot(_ row: Row, _ mark: UInt64, now: UInt64) -> (Int, Word) {
    var (best, bestWord) = (0, Word(0))
    var bestAhead = UInt64.max
    for index in 0..<4 {
      let word = Word(row.slots[index].load(ordering: .relaxed))
      if word.isOf(mark) { return (index, word) }
      let ahead = word.ahead(of: now)
      if ahead < bestAhead { (best, bestWord, bestAhead) = (index, word, ahead) }
    }
    return (best, bestWord)
  }

  /// A number that only this process knows of the client.
  private func mark(_ client: IPAddress, _ scope: Int) -> UInt64 {
    var value = client.high ^ seeds.0
    value = Self.mix(value) ^ client.low
    value = Self.mix(value ^ seeds.1) ^ UInt64(truncatingIfNeeded: scope)
    return Self.mix(value)
  }

  private static func mix(_ value: UInt64) -> UInt64 {
    var value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
    return value ^ value >> 31
  }
}
