/// An immutable table from DNS names to values, in which an exact name beats a wildcard.
///
/// A wildcard `*.example.org` covers exactly one label. Names are compared as bytes in their
/// normalised form (lower case, no trailing dot), so a look-up allocates nothing. Certificates and
/// routes use this one table, so that TLS and HTTP cannot disagree about a name.
package struct NameTable<Value: Sendable>: Sendable {
  private struct Entry: Sendable {
    let name: [UInt8]
    let value: Value
  }

  /// Indices into `entries`, open addressing, -1 for a free slot; a power of two in size.
  private let slots: [Int32]
  private let entries: [Entry]

  /// Builds the table; of two equal names the later one wins.
  package init(_ pairs: [(name: [UInt8], value: Value)]) {
    var size = 4
    while size < pairs.count * 2 { size *= 2 }
    var slots = [Int32](repeating: -1, count: size)
    var entries: [Entry] = []
    for pair in pairs {
      let name = pair.name
      var slot = Self.hash(name.span, wildcard: false) & (size - 1)
      while slots[slot] >= 0, entries[Int(slots[slot])].name != pair.name {
        slot = (slot + 1) & (size - 1)
      }
      if slots[slot] >= 0 {
        entries[Int(slots[slot])] = Entry(name: pair.name, value: pair.value)
      } else {
        slots[slot] = Int32(entries.count)
        entries.append(Entry(name: pair.name, value: pair.value))
      }
    }
    self.slots = slots
    self.entries = entries
  }

  package var count: Int { entries.count }

  /// The value for a normalised name: of the exact name, else of the wildcard that covers it.
  package func lookup(_ name: borrowing Span<UInt8>) -> Value? {
    if let found = find(name, wildcard: false) { return found }
    var dot = 0
    while dot < name.count, name[dot] != UInt8(ascii: ".") { dot += 1 }
    guard dot > 0, dot < name.count else { return nil }
    return find(name.extracting(dot..<name.count), wildcard: true)
  }

  /// The value for a normalised name itself, no wildcard tried; `*.` may be part of the name.
  package func exact(_ name: borrowing Span<UInt8>) -> Value? {
    find(name, wildcard: false)
  }

  /// Finds `name`, or `*` followed by `name`.
  private func find(_ name: borrowing Span<UInt8>, wildcard: Bool) -> Value? {
    var slot = Self.hash(name, wildcard: wildcard) & (slots.count - 1)
    while slots[slot] >= 0 {
      let index = Int(slots[slot])
      if matches(index, name, wildcard: wildcard) { return entries[index].value }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  private func matches(_ index: Int, _ name: borrowing Span<UInt8>, wildcard: Bool) -> Bool {
    let candidate = entries[index].name
    let skip = wildcard ? 1 : 0
    guard candidate.count == name.count + skip else { return false }
    if wildcard, candidate[0] != UInt8(ascii: "*") { return false }
    for position in 0..<name.count where candidate[position + skip] != name[position] {
      return false
    }
    return true
  }

  /// FNV-1a.
  ///
  /// Names in the table come from the operator, so nobody outside can make them collide.
  private static func hash(_ name: borrowing Span<UInt8>, wildcard: Bool) -> Int {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    if wildcard { hash = (hash ^ UInt64(UInt8(ascii: "*"))) &* 0x100_0000_01b3 }
    for index in 0..<name.count {
      hash = (hash ^ UInt64(name[index])) &* 0x100_0000_01b3
    }
    return Int(truncatingIfNeeded: hash ^ (hash >> 32))
  }
}
