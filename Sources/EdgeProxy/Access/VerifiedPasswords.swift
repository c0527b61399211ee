internal import EventLoop

/// Passwords that were right a while ago, so that a browser which sends one with each request costs
/// one check.
///
/// Only right ones come in, so wrong ones can drive none out.
struct VerifiedPasswords: Sendable {
  private var until: [PasswordMark: Instant] = [:]
  /// The marks in the order in which they came; where it is full the oldest gives way.
  private var order: [PasswordMark] = []
  private var oldest = 0
  private let countMax: Int

  /// After that a password is checked again.
  static let period = Duration.seconds(600)

  init(countMax: Int = 4096) { self.countMax = countMax }

  var count: Int { until.count }

  func hold(_ mark: PasswordMark, now: Instant) -> Bool {
    until[mark].map { now < $0 } ?? false
  }

  mutating func note(_ mark: PasswordMark, now: Instant) {
    let isNew = until.updateValue(now + Self.period, forKey: mark) == nil
    guard isNew else { return }
    guard order.count >= countMax else { return order.append(mark) }
    until[order[oldest]] = nil
    order[oldest] = mark
    oldest = (oldest + 1) % countMax
  }
}
