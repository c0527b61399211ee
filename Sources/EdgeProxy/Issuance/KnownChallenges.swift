internal import ACME
internal import Etcd

/// The challenge values that etcd has.
///
/// It does no I/O.
struct KnownChallenges {
  private let prefix: String
  private var known: [[UInt8]: ChallengeValue] = [:]
  /// Keys for which there was no room since the last listing.
  private(set) var refused = 0

  /// Values that are taken; a fleet has a few at a time.
  static let countMax = 1000

  init(prefix: String) { self.prefix = prefix }

  var values: Set<ChallengeValue> { Set(known.values) }

  mutating func apply(_ changes: Changes) {
    if changes.isListing { refused = 0 }
    for key in changes.removed { known[key] = nil }
    for keyValue in changes.put {
      let value = ChallengeKey.decode(
        key: keyValue.key, value: keyValue.value, prefix: prefix)
      if value != nil, known[keyValue.key] == nil, known.count >= Self.countMax {
        refused += 1
      } else {
        known[keyValue.key] = value
      }
    }
  }
}
