/// Counts the connections of each client address on one worker.
struct ConnectionLimit {
  private var counts: [[UInt8]: Int] = [:]

  /// Counts one more; `false` where that would be too many.
  mutating func enter(_ address: [UInt8], countMax: Int) -> Bool {
    let count = counts[address, default: 0]
    guard count < countMax else { return false }
    counts[address] = count + 1
    return true
  }

  mutating func leave(_ address: [UInt8]) {
    guard let count = counts[address] else { return }
    counts[address] = count > 1 ? count - 1 : nil
  }
}
