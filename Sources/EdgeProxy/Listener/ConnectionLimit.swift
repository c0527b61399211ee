internal import HTTPCore

/// Counts the connections of each client on one worker.
struct ConnectionLimit {
  private var counts: [IPAddress: Int] = [:]

  /// Counts one more; `false` where that would be too many.
  mutating func enter(_ client: IPAddress, countMax: Int) -> Bool {
    let count = counts[client, default: 0]
    guard count < countMax else { return false }
    counts[client] = count + 1
    return true
  }

  mutating func leave(_ client: IPAddress) {
    guard let count = counts[client] else { return }
    counts[client] = count > 1 ? count - 1 : nil
  }
}
