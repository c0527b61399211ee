/// The keys that a call is about.
package enum KeyRange: Hashable, Sendable {
  /// This one key.
  case key([UInt8])
  /// All keys that begin so; all there are for an empty prefix.
  case prefix([UInt8])

  /// The `key` field: where the range begins.
  ///
  /// etcd refuses an empty key, so byte 0 stands for it.
  package var start: [UInt8] {
    switch self {
    case .key(let key): key
    case .prefix(let prefix): prefix.isEmpty ? [0] : prefix
    }
  }

  /// The `range_end` field: the first key beyond; empty for one key, byte 0 for no end.
  package var end: [UInt8] {
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
    }
  }
}
