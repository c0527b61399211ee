/// How long to wait before trying again: 100 ms, twice that, and so on up to 1 s.
///
/// Each pause is spread over its upper half, so that edges that lost etcd together do not come back
/// together.
package struct Backoff {
  package static let first = Duration.milliseconds(100)
  package static let longest = Duration.seconds(1)

  private var random: any RandomNumberGenerator
  /// How many pauses there were since the last success.
  package private(set) var step = 0

  package init(random: any RandomNumberGenerator = SystemRandomNumberGenerator()) {
    self.random = random
  }

  /// The next pause, between half of its nominal length and all of it.
  package mutating func next() -> Duration {
    let nominal = min(Self.first * (1 << min(step, 10)), Self.longest)
    step += 1
    return nominal / 2 + nominal * Int(random.next() % 501) / 1000
  }

  /// Begins anew after a success.
  package mutating func reset() { step = 0 }
}
