/// The keys that a call is about.
package enum KeyRange: Hashable, Sendable {
  /// This one key.
  case key([UInt8])
  /// All keys that begin so; all there are for an empty prefix.
  case prefix([UInt8])
  /// All keys from the first on that come before the second, as `end` gives it.
  case between([UInt8], [UInt8])

  /// The `key` field: where the range begins.
  ///
  /// etcd refuses an empty key, so byte 0 stands for it.
  package var start: [UInt8] {
    switch self {
    case .key(let key): key
    case .prefix(let prefix): prefix.isEmpty ? [0] : prefix
    case .between(let first, _): first
    }
  }

  /// The `range_end` field: the first key beyond; empty for one key, byte 0 for no end.
  package var end: [UInt8] {
    if case .between(_, let end) = self { return end }
    guard case .prefix(var prefix) = self else { return [] }
    while let last = prefix.popLast() {
      if last < 0xff { return prefix + [last + 1] }
    }
    return [0]
  }

  package func contains(_ key: [UInt8]) -> Bool {
    switch self {
    case .key(let one): key == one
    case .prefix(let prefix): key.starts(with: prefix)
    case .between(let first, let end):
      !key.lexicographicallyPrecedes(first) && (end == [0] || key.lexicographicallyPrecedes(end))
    }
  }
}
