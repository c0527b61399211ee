/// The names that a set of certificates answers for, while certificates come and go.
///
/// The rule is that of `NameTable`: a name itself, or the wildcard in place of its first label.
struct Coverage {
  /// How many certificates have each name.
  private var counts: [[UInt8]: Int] = [:]

  init(_ items: [EntryBuilder.Item]) {
    for item in items { insert(item) }
  }

  /// What patterns cover: names, or `*.` and a name.
  init(names: [[UInt8]]) {
    for name in names { counts[name, default: 0] += 1 }
  }

  mutating func insert(_ item: EntryBuilder.Item) {
    for name in item.names { counts[name, default: 0] += 1 }
  }

  mutating func remove(_ item: EntryBuilder.Item) {
    for name in item.names {
      let rest = (counts[name] ?? 0) - 1
      counts[name] = rest > 0 ? rest : nil
    }
  }

  /// Whether a host, or a wildcard as a whole, is covered.
  func covers(_ name: [UInt8]) -> Bool {
    if counts[name] != nil { return true }
    guard let wildcard = Self.wildcard(over: name) else { return false }
    return counts[wildcard] != nil
  }

  /// The wildcard that covers a name; of a wildcard it is itself.
  static func wildcard(over name: [UInt8]) -> [UInt8]? {
    guard let dot = name.firstIndex(of: UInt8(ascii: ".")), dot > 0 else { return nil }
    return [UInt8(ascii: "*")] + name[dot...]
  }
}
