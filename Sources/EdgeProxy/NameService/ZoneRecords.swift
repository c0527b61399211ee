internal import DNSCore

/// The names of a zone and their records as an answer has them.
///
/// All lies in four lists, and a name is found by the bytes of a question as they came: a query allocates
/// nothing and counts no references.
struct ZoneRecords: Sendable {
  /// All records of one name and type.
  struct RecordSet: Sendable {
    let type: DNSType
    let count: Int
    fileprivate let start: Int
    fileprivate let end: Int
    /// What one of them measures, where they are of one size and take turns; else 0.
    fileprivate let each: Int

    /// How many go into an answer.
    var answered: Int { each > 0 ? min(count, ZoneAnswers.addressesMax) : count }
    /// What those measure.
    var bytes: Int { each > 0 ? answered * each : end - start }
  }

  /// One name, which is there even without records.
  struct Node: Sendable {
    fileprivate let nameStart: Int
    fileprivate let nameEnd: Int
    fileprivate let firstSet: Int
    fileprivate let endOfSets: Int

    var hasRecords: Bool { firstSet < endOfSets }
  }

  private let nodes: [Node]
  /// Places in `nodes`, each at the hash of its name or behind that; -1 where there is none.
  ///
  /// At least half are free.
  private let slots: [Int32]
  private let sets: [RecordSet]
  /// All names within the zone, without the zone's, in small letters.
  private let names: [UInt8]
  private let records: [UInt8]

  init(_ draft: ZoneDraft) {
    var (nodes, sets, names, records): ([Node], [RecordSet], [UInt8], [UInt8]) = ([], [], [], [])
    var size = 8
    while size < draft.names.count * 2 { size *= 2 }
    var slots = [Int32](repeating: -1, count: size)
    for (name, drafts) in draft.names {
      let (nameStart, firstSet) = (names.count, sets.count)
      names += name
      for set in drafts {
        let start = records.count
        for record in set.records { records += record }
        let takeTurns = set.type == .ipv4 || set.type == .ipv6
        sets.append(
          RecordSet(
            type: set.type, count: set.records.count, start: start, end: records.count,
            each: takeTurns ? set.records.first?.count ?? 0 : 0))
      }
      var slot = Int(Self.hash(name.span, from: 0, to: name.count)) & (size - 1)
      while slots[slot] >= 0 { slot = (slot + 1) & (size - 1) }
      slots[slot] = Int32(clamping: nodes.count)
      nodes.append(
        Node(
          nameStart: nameStart, nameEnd: names.count, firstSet: firstSet, endOfSets: sets.count))
    }
    (self.nodes, self.slots, self.sets) = (nodes, slots, sets)
    (self.names, self.records) = (names, records)
  }

  /// The node of a name, whose part within the zone is at these places of a message.
  func node(_ query: borrowing Span<UInt8>, from start: Int, to end: Int) -> Node? {
    var slot = Int(Self.hash(query, from: start, to: end)) & (slots.count - 1)
    // A free one comes sooner than all are seen.
    for _ in 0..<slots.count {
      let number = Int(slots[slot])
      guard number >= 0 else { return nil }
      let node = nodes[number]
      if isName(of: node, query, from: start, to: end) { return node }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  func set(_ type: DNSType, of node: Node) -> RecordSet? {
    var place = node.firstSet
    while place < node.endOfSets {
      let set = sets[place]
      if set.type == type { return set }
      place += 1
    }
    return nil
  }

  /// Writes as many records of a set as go into an answer, of those that take turns another one first at
  /// each `turn`.
  ///
  /// Clients ask for IPv4 and IPv6 in pairs, so the one to begin with is not `turn` modulo the count: with two
  /// addresses each question for IPv4 would get the same one. Multiples of the golden ratio are spread evenly,
  /// and so are every second of them.
  func append(_ set: RecordSet, turn: Int, to out: inout [UInt8]) {
    guard set.each > 0, set.count > 1 else {
      out += records[set.start..<set.end]
      return
    }
    let part = UInt64(truncatingIfNeeded: turn) &* 0x9e37_79b9_7f4a_7c15
    let skipped = Int(truncatingIfNeeded: part.multipliedFullWidth(by: UInt64(set.count)).high)
    let first = set.start + skipped * set.each
    let end = min(set.end, first + set.bytes)
    out += records[first..<end]
    out += records[set.start..<(set.start + set.bytes - (end - first))]
  }

  // MARK: Names

  private func isName(
    of node: Node, _ query: borrowing Span<UInt8>, from start: Int, to end: Int
  ) -> Bool {
    guard end - start == node.nameEnd - node.nameStart else { return false }
    var place = 0
    while place < end - start {
      guard Self.small(query[start + place]) == names[node.nameStart + place] else { return false }
      place += 1
    }
    return true
  }

  /// FNV-1a over small letters.
  ///
  /// The names are the fleet's own, so nobody outside can choose them to meet in one slot.
  private static func hash(
    _ bytes: borrowing Span<UInt8>, from start: Int, to end: Int
  ) -> UInt32 {
    var value: UInt32 = 0x811c_9dc5
    var place = start
    while place < end {
      value = (value ^ UInt32(small(bytes[place]))) &* 0x0100_0193
      place += 1
    }
    // The low bits choose the slot.
    return value ^ value >> 15
  }

  /// RFC 4343; lengths of labels are below all letters.
  static func small(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }
}
